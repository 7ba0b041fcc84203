import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Test } from "tap";
import type { Datastore, WatchEvent } from "../../../src/datastore/datastore.ts";
import { DirectoryDatastore } from "../../../src/datastore/directory/directory-datastore.ts";
import type { SyncUpdate } from "../../../src/datastore/syncer.ts";
import { formatKey, keyOf, type Resource } from "../../../src/resources/resource.ts";

const DEADLINE_MILLISECONDS = 60_000;

export const V3 = "projectcalico.org/v3";

export function peer(name: string, spec: object = {}): Resource {
  const whole = { peerIP: "10.0.0.1", asNumber: 65001, ...spec };
  return { apiVersion: V3, kind: "BGPPeer", metadata: { name }, spec: whole };
}

export function newDirectory(t: Test): string {
  const directory = mkdtempSync(join(tmpdir(), "tortie-datastore-"));
  t.teardown(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

export function openDirectory(
  t: Test,
  directory = newDirectory(t),
  options: { readonly settleMilliseconds?: number } = {},
): DirectoryDatastore {
  const datastore = new DirectoryDatastore({ directory, pollMilliseconds: 1000, ...options });
  t.teardown(() => datastore.close());
  return datastore;
}

/** Collects events until a condition holds; fails after a deadline. */
export class Watched {
  readonly events: WatchEvent[] = [];
  readonly #abort = new AbortController();
  readonly #iterator: AsyncIterator<{ readonly events: readonly WatchEvent[] }>;

  constructor(datastore: Datastore, after: string) {
    const { signal } = this.#abort;
    this.#iterator = datastore.watch({ after, signal })[Symbol.asyncIterator]();
  }

  get log(): string[] {
    return this.events.map((event) =>
      event.type === "put"
        ? `put ${formatKey(keyOf(event.resource))} ${event.resource.spec["asNumber"]}`
        : `delete ${formatKey(event.key)}`,
    );
  }

  async until(condition: () => boolean): Promise<void> {
    const timer = setTimeout(() => this.#abort.abort(), DEADLINE_MILLISECONDS);
    try {
      while (!condition()) {
        const { value, done } = await this.#iterator.next();
        if (done) throw new Error(`the deadline passed; seen: ${this.log.join(", ")}`);
        this.events.push(...value.events);
      }
    } finally {
      // The process would otherwise live until then.
      clearTimeout(timer);
    }
  }

  stop(): void {
    this.#abort.abort();
  }
}

/** The next update that satisfies the condition. */
export async function nextUpdate(
  updates: AsyncGenerator<SyncUpdate>,
  condition: (update: SyncUpdate) => boolean,
): Promise<SyncUpdate> {
  const deadline = performance.now() + DEADLINE_MILLISECONDS;
  while (performance.now() < deadline) {
    const { value, done } = await updates.next();
    if (done) break;
    if (condition(value)) return value;
  }
  throw new Error("the deadline passed");
}

export const asNumberIn = (update: SyncUpdate, key: string): unknown =>
  (update.resources.get(key)?.spec as { readonly asNumber?: number } | undefined)?.asNumber;
