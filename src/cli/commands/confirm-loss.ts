import { ApiClient } from "../../api/client.ts";
import type { CommandContext } from "../command.ts";
import { ExitCode } from "../exit-code.ts";

/** `tortie datastore confirm-loss` */
export async function confirmLoss(context: CommandContext): Promise<number> {
  const { did } = await new ApiClient(context.socket).confirmLoss();
  context.stdout.write(`${did}\n`);
  return ExitCode.done;
}
