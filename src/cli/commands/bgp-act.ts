import { ApiClient } from "../../api/client.ts";
import type { CommandContext } from "../command.ts";
import { ExitCode } from "../exit-code.ts";

/** `tortie bgp reset IP` */
export async function bgpReset(context: CommandContext): Promise<number> {
  const { message } = context.options;
  const { did } = await new ApiClient(context.socket).resetPeer(
    context.arguments[0] ?? "",
    typeof message === "string" ? message : undefined,
  );
  context.stdout.write(`${did}\n`);
  return ExitCode.done;
}

/** `tortie bgp refresh IP` */
export async function bgpRefresh(context: CommandContext): Promise<number> {
  const direction = context.options["direction"] as "in" | "out" | "both";
  const client = new ApiClient(context.socket);
  const { did } = await client.refreshPeer(context.arguments[0] ?? "", direction);
  context.stdout.write(`${did}\n`);
  return ExitCode.done;
}
