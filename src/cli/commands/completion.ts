import type { CommandContext } from "../command.ts";
import { completionScript, SHELLS } from "../completion-script.ts";
import { ExitCode } from "../exit-code.ts";
import { CommandFailure } from "../failure.ts";

/** `tortie completion SHELL` */
export async function completion(context: CommandContext): Promise<number> {
  const shell = SHELLS.find((each) => each === context.arguments[0]);
  if (shell === undefined) {
    throw new CommandFailure({
      what: `there is no completion for ${context.arguments[0]}`,
      fix: `use one of ${SHELLS.join(", ")}`,
      exitCode: ExitCode.usage,
    });
  }
  context.stdout.write(completionScript(shell));
  return ExitCode.done;
}
