import {
  Command as CommanderCommand,
  Option as CommanderOption,
  InvalidArgumentError,
} from "commander";
import type { Command, CommandContext, Option, TextSink } from "./command.ts";
import { type Environment, socketPath } from "./environment.ts";
import { DATASTORE_OPTIONS, GLOBAL_OPTIONS } from "./global-options.ts";
import { type OutputFormat, parseOutputFormat } from "./output.ts";

/** What the parser needs to know of the world. */
export type ParserOptions = {
  readonly commands: readonly Command[];
  readonly environment: Environment;
  readonly version: () => string;
  readonly stdout: TextSink;
  readonly stderr: TextSink;
  readonly width: number | undefined;
  readonly now: () => Date;
  /** Told the exit code of the command that ran. */
  readonly onExitCode: (code: number) => void;
};

const GROUPS: { readonly [word: string]: string } = {
  bgp: "Sessions and routes",
  node: "This host's daemon",
  datastore: "Where resources are kept",
  ipam: "Addresses: who has which, and how many are left",
};

/** Parses a command line and runs what it names. Throws CommanderError, or what the command throws. */
export async function runCommandLine(
  argv: readonly string[],
  options: ParserOptions,
): Promise<void> {
  const [first, ...rest] = argv;
  // What completion scripts ask; people have no use for it, so it is in no help.
  if (first === "__complete") {
    const { complete } = await import("./complete.ts");
    const { commands, environment, stdout } = options;
    const found = await complete({ words: rest, commands, environment });
    for (const { word, about } of found) stdout.write(`${word}${about ? `\t${about}` : ""}\n`);
    return;
  }
  await makeParser(rowsFor(argv, options.commands), options).parseAsync(argv, { from: "user" });
}

/** commander is made to know only the rows that can be meant: a hundred commands with their options take it some time. */
function rowsFor(argv: readonly string[], commands: readonly Command[]): readonly Command[] {
  const named = commands.filter(({ path }) => path[0] === argv[0]);
  return named.length === 0 ? commands : named;
}

/** commander's parser, made from rows of the table. It throws CommanderError instead of leaving the process. */
function makeParser(rows: readonly Command[], options: ParserOptions): CommanderCommand {
  const { environment } = options;
  const root = configure(new CommanderCommand(environment.program), options)
    .description("Pure-L3 networking: what this host's daemon does, and why")
    .usage("<command> [options]")
    .helpCommand("help [command]", "help for a command");
  for (const option of GLOBAL_OPTIONS) root.addOption(makeOption(option));
  const groups = new Map<string, CommanderCommand>();
  for (const command of rows) {
    const parent = groupOf(groups, root, command.path.slice(0, -1), options);
    const made = makeCommand(command, options);
    parent.addCommand(made);
    // A command may also be a group: `node` starts the daemon, `node stop` is a row of its own, further down.
    groups.set(command.path.join(" "), made);
  }
  return root.addHelpText("after", `\nExamples:\n${examplesText(rows.slice(0, 4), environment)}`);
}

/** The command that the first words name, made when it is needed: groups may lie in groups. */
function groupOf(
  groups: Map<string, CommanderCommand>,
  root: CommanderCommand,
  words: readonly string[],
  options: ParserOptions,
): CommanderCommand {
  if (words.length === 0) return root;
  const path = words.join(" ");
  const known = groups.get(path);
  if (known !== undefined) return known;
  const group = configure(new CommanderCommand(words.at(-1)), options).description(
    GROUPS[path] ?? path,
  );
  groups.set(path, group);
  groupOf(groups, root, words.slice(0, -1), options).addCommand(group);
  return group;
}

function makeCommand(command: Command, options: ParserOptions): CommanderCommand {
  const made = configure(new CommanderCommand(command.path.at(-1) ?? ""), options)
    .summary(command.summary)
    .description(command.description ?? `${command.summary}.`);
  for (const { name, description, required, variadic } of command.arguments ?? []) {
    const dots = variadic === true ? "..." : "";
    made.argument(required ? `<${name}${dots}>` : `[${name}${dots}]`, description);
  }
  for (const option of command.options ?? []) made.addOption(makeOption(option));
  if (command.formats) made.addOption(outputOption(command.formats));
  if (command.datastore === true) {
    for (const option of DATASTORE_OPTIONS) made.addOption(makeOption(option));
  }
  for (const option of GLOBAL_OPTIONS) made.addOption(makeOption(option));
  made.addHelpText("after", `\nExamples:\n${examplesText([command], options.environment)}`);
  return made.action(() => run(command, made, options));
}

function makeOption({ flags, description, default: standard, choices }: Option): CommanderOption {
  const option = new CommanderOption(flags, description);
  if (standard !== undefined) option.default(standard);
  if (choices !== undefined) option.choices([...choices]);
  return option;
}

function outputOption(formats: readonly string[]): CommanderOption {
  const text = `how to write the answer: ${formats.join(", ")} (default: table)`;
  return new CommanderOption("-o, --output <format>", text).argParser((word) => {
    const format = parseOutputFormat(word);
    if (format !== undefined) return format;
    // calicoctl's templates name fields of its Go structures (.ObjectMeta.Name), not of the JSON.
    if (/^(go-)?template(-file)?\b/.test(word)) {
      throw new InvalidArgumentError(
        "Go templates are not supported: use -o jsonpath='{range .items[*]}{.metadata.name}{\"\\n\"}{end}' or -o custom-columns=NAME:.metadata.name.",
      );
    }
    throw new InvalidArgumentError(`Allowed choices are ${formats.join(", ")}.`);
  });
}

async function run(
  command: Command,
  made: CommanderCommand,
  options: ParserOptions,
): Promise<void> {
  const given = made.optsWithGlobals<CommandContext["options"]>();
  const text = (name: string) => (typeof given[name] === "string" ? given[name] : undefined);
  const execute = await command.load();
  const code = await execute({
    arguments: made.args,
    rest: made.args,
    options: given,
    output: (text("output") ?? "table") as OutputFormat,
    socket: socketPath({ socket: text("socket"), demo: text("demo") }, options.environment),
    stdout: options.stdout,
    stderr: options.stderr,
    width: options.width,
    now: options.now(),
    environment: options.environment,
    commands: options.commands,
  });
  options.onExitCode(code);
}

function configure(
  command: CommanderCommand,
  { stdout, stderr, width }: ParserOptions,
): CommanderCommand {
  return command
    .exitOverride()
    .showHelpAfterError("  fix: add --help for usage and examples")
    .configureOutput({
      writeOut: (text) => stdout.write(text),
      writeErr: (text) => stderr.write(text),
      getOutHelpWidth: () => width ?? 100,
      getErrHelpWidth: () => width ?? 100,
    });
}

function examplesText(commands: readonly Command[], { program }: Environment): string {
  const examples = commands.flatMap((command) => command.examples);
  const longest = Math.max(...examples.map(({ command }) => command.length));
  return examples
    .map(({ command, does }) => `  ${program} ${command.padEnd(longest)}  # ${does}\n`)
    .join("");
}
