import { ApiClient } from "../../api/client.ts";
import type { CommandContext } from "../command.ts";
import { ExitCode } from "../exit-code.ts";

/** `tortie node stop` */
export async function nodeStop(context: CommandContext): Promise<number> {
  const { cleanup, message } = context.options;
  const { did } = await new ApiClient(context.socket).stop({
    mode: "shutdown",
    cleanup: cleanup === true,
    ...(typeof message === "string" && { message }),
  });
  context.stdout.write(`${did}\n`);
  return ExitCode.done;
}
