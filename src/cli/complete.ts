import { unreachable } from "../../protocol/types/never.ts";
import { ApiClient } from "../api/client.ts";
import { findKind, KINDS } from "../resources/kinds.ts";
import type { Resource } from "../resources/resource.ts";
import type { Command, Completes, Option } from "./command.ts";
import { type Environment, socketPath } from "./environment.ts";
import { DATASTORE_OPTIONS, GLOBAL_OPTIONS } from "./global-options.ts";

/** What a shell may offer for a word, with a few words about it where that helps. */
export type Candidate = { readonly word: string; readonly about?: string };

export type CompletionQuestion = {
  /** Words after the program's name; the last one is being typed, and may be empty. */
  readonly words: readonly string[];
  readonly commands: readonly Command[];
  readonly environment: Environment;
};

/** A shell waits for the answer while somebody holds the key. */
const MOST_CANDIDATES = 1000;
/** What needs no quotes in any shell; names of objects are written by others. */
const PLAIN_WORD = /^[\w.:/@%+=,-]+$/;

/**
 * What may stand where the last word is: commands, options, their values, and names of objects, as far as the daemon knows them.
 * Without a daemon there are no names, and nothing is said of it: the person is in the middle of a line.
 */
export async function complete(question: CompletionQuestion): Promise<readonly Candidate[]> {
  const typed = question.words.at(-1) ?? "";
  const line = readLine(question);
  const found = await candidatesFor(line, typed, question);
  return found
    .filter(({ word }) => word.startsWith(typed) && PLAIN_WORD.test(word))
    .slice(0, MOST_CANDIDATES);
}

/** What stands before the word: the command as far as it is said, its arguments, and the option whose value is due. */
type Line = {
  readonly command: Command | undefined;
  readonly path: readonly string[];
  readonly arguments: readonly string[];
  readonly due: Option | undefined;
  readonly socket: string | undefined;
  readonly demo: string | undefined;
};

function readLine({ words, commands }: CompletionQuestion): Line {
  const plain: string[] = [];
  const values = new Map<string, string>();
  let due: Option | undefined;
  for (const word of words.slice(0, -1)) {
    if (due !== undefined) {
      values.set(longOf(due), word);
      due = undefined;
    } else if (word.startsWith("-") && word !== "-") {
      const [name = "", value] = splitOnce(word);
      if (value !== undefined) values.set(name, value);
      else due = valuedOption(commandOf(plain, commands), name);
    } else plain.push(word);
  }
  const command = commandOf(plain, commands);
  const depth = command?.path.length ?? 0;
  return {
    command,
    path: plain,
    arguments: plain.slice(depth),
    due,
    socket: values.get("--socket"),
    demo: values.get("--demo"),
  };
}

/** The command with the longest path that the words begin with. */
function commandOf(words: readonly string[], commands: readonly Command[]): Command | undefined {
  return commands
    .filter(({ path }) => path.every((word, i) => words[i] === word))
    .toSorted((a, b) => b.path.length - a.path.length)[0];
}

function optionsOf(command: Command | undefined): readonly Option[] {
  return [
    ...(command?.options ?? []),
    ...(command?.formats
      ? [{ flags: "-o, --output <format>", description: "", choices: command.formats }]
      : []),
    ...(command?.datastore === true ? DATASTORE_OPTIONS : []),
    ...GLOBAL_OPTIONS,
  ];
}

function valuedOption(command: Command | undefined, name: string): Option | undefined {
  const option = optionsOf(command).find(({ flags }) => namesIn(flags).includes(name));
  return option?.flags.includes("<") ? option : undefined;
}

function namesIn(flags: string): readonly string[] {
  return flags.match(/--?[\w-]+/g) ?? [];
}

function longOf({ flags }: Option): string {
  return namesIn(flags).at(-1) ?? "";
}

function splitOnce(word: string): readonly [string, string | undefined] {
  const at = word.indexOf("=");
  return at < 0 ? [word, undefined] : [word.slice(0, at), word.slice(at + 1)];
}

async function candidatesFor(
  line: Line,
  typed: string,
  question: CompletionQuestion,
): Promise<readonly Candidate[]> {
  const { command, due } = line;
  if (due !== undefined) return valuesOf(due, typed, { line, question });
  const [name, value] = splitOnce(typed);
  if (typed.startsWith("-") && value !== undefined) {
    const option = valuedOption(command, name);
    const values = option && (await valuesOf(option, value, { line, question }));
    return (values ?? []).map(({ word }) => ({ word: `${name}=${word}` }));
  }
  if (typed.startsWith("-")) {
    const own = optionsOf(command).map((each) => ({
      word: longOf(each),
      about: each.description,
    }));
    return [...own, { word: "--help", about: "usage and examples" }];
  }
  const next = wordsAfter(line, question.commands);
  const argument = command?.arguments?.[line.arguments.length] ?? lastVariadic(command);
  if (argument?.completes === undefined) return next;
  return [...next, ...(await objectsOf(argument.completes, { line, question }))];
}

/** The next words of commands that begin so. */
function wordsAfter({ path }: Line, commands: readonly Command[]): readonly Candidate[] {
  const found = new Map<string, Candidate>();
  for (const command of commands) {
    const begins = path.every((word, i) => command.path[i] === word);
    const word = command.path[path.length];
    if (!begins || word === undefined) continue;
    const isLast = command.path.length === path.length + 1;
    if (!found.has(word) || isLast) {
      found.set(word, { word, ...(isLast && { about: command.summary }) });
    }
  }
  return [...found.values()];
}

function lastVariadic(command: Command | undefined) {
  const last = command?.arguments?.at(-1);
  return last?.variadic === true ? last : undefined;
}

type Asked = { readonly line: Line; readonly question: CompletionQuestion };

async function valuesOf(
  option: Option,
  typed: string,
  asked: Asked,
): Promise<readonly Candidate[]> {
  if (option.choices !== undefined) return option.choices.map((word) => ({ word }));
  if (option.completes === undefined) return [];
  const found = await objectsOf(option.completes, asked);
  // Of a list with commas, the last name is being typed.
  const before = typed.slice(0, typed.lastIndexOf(",") + 1);
  return found.map(({ word, ...rest }) => ({ word: `${before}${word}`, ...rest }));
}

async function objectsOf(completes: Completes, asked: Asked): Promise<readonly Candidate[]> {
  if (typeof completes !== "string") return completes.map((word) => ({ word }));
  if (completes === "kind") return KINDS.map(({ plural, kind }) => ({ word: plural, about: kind }));
  const { line, question } = asked;
  const client = new ApiClient(socketPath(line, question.environment));
  try {
    return await askDaemon(completes, client, line);
  } catch {
    return [];
  }
}

async function askDaemon(
  completes: Exclude<Completes, readonly string[] | "kind">,
  client: ApiClient,
  line: Line,
): Promise<readonly Candidate[]> {
  switch (completes) {
    case "peer": {
      const { items } = await client.peers();
      return items.flatMap(({ name, address, state }) => [
        { word: address, about: `${name}, ${state}` },
        { word: name, about: `${address}, ${state}` },
      ]);
    }
    case "workload":
      return (await client.workloads()).items.map(({ name }) => ({ word: name }));
    case "node":
      return namesOf(client, "Node");
    case "namespace": {
      const items = await objects(client, "WorkloadEndpoint");
      const names = items.flatMap(({ metadata: { namespace } }) => namespace ?? []);
      return [...new Set(names)].map((word) => ({ word }));
    }
    case "object": {
      const kind = findKind(line.arguments[0] ?? "");
      return kind === undefined ? [] : namesOf(client, kind.kind);
    }
    default:
      return unreachable(completes);
  }
}

async function namesOf(client: ApiClient, kind: string): Promise<readonly Candidate[]> {
  const items = await objects(client, kind);
  return items.map(({ metadata: { name, namespace } }) => ({
    word: namespace === undefined ? name : `${namespace}/${name}`,
  }));
}

async function objects(client: ApiClient, kind: string): Promise<readonly Resource[]> {
  return (await client.resources(kind)).items as readonly Resource[];
}
