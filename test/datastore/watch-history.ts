import type { Test } from "tap";
import { type Datastore, DatastoreError, RevisionGone } from "../../src/datastore/datastore.ts";
import type { EtcdDatastore } from "../../src/datastore/etcd/etcd-datastore.ts";
import type { EtcdOptions } from "../../src/datastore/etcd/etcd-options.ts";
import { waitUntil } from "../../src/lab/wait-until.ts";
import { formatKey, keyOf } from "../../src/resources/resource.ts";
import { peer } from "../src/datastore/datastore-support.ts";
import type { EtcdCluster } from "../support/etcd-cluster.ts";
import { openEtcd, optionsFor, PREFIX } from "./etcd-support.ts";
import { openRaw } from "./raw-etcd.ts";

/** Writers have this many objects. */
const OBJECTS = 7;

/**
 * Compares what a watcher was told with what happened. What happened is asked of etcd itself afterwards, revision by revision, because
 * a writer whose request had no answer does not know what it did.
 */
export class WatchHistory {
  readonly #datastore: EtcdDatastore;
  readonly #writer: EtcdDatastore;
  readonly #cluster: EtcdCluster;
  readonly #direct: Partial<EtcdOptions>;
  readonly #abort = new AbortController();
  readonly #told: string[] = [];
  #following: Promise<void> | undefined;
  #writing: Promise<void> | undefined;
  /** What was there at the start. */
  readonly #present = new Set<string>();
  #marks = 0;
  #start = "";
  #last = "";
  #stopWriting = false;
  /** How often the watch gave up and was resumed by its caller. */
  resumed = 0;
  written = 0;

  private constructor(t: Test, cluster: EtcdCluster, options: Partial<EtcdOptions>) {
    const direct = cluster.members.map(({ directEndpoint }) => directEndpoint);
    this.#direct = { ...options, endpoints: direct };
    this.#cluster = cluster;
    this.#datastore = openEtcd(t, cluster, options);
    this.#writer = openEtcd(t, cluster, this.#direct);
    t.teardown(() => this.#stop());
  }

  /** Watches over the wires, or as the options say; writes past the wires, all the time. */
  static async start(
    t: Test,
    cluster: EtcdCluster,
    options: Partial<EtcdOptions> = {},
  ): Promise<WatchHistory> {
    const history = new WatchHistory(t, cluster, options);
    await history.#begin();
    return history;
  }

  /** Waits until the watcher has been told of things that were written after now. */
  async moves(deadlineSeconds = 30): Promise<void> {
    const mark = this.written + OBJECTS * 3;
    await waitUntil("more is written", () => this.written > mark, { deadlineSeconds });
    await this.#caughtUp(deadlineSeconds);
  }

  /** Ends the writing and compares. */
  async check(t: Test): Promise<void> {
    this.#stopWriting = true;
    await this.#writing;
    await this.#caughtUp(30);
    await this.#stop();
    const happened = await this.#happened();
    t.ok(happened.length > 50, `${happened.length} events`);
    const told = this.#told.map((event, index) =>
      happened[index] === "delete" ? (event.split(" ")[0] ?? "") : event,
    );
    t.strictSame(told, happened, "no event lost, none twice, in order");
    const { resources } = await this.#writer.list();
    const present = resources.map((resource) => formatKey(keyOf(resource)));
    t.strictSame([...this.#replayed()].sort(), present.sort(), "deletes are of the right objects");
    t.comment(`${happened.length} events, resumed ${this.resumed} times by the caller`);
  }

  async #begin(): Promise<void> {
    const { resources, revision } = await this.#datastore.list();
    for (const resource of resources) this.#present.add(formatKey(keyOf(resource)));
    this.#start = revision;
    this.#last = revision;
    this.#following = this.#follow();
    this.#writing = this.#write();
    await this.moves();
  }

  async #caughtUp(deadlineSeconds: number): Promise<void> {
    const name = `mark-${this.#start.split("@")[0]}-${this.#marks++}`;
    await waitUntil(
      "a mark is written",
      async () => {
        const { type } = await this.#writer.create(peer(name));
        return type === "written" || type === "alreadyExists";
      },
      { deadlineSeconds },
    );
    const seen = () => this.#told.some((event) => event.startsWith(`put BGPPeer/${name} `));
    await waitUntil("the watcher has caught up", seen, {
      deadlineSeconds,
      whenLate: () =>
        `told ${this.#told.length}, written ${this.written}, last ${this.#told.at(-1)}`,
    });
  }

  async #follow(): Promise<void> {
    const { signal } = this.#abort;
    while (!signal.aborted) {
      try {
        for await (const batch of this.#datastore.watch({ after: this.#last, signal })) {
          for (const event of batch.events) {
            this.#told.push(
              event.type === "put"
                ? `put ${formatKey(keyOf(event.resource))} ${event.resource.metadata.resourceVersion} ${event.resource.spec["asNumber"]}`
                : `delete ${formatKey(event.key)}`,
            );
          }
          this.#last = batch.revision;
        }
      } catch (error) {
        if (error instanceof RevisionGone || !(error instanceof DatastoreError)) throw error;
        this.resumed++;
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }
  }

  async #write(): Promise<void> {
    for (let turn = 0; !this.#stopWriting; turn++) {
      const name = `p${turn % OBJECTS}`;
      try {
        // Every fifth turn deletes, so that each object is made, changed and deleted again and again.
        if (turn % 5 === 4) await this.#writer.delete({ kind: "BGPPeer", name });
        else await createOrUpdate(this.#writer, name, turn);
        this.written++;
      } catch (error) {
        if (!(error instanceof DatastoreError)) throw error;
      }
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  /** The history as etcd has it: what was put at each revision, or that something was deleted. */
  async #happened(): Promise<string[]> {
    const [first, last] = [this.#start, this.#last].map((text) => Number(text.split("@")[0]));
    if (first === undefined || last === undefined) throw new Error("no revisions");
    const raw = await openRaw(optionsFor(this.#cluster, this.#direct));
    const events: string[] = [];
    for (let revision = first + 1; revision <= last; revision++) {
      const put = await raw.putAt(PREFIX, revision);
      if (put === undefined) {
        events.push("delete");
        continue;
      }
      const { metadata, spec } = JSON.parse(put) as ReturnType<typeof peer>;
      events.push(`put BGPPeer/${metadata.name} ${revision} ${spec["asNumber"]}`);
    }
    raw.close();
    return events;
  }

  #replayed(): Set<string> {
    const present = new Set(this.#present);
    for (const event of this.#told) {
      const [type, key = ""] = event.split(" ");
      if (type === "put") present.add(key);
      else present.delete(key);
    }
    return present;
  }

  async #stop(): Promise<void> {
    this.#stopWriting = true;
    this.#abort.abort();
    await Promise.all([this.#following, this.#writing]);
  }
}

async function createOrUpdate(writer: Datastore, name: string, asNumber: number): Promise<void> {
  const updated = await writer.update(peer(name, { asNumber }));
  if (updated.type === "notFound") await writer.create(peer(name, { asNumber }));
}
