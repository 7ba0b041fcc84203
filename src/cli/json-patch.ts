import { equalJson } from "../lib/exact-json.ts";
import { ExitCode } from "./exit-code.ts";
import { CommandFailure } from "./failure.ts";

type Json = { readonly [name: string]: unknown };

/** JSON Merge Patch: objects are merged, null removes, everything else replaces. RFC 7396 §2. */
export function mergePatch(target: unknown, patch: unknown): unknown {
  if (!isObject(patch)) return patch;
  const merged = new Map(isObject(target) ? Object.entries(target) : []);
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) merged.delete(name);
    else merged.set(name, mergePatch(merged.get(name), value));
  }
  return Object.fromEntries(merged);
}

/** JSON Patch: operations one after the other, all or nothing. RFC 6902 §4. */
export function applyJsonPatch(target: unknown, patch: unknown): unknown {
  if (!Array.isArray(patch)) throw wrong("a JSON patch is a list of operations");
  let result = target;
  for (const operation of patch as readonly Json[]) result = applyOperation(result, operation);
  return result;
}

function applyOperation(target: unknown, operation: Json): unknown {
  const { op, value } = operation;
  const path = pointer(operation["path"]);
  switch (op) {
    case "add":
      return change(target, path, { type: "add", value });
    case "replace":
      return change(target, path, { type: "replace", value });
    case "remove":
      return change(target, path, { type: "remove" });
    case "copy":
      return change(target, path, { type: "add", value: read(target, pointer(operation["from"])) });
    case "move": {
      const from = pointer(operation["from"]);
      const moved = read(target, from);
      return change(change(target, from, { type: "remove" }), path, { type: "add", value: moved });
    }
    case "test":
      if (equalJson(read(target, path), value)) return target;
      throw wrong(`test failed: ${operation["path"]} is something else`);
    default:
      throw wrong(`"${op}" is no operation`, "add, remove, replace, move, copy, test");
  }
}

type Change =
  | { readonly type: "add" | "replace"; readonly value: unknown }
  | { readonly type: "remove" };

/** A copy of the target with one place changed. RFC 6901 says how a place is written. */
function change(target: unknown, path: readonly string[], what: Change): unknown {
  const [name, ...rest] = path;
  if (name === undefined) return what.type === "remove" ? undefined : what.value;
  if (Array.isArray(target)) return changeList(target, [name, ...rest], what);
  if (!isObject(target)) throw wrong(`there is no "${name}" in ${typeof target}`);
  if (rest.length === 0 && what.type === "add") return { ...target, [name]: what.value };
  if (!Object.hasOwn(target, name)) throw wrong(`there is no "${name}"`);
  if (rest.length === 0 && what.type === "remove") {
    return Object.fromEntries(Object.entries(target).filter(([each]) => each !== name));
  }
  return { ...target, [name]: change(target[name], rest, what) };
}

function changeList(
  list: readonly unknown[],
  [name, ...rest]: readonly [string, ...string[]],
  what: Change,
): readonly unknown[] {
  const adding = rest.length === 0 && what.type === "add";
  const index = name === "-" ? list.length : /^(0|[1-9]\d*)$/.test(name) ? Number(name) : -1;
  if (index < 0 || index > list.length || (index === list.length && !adding)) {
    throw wrong(`there is no element "${name}"`);
  }
  if (adding) return list.toSpliced(index, 0, what.value);
  if (rest.length === 0 && what.type === "remove") return list.toSpliced(index, 1);
  return list.with(index, change(list[index], rest, what));
}

function read(target: unknown, path: readonly string[]): unknown {
  let value = target;
  for (const name of path) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, name)) {
      throw wrong(`there is no "${name}"`);
    }
    value = (value as Json)[name];
  }
  return value;
}

/** "/spec/filters/0": "~1" is a slash, "~0" a tilde. RFC 6901 §3. */
function pointer(text: unknown): readonly string[] {
  if (text === "") return [];
  if (typeof text !== "string" || !text.startsWith("/"))
    throw wrong(`"${text}" is no JSON Pointer`, "/spec/asNumber");
  return text
    .slice(1)
    .split("/")
    .map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"));
}

function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function wrong(what: string, fix?: string): CommandFailure {
  return new CommandFailure({
    what: `the patch cannot be applied: ${what}`,
    fix,
    exitCode: ExitCode.invalidInput,
  });
}
