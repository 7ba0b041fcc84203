import type { Environment } from "./environment.ts";
import type { OutputFormat } from "./output.ts";

/**
 * One row of the table of commands. Parser, help, completion and man page are all made from these rows; what a command
 * does is imported only when it runs, so that `tortie` starts fast.
 */
export type Command = {
  /** Words that name it: ["bgp", "peers"]. */
  readonly path: readonly string[];
  readonly summary: string;
  readonly description?: string;
  readonly arguments?: readonly Argument[];
  readonly options?: readonly Option[];
  readonly examples: readonly Example[];
  /** Takes `--output`. */
  readonly formats?: readonly string[];
  /** Reads or writes the datastore: takes `--config`, `--directory` and `--etcd-endpoints` (datastore.ts). */
  readonly datastore?: true;
  readonly load: () => Promise<CommandRun>;
};

/** Carries a command out; the number is the program's exit code (exit-code.ts). */
export type CommandRun = (context: CommandContext) => Promise<number>;

export type Argument = {
  readonly name: string;
  readonly description: string;
  readonly required: boolean;
  readonly variadic?: boolean;
  readonly completes?: Completes;
};

/** What a shell offers for a value (complete.ts): these words, or names that the daemon knows. */
export type Completes =
  | "kind"
  /** Objects of the kind that the argument before names. */
  | "object"
  | "node"
  | "namespace"
  | "peer"
  | "workload"
  | readonly string[];

/** `flags` as commander writes them: "-o, --output <format>". */
export type Option = {
  readonly flags: string;
  readonly description: string;
  readonly default?: string;
  readonly choices?: readonly string[];
  readonly completes?: Completes;
};

export type Example = { readonly command: string; readonly does: string };

/** What a running command may use of the world. */
export type CommandContext = {
  readonly arguments: readonly (string | undefined)[];
  readonly rest: readonly string[];
  readonly options: { readonly [name: string]: string | boolean | undefined };
  readonly output: OutputFormat;
  /** The daemon's API socket, after `--socket` and `--demo`. */
  readonly socket: string;
  readonly stdout: TextSink;
  readonly stderr: TextSink;
  /** Columns of the terminal; undefined when the output is not a terminal: then nothing is dropped. */
  readonly width: number | undefined;
  readonly now: Date;
  readonly environment: Environment;
  /** The whole table, for what is made from it. */
  readonly commands: readonly Command[];
};

export type TextSink = { readonly write: (text: string) => void };
