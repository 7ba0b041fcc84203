import { ApiClient } from "../../api/client.ts";
import type { CommandContext } from "../command.ts";
import { ExitCode } from "../exit-code.ts";
import { CommandFailure } from "../failure.ts";

/** `tortie node stop` */
export async function nodeStop(context: CommandContext): Promise<number> {
  const { cleanup, message } = context.options;
  const client = new ApiClient(context.socket);
  await refuseWhileInUse(client, context);
  const { did } = await client.stop({
    mode: "shutdown",
    cleanup: cleanup === true,
    ...(typeof message === "string" && { message }),
  });
  context.stdout.write(`${did}\n`);
  return ExitCode.done;
}

/** As calicoctl did, under whose name scripts call it; `tortie node stop` is an operator's word and stops. */
async function refuseWhileInUse(client: ApiClient, context: CommandContext): Promise<void> {
  if (context.environment.program !== "calicoctl" || context.options["force"] === true) return;
  const { items } = await client.workloads();
  if (items.length === 0) return;
  throw new CommandFailure({
    what: "Current host has active endpoints so can't be stopped.",
    fix: "calicoctl node stop --force",
    exitCode: ExitCode.conflict,
  });
}
