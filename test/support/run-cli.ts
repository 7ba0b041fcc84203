import { CommanderError } from "commander";
import { COMMANDS } from "../../src/cli/commands.ts";
import { readEnvironment } from "../../src/cli/environment.ts";
import { failureOf, formatFailure } from "../../src/cli/failure.ts";
import { type ParserOptions, runCommandLine } from "../../src/cli/parser.ts";
import { FAKE_NOW } from "./fake-api-source.ts";

export type CliRun = { readonly code: number; readonly stdout: string; readonly stderr: string };

export type CliOptions = { readonly width?: number; readonly env?: NodeJS.ProcessEnv };

/** Runs `tortie` in this process: a line is split at blanks, a list is taken as it is. */
export async function runCli(
  line: string | readonly string[],
  { width, env = {} }: CliOptions = {},
): Promise<CliRun> {
  let [code, stdout, stderr] = [0, "", ""];
  const options: ParserOptions = {
    commands: COMMANDS,
    environment: readEnvironment(env),
    version: () => "1.2.3",
    stdout: {
      write: (text) => {
        stdout += text;
      },
    },
    stderr: {
      write: (text) => {
        stderr += text;
      },
    },
    width,
    now: () => FAKE_NOW,
    onExitCode: (exitCode) => {
      code = exitCode;
    },
  };
  try {
    await runCommandLine(
      typeof line === "string" ? line.split(" ").filter(Boolean) : line,
      options,
    );
  } catch (error) {
    if (error instanceof CommanderError) code = error.exitCode === 0 ? 0 : 2;
    else {
      const failure = failureOf(error);
      stderr += formatFailure(failure);
      code = failure.exitCode;
    }
  }
  return { code, stdout, stderr };
}
