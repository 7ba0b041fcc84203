import { ApiClient } from "../../api/client.ts";
import type { CommandContext } from "../command.ts";
import { ExitCode } from "../exit-code.ts";

/** `tortie node drain`; until `undrain`, or a restart of the daemon. */
export function nodeDrain(context: CommandContext): Promise<number> {
  return drain(context, true);
}

/** `tortie node undrain` */
export function nodeUndrain(context: CommandContext): Promise<number> {
  return drain(context, false);
}

async function drain({ socket, stdout }: CommandContext, on: boolean): Promise<number> {
  const { did } = await new ApiClient(socket).drain(on);
  stdout.write(`${did}\n`);
  return ExitCode.done;
}
