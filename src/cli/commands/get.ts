import { DEFAULTS } from "../../resources/defaults.ts";
import type { KindInfo } from "../../resources/kind-info.ts";
import { API_VERSION, formatKey, keyOf, type Resource } from "../../resources/resource.ts";
import type { CommandContext } from "../command.ts";
import { ExitCode } from "../exit-code.ts";
import { CommandFailure } from "../failure.ts";
import { formatOutput } from "../output.ts";
import { columnsOf } from "../resource-columns.ts";
import { keyFrom, namespaceOption, notThere, requireKind } from "../resource-names.ts";
import { readResources } from "../resource-reader.ts";
import { formatTable, type TableView } from "../text-table.ts";

/** `tortie get KIND [NAME…]` */
export async function get(context: CommandContext): Promise<number> {
  if (context.options["watch"] === true) {
    const { watchResources } = await import("../watch-resources.ts");
    return watchResources(context);
  }
  const [words, ...names] = await wanted(context);
  const kinds = words.split(",").map(requireKind);
  const lists: { kind: KindInfo; items: readonly Resource[] }[] = [];
  for (const kind of kinds) {
    const all = await readResources(context, kind.kind);
    lists.push({ kind, items: await chosen(context, { kind, all, names }) });
  }
  const items = lists.flatMap((list) => list.items).map(exported(context));
  const [only] = items;
  const single = names.length === 1 && items.length === 1;
  const kind = kinds.length === 1 ? `${kinds[0]?.kind}List` : "List";
  const value = single ? only : { apiVersion: API_VERSION, kind, items };
  const shown = lists.filter((list) => list.items.length > 0 || lists.length === 1);
  const needsAsNumber = shown.some((list) => list.kind.kind === "Node");
  const globalAsNumber = needsAsNumber
    ? await readGlobalAsNumber(context)
    : DEFAULTS.bgpConfiguration.asNumber;
  const text = await formatOutput(context.output, value, (view) =>
    shown.map((list) => tableOf(context, { ...list, globalAsNumber, view })).join("\n"),
  );
  context.stdout.write(text);
  return ExitCode.done;
}

/** KIND and names as arguments, or taken from the objects of `-f`. */
async function wanted({ rest, options }: CommandContext): Promise<[string, ...string[]]> {
  const [word, ...names] = rest;
  if (word !== undefined) {
    // kubectl's way of writing, "node/host-1", and what `-o name` prints.
    const [kind = "", ...name] = word.split("/");
    return name.length > 0 ? [kind, name.join("/"), ...names] : [word, ...names];
  }
  const file = options["filename"] ?? options["file"];
  if (typeof file === "string") {
    const { readResourceFiles } = await import("../resource-input.ts");
    const { loaded } = readResourceFiles([file], { recursive: options["recursive"] === true });
    const kinds = new Set(loaded.map(({ resource }) => resource.kind));
    const keys = loaded.map(({ resource: { metadata } }) =>
      metadata.namespace === undefined ? metadata.name : `${metadata.namespace}/${metadata.name}`,
    );
    if (kinds.size > 0) return [[...kinds].join(","), ...keys];
  }
  throw new CommandFailure({
    what: "which kind?",
    fix: "tortie get nodes, or tortie get -f FILE",
    exitCode: ExitCode.usage,
  });
}

type Choice = {
  readonly kind: KindInfo;
  readonly all: readonly Resource[];
  readonly names: readonly string[];
};

/** Those of the names, of the namespace and of the labels that were asked for. */
async function chosen(
  context: CommandContext,
  { kind, all, names }: Choice,
): Promise<readonly Resource[]> {
  const { options } = context;
  const namespace = namespaceOption(context);
  if (names.length > 0) {
    const byKey = new Map(all.map((resource) => [formatKey(keyOf(resource)), resource]));
    const keys = names.map((name) => keyFrom(kind.kind, name, namespace));
    const found = keys.flatMap((key) => byKey.get(formatKey(key)) ?? []);
    const missing = keys.find((key) => !byKey.has(formatKey(key)));
    // With several kinds each name belongs to one of them.
    if (missing !== undefined && !String(context.rest[0]).includes(",") && context.rest.length > 0)
      throw notThere(missing);
    return found;
  }
  const here = all.filter(
    ({ metadata }) =>
      kind.scope === "cluster" ||
      typeof options["namespace"] !== "string" ||
      metadata.namespace === namespace,
  );
  const selector = options["selector"];
  return typeof selector === "string" ? withLabels(here, selector) : here;
}

/** Calico's selectors; `key=value,key2=value2`, which kubectl's users type, means the same as with == and &&. */
async function withLabels(
  resources: readonly Resource[],
  text: string,
): Promise<readonly Resource[]> {
  const { matchesSelector, parseSelector } = await import("../../resources/selector.ts");
  const simple = /^[^'"()!=]+=[^'"()!=]+$/;
  const words = text.split(",");
  const selector = words.every((word) => simple.test(word))
    ? words.map((word) => word.replace(/^([^=]+)=(.*)$/, "$1 == '$2'")).join(" && ")
    : text;
  const parsed = parseSelector(selector);
  if (parsed.ok) {
    return resources.filter(({ metadata }) =>
      matchesSelector(parsed.selector, metadata.labels ?? {}),
    );
  }
  throw new CommandFailure({
    what: `-l ${text} is no selector`,
    why: parsed.message,
    fix: "-l \"rack == 'r1'\", or -l rack=r1",
    exitCode: ExitCode.usage,
  });
}

/** `--export` leaves out what belongs to this one cluster. */
function exported({ options }: CommandContext): (resource: Resource) => Resource {
  if (options["export"] !== true) return (resource) => resource;
  return ({ status: _, ...resource }) => {
    const {
      resourceVersion: _version,
      uid: _uid,
      creationTimestamp: _at,
      ...metadata
    } = resource.metadata;
    return { ...resource, metadata };
  };
}

function tableOf(
  { width, options }: CommandContext,
  list: {
    readonly kind: KindInfo;
    readonly items: readonly Resource[];
    readonly globalAsNumber: number;
    readonly view: TableView;
  },
): string {
  return formatTable(columnsOf(list.kind, options, list), list.items, { ...list.view, width });
}

/** What a node without an AS number of its own has: it stands in parentheses. */
async function readGlobalAsNumber(context: CommandContext): Promise<number> {
  const items = await readResources(context, "BGPConfiguration");
  const fallback = items.find(({ metadata }) => metadata.name === "default");
  const asNumber = fallback?.spec["asNumber"];
  return typeof asNumber === "number" ? asNumber : DEFAULTS.bgpConfiguration.asNumber;
}
