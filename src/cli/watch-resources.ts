import { type Datastore, RevisionGone, type WatchEvent } from "../datastore/datastore.ts";
import { DEFAULTS } from "../resources/defaults.ts";
import type { KindInfo } from "../resources/kind-info.ts";
import { withoutPasswords } from "../resources/password.ts";
import { formatKey, keyOf, type Resource, type ResourceKey } from "../resources/resource.ts";
import type { CommandContext } from "./command.ts";
import { withDatastore } from "./datastore.ts";
import { ExitCode } from "./exit-code.ts";
import { formatOutput, type OutputFormat } from "./output.ts";
import { columnsOf } from "./resource-columns.ts";
import { keyFrom, namespaceOption, requireKind } from "./resource-names.ts";
import { formatTable } from "./text-table.ts";

/**
 * `tortie get KIND -w`: what is there, then each change as it comes, until interrupted. A table gets a line for each, with a
 * column EVENT; JSON lines are `{"type": "put" | "delete", "object": …}`.
 */
export function watchResources(context: CommandContext): Promise<number> {
  const aborter = new AbortController();
  process.once("SIGINT", () => aborter.abort());
  process.once("SIGTERM", () => aborter.abort());
  return withDatastore(context, async (datastore) => {
    const watch = new ResourceWatch(context);
    while (!aborter.signal.aborted) await watch.follow(datastore, aborter.signal);
    return ExitCode.interrupted;
  });
}

/** What has been told so far, and the telling of what differs. */
class ResourceWatch {
  readonly #context: CommandContext;
  readonly #kind: KindInfo;
  /** Empty: every object of the kind. */
  readonly #keys: readonly string[];
  readonly #known = new Map<string, Resource>();
  #told = 0;

  constructor(context: CommandContext) {
    const [word = "", ...names] = context.rest;
    this.#context = context;
    this.#kind = requireKind(word);
    const namespace = namespaceOption(context);
    this.#keys = names.map((name) => formatKey(keyFrom(word, name, namespace)));
  }

  /** From a listing to the end of its watch; too long asleep, what changed meanwhile is seen by the next listing. */
  async follow(datastore: Datastore, signal: AbortSignal): Promise<void> {
    const { resources, revision } = await datastore.list({ kinds: [this.#kind.kind] });
    await this.#reconcile(resources);
    try {
      for await (const { events } of datastore.watch({ after: revision, signal })) {
        for (const event of events) await this.#take(event);
      }
    } catch (error) {
      if (!(error instanceof RevisionGone)) throw error;
    }
  }

  async #reconcile(listed: readonly Resource[]): Promise<void> {
    const now = new Set(listed.map((resource) => formatKey(keyOf(resource))));
    for (const [key, resource] of this.#known) {
      if (!now.has(key)) await this.#take({ type: "delete", key: keyOf(resource) });
    }
    for (const resource of listed) {
      const known = this.#known.get(formatKey(keyOf(resource)));
      const same = known?.metadata.resourceVersion === resource.metadata.resourceVersion;
      if (known === undefined || !same) await this.#take({ type: "put", resource });
    }
  }

  async #take(event: WatchEvent): Promise<void> {
    const resourceKey = event.type === "put" ? keyOf(event.resource) : event.key;
    if (!this.#isWanted(resourceKey)) return;
    const key = formatKey(resourceKey);
    const resource = event.type === "put" ? event.resource : this.#known.get(key);
    if (event.type === "put") this.#known.set(key, event.resource);
    else this.#known.delete(key);
    if (resource !== undefined) this.#context.stdout.write(await this.#text(event.type, resource));
  }

  #isWanted(key: ResourceKey): boolean {
    if (key.kind !== this.#kind.kind) return false;
    return this.#keys.length === 0 || this.#keys.includes(formatKey(key));
  }

  #text(type: WatchEvent["type"], resource: Resource): Promise<string> {
    const object = withoutPasswords(resource);
    const format: OutputFormat = this.#context.output === "json" ? "jsonl" : this.#context.output;
    const first = this.#told++ === 0;
    return formatOutput(format, format === "jsonl" ? { type, object } : object, (view) => {
      const { asNumber: globalAsNumber } = DEFAULTS.bgpConfiguration;
      const columns = columnsOf(this.#kind, this.#context.options, { globalAsNumber });
      // Lines come one by one: no column can wait for its widest cell.
      const padded = columns.map((column) => ({ ...column, header: column.header.padEnd(18) }));
      const event = { header: "EVENT ", value: () => type };
      const text = formatTable([event, ...padded], [object], { ...view, width: undefined });
      return first ? text : text.slice(text.indexOf("\n") + 1);
    });
  }
}
