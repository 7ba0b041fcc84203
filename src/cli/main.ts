import { CommanderError } from "commander";
import { version } from "../lib/version.ts";
import { COMMANDS } from "./commands.ts";
import { readEnvironment } from "./environment.ts";
import { ExitCode } from "./exit-code.ts";
import { failureOf, formatFailure } from "./failure.ts";
import { type ParserOptions, runCommandLine } from "./parser.ts";

async function main(argv: readonly string[]): Promise<void> {
  process.exitCode = ExitCode.done;
  // The reader of a pipe may leave early, as head does: that is no error.
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") process.exit(ExitCode.done);
    throw error;
  });
  const options: ParserOptions = {
    commands: COMMANDS,
    environment: readEnvironment(process.env),
    version,
    stdout: process.stdout,
    stderr: process.stderr,
    width: process.stdout.isTTY ? process.stdout.columns : undefined,
    now: () => new Date(),
    onExitCode: (code) => {
      process.exitCode = code;
    },
  };
  try {
    await runCommandLine(argv, options);
  } catch (error) {
    // commander has said what is wrong; help and version end this way too, with code 0.
    if (error instanceof CommanderError) {
      process.exitCode = error.exitCode === 0 ? ExitCode.done : ExitCode.usage;
      return;
    }
    const failure = failureOf(error);
    process.stderr.write(formatFailure(failure));
    process.exitCode = failure.exitCode;
  }
}

await main(process.argv.slice(2));
