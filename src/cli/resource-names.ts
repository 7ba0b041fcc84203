import { findKind, KINDS } from "../resources/kinds.ts";
import { formatKey, type ResourceKey } from "../resources/resource.ts";
import type { CommandContext } from "./command.ts";
import { ExitCode } from "./exit-code.ts";
import { CommandFailure } from "./failure.ts";

/** The objects that KIND NAME… name. */
export function keysOf(context: Pick<CommandContext, "rest" | "options">): readonly ResourceKey[] {
  const [word = "", ...names] = context.rest;
  if (names.length === 0) {
    throw new CommandFailure({
      what: "which one?",
      fix: `add a name; tortie get ${word} lists them`,
      exitCode: ExitCode.usage,
    });
  }
  return names.map((name) => keyFrom(word, name, namespaceOption(context)));
}

/** The one object that KIND NAME names. */
export function keyOfArguments(context: Pick<CommandContext, "rest" | "options">): ResourceKey {
  const [key, ...more] = keysOf(context);
  if (key !== undefined && more.length === 0) return key;
  throw new CommandFailure({ what: "one object at a time", exitCode: ExitCode.usage });
}

/** "web" in the namespace of `-n`, or "NAMESPACE/web". */
export function keyFrom(word: string, name: string, namespace: string): ResourceKey {
  const { kind, scope } = requireKind(word);
  if (scope === "cluster") return { kind, name };
  const [first = "", rest] = name.split("/");
  return rest === undefined ? { kind, namespace, name } : { kind, namespace: first, name: rest };
}

/** `-n`; Calico's default. */
export function namespaceOption({ options }: Pick<CommandContext, "options">): string {
  return typeof options["namespace"] === "string" ? options["namespace"] : "default";
}

/** The kind that a word names, or a failure that lists them. */
export function requireKind(word: string): NonNullable<ReturnType<typeof findKind>> {
  const kind = findKind(word);
  if (kind !== undefined) return kind;
  throw new CommandFailure({
    what: `no kind is called ${word}`,
    fix: `use one of ${KINDS.map(({ plural }) => plural).join(", ")}`,
    exitCode: ExitCode.usage,
  });
}

/** There is no such object. */
export function notThere(key: ResourceKey, fix?: string): CommandFailure {
  const list = `tortie get ${findKind(key.kind)?.plural ?? key.kind}`;
  return new CommandFailure({
    what: `there is no ${formatKey(key)}`,
    fix: fix ?? `${list} says what there is`,
    exitCode: ExitCode.failed,
  });
}
