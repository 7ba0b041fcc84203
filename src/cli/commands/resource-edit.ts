import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadYaml } from "../../resources/load-yaml.ts";
import { formatKey, keyOf, type Resource } from "../../resources/resource.ts";
import { validateResource } from "../../resources/validate.ts";
import { formatValidationError } from "../../resources/validation-error.ts";
import { changeOne } from "../change-resources.ts";
import type { CommandContext } from "../command.ts";
import { withDatastore } from "../datastore.ts";
import { ExitCode } from "../exit-code.ts";
import { CommandFailure } from "../failure.ts";
import { applyJsonPatch, mergePatch } from "../json-patch.ts";
import { toYaml } from "../output.ts";
import { comparable, replacement } from "../resource-change.ts";
import { keyOfArguments, notThere } from "../resource-names.ts";
import { parseYaml } from "../yaml-text.ts";

/** `tortie patch KIND NAME -p PATCH` */
export function patch(context: CommandContext): Promise<number> {
  const key = keyOfArguments(context);
  const { patch: text, type } = context.options;
  if (typeof text !== "string") {
    throw new CommandFailure({
      what: "-p PATCH is missing",
      fix: `-p '{"spec": {"disabled": true}}'`,
      exitCode: ExitCode.usage,
    });
  }
  const change = parsePatch(text);
  return changeOne(context, {
    verb: "patched",
    plan: async (datastore) => {
      const before = await datastore.get(key);
      if (before === undefined) throw notThere(key);
      const after = type === "json" ? applyJsonPatch(before, change) : mergePatch(before, change);
      return { key, before, after: checked(after, before) };
    },
  });
}

/** `tortie label KIND NAME key=value… key-` */
export function label(context: CommandContext): Promise<number> {
  return changeMap(context, "labels");
}

/** `tortie annotate KIND NAME key=value… key-` */
export function annotate(context: CommandContext): Promise<number> {
  return changeMap(context, "annotations");
}

/** `tortie edit KIND NAME`: the editor is opened again until the object is good or left unchanged. */
export async function edit(context: CommandContext): Promise<number> {
  const key = keyOfArguments(context);
  const before = await withDatastore(context, (datastore) => datastore.get(key));
  if (before === undefined) throw notThere(key);
  const folder = mkdtempSync(join(tmpdir(), "tortie-edit-"));
  try {
    // mkdtemp makes a folder that only this user may enter: the object may hold a key.
    const wanted = await editUntilGood(context, before, join(folder, `${key.name}.yaml`));
    if (wanted === undefined) {
      context.stdout.write(`${formatKey(key)} unchanged\n`);
      return ExitCode.done;
    }
    const { resourceVersion } = before.metadata;
    const metadata = {
      ...wanted.metadata,
      ...(resourceVersion !== undefined && { resourceVersion }),
    };
    // One attempt: the object that was edited must still be the one that is stored.
    return await changeOne(context, {
      verb: "edited",
      plan: async () => replacement(before, { ...wanted, metadata }),
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function editUntilGood(
  { environment }: CommandContext,
  before: Resource,
  file: string,
): Promise<Resource | undefined> {
  const original = (await toYaml(comparable(before))).trim();
  let text = `# Saved and valid, it is stored; left as it is or emptied, nothing happens.\n${original}\n`;
  for (let refused = original; ; ) {
    writeFileSync(file, text, { mode: 0o600 });
    openEditor(environment.editor, file);
    const body = readFileSync(file, "utf8")
      .replace(/^#.*\n/gm, "")
      .trim();
    if (body === "" || body === original) return undefined;
    const { resource, wrong } = readEdited(body, before);
    if (resource !== undefined) return resource;
    // An editor that nobody sits at would be opened for ever.
    if (body === refused) throw leftWrong(wrong);
    refused = body;
    const comment = wrong.join("\n").replace(/^/gm, "# ");
    text = `# Not stored:\n${comment}\n${body}\n`;
  }
}

type Edited = { readonly resource?: Resource; readonly wrong: readonly string[] };

function readEdited(body: string, before: Resource): Edited {
  const { resources, errors } = loadYaml(body, { file: "edited", unknownFields: "error" });
  const wrong = errors.filter(({ severity }) => severity === "error").map(formatValidationError);
  if (wrong.length > 0) return { wrong };
  const [only] = resources;
  if (only === undefined || resources.length > 1) return { wrong: ["must be one object"] };
  const isSame = formatKey(keyOf(only.resource)) === formatKey(keyOf(before));
  return isSame
    ? { resource: only.resource, wrong }
    : { wrong: ["kind and name cannot be changed"] };
}

function leftWrong(wrong: readonly string[]): CommandFailure {
  return new CommandFailure({
    what: "the object is not valid, and was left so; nothing was stored",
    why: wrong.join("\n"),
    exitCode: ExitCode.invalidInput,
  });
}

/** The words of $EDITOR are a command with its options, as in every shell. */
function openEditor(editor: string, file: string): void {
  const { status, error } = spawnSync("/bin/sh", ["-c", `${editor} "$1"`, "sh", file], {
    stdio: "inherit",
  });
  if (status === 0) return;
  throw new CommandFailure({
    what: `the editor ${editor} failed; nothing was stored`,
    why: error?.message ?? `it ended with ${status}`,
    fix: "set EDITOR",
    exitCode: ExitCode.failed,
  });
}

type MapChange = { readonly set: Map<string, string>; readonly remove: ReadonlySet<string> };

function changeMap(context: CommandContext, field: "labels" | "annotations"): Promise<number> {
  const { rest, options } = context;
  const key = keyOfArguments({ ...context, rest: rest.slice(0, 2) });
  const { set, remove } = mapChange(rest.slice(2), { remove: options["remove"] === true });
  const overwrite = options["overwrite"] === true;
  return changeOne(context, {
    verb: field === "labels" ? "labelled" : "annotated",
    plan: async (datastore) => {
      const before = await datastore.get(key);
      if (before === undefined) throw notThere(key);
      const had = before.metadata[field] ?? {};
      const taken = [...set].find(
        ([name, value]) => Object.hasOwn(had, name) && had[name] !== value,
      );
      if (taken !== undefined && !overwrite) throw alreadySet(taken[0], had[taken[0]]);
      const kept = Object.entries(had).filter(([name]) => !remove.has(name));
      const metadata = {
        ...before.metadata,
        [field]: { ...Object.fromEntries(kept), ...Object.fromEntries(set) },
      };
      return { key, before, after: checked({ ...before, metadata }, before) };
    },
  });
}

/** "rack=r1" sets, "rack-" removes; with `--remove` "rack" removes, as in calicoctl. */
function mapChange(words: readonly string[], { remove }: { readonly remove: boolean }): MapChange {
  const set = new Map<string, string>();
  const removed = new Set<string>();
  for (const word of words) {
    const at = word.indexOf("=");
    if (remove || (at < 0 && word.endsWith("-"))) removed.add(word.replace(/(=.*|-)$/, ""));
    else if (at > 0) set.set(word.slice(0, at), word.slice(at + 1));
    else throw usage(`"${word}" is neither KEY=VALUE nor KEY-`);
  }
  if (set.size + removed.size === 0) throw usage("KEY=VALUE is missing");
  return { set, remove: removed };
}

function alreadySet(name: string, value: string | undefined): CommandFailure {
  return new CommandFailure({
    what: `${name} is ${value} already`,
    fix: "add --overwrite",
    exitCode: ExitCode.conflict,
  });
}

function usage(what: string): CommandFailure {
  return new CommandFailure({
    what,
    fix: "tortie label node host-1 rack=r1",
    exitCode: ExitCode.usage,
  });
}

/** YAML, of which JSON is a part. */
function parsePatch(text: string): unknown {
  try {
    return parseYaml(text);
  } catch (cause) {
    const details = { what: "the patch is not JSON or YAML", exitCode: ExitCode.invalidInput };
    throw new CommandFailure(details, { cause });
  }
}

/** The patched object, if it is still the same object and a good one. */
function checked(after: unknown, before: Resource): Resource {
  const validated = validateResource(after, { unknownFields: "warning" });
  if (!validated.ok) {
    const [first] = validated.complaints;
    throw new CommandFailure({
      what: "the object would not be valid; nothing was written",
      why: first && `${first.path.join(".")}: ${first.message}`,
      fix: first?.fix,
      exitCode: ExitCode.invalidInput,
    });
  }
  if (formatKey(keyOf(validated.resource)) !== formatKey(keyOf(before))) {
    throw new CommandFailure({
      what: "kind and name cannot be changed",
      exitCode: ExitCode.invalidInput,
    });
  }
  return validated.resource;
}
