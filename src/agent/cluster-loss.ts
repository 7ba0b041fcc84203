import { type Datastore, DatastoreError } from "../datastore/datastore.ts";
import { type Loss, LossGuard, type Population } from "../datastore/loss-guard.ts";
import { API_VERSION, formatKey, type Resource, type ResourceKey } from "../resources/resource.ts";
import type { AnyResource } from "../resources/schemas.ts";
import type { EventLog } from "./event-log.ts";
import { HostMemory } from "./host-memory.ts";

/** What is remembered of the cluster from one run to the next, to know a loss that happened in between. */
export type ClusterMemory = {
  readonly population: Population;
  /** The last confirmation that was seen. */
  readonly confirmed?: string;
};

export type ClusterLossOptions = {
  readonly datastore: Datastore;
  readonly log: EventLog;
  /** Undefined where no earlier state is known that could stay in force. */
  readonly remembered: ClusterMemory | undefined;
  readonly remember: (memory: ClusterMemory) => void;
  readonly confirmAfterSeconds: number | undefined;
};

/** Every host learns from here that a loss was meant: the confirmation is for the cluster, not for one host. */
const MARKER: ResourceKey = { kind: "ClusterInformation", name: "default" };
const ANNOTATION = "tortie/loss-confirmed";
/** Others that write the marker at the same time are few. */
const MOST_TRIES = 5;

/**
 * What this host does when most of the cluster has vanished from the datastore: nothing, until a person confirms on any host
 * (`tortie datastore confirm-loss`), the confirmation reaches it through the datastore, or a timer that is off by default ends.
 */
export class ClusterLoss {
  readonly guard: LossGuard<AnyResource>;
  readonly #options: ClusterLossOptions;
  #loss: Loss | undefined;
  #confirmed: string | undefined;
  #remembered = "";
  /** Each object that comes or goes is another population: what many in a row leave is written, not each. */
  readonly #memory: HostMemory<ClusterMemory>;
  #writtenConfirmed: string | undefined;

  constructor(options: ClusterLossOptions) {
    const { remembered, confirmAfterSeconds } = options;
    this.#options = options;
    this.#confirmed = remembered?.confirmed;
    this.#writtenConfirmed = remembered?.confirmed;
    this.#memory = new HostMemory((memory) => options.remember(memory));
    this.guard = new LossGuard({ remembered: remembered?.population, confirmAfterSeconds });
  }

  /** What the datastore's follower says after each change. */
  take({
    loss,
    inSync,
    resources,
  }: {
    readonly loss: Loss | undefined;
    readonly inSync: boolean;
    readonly resources: ReadonlyMap<string, AnyResource>;
  }): void {
    this.#tell(loss);
    this.#loss = loss;
    const confirmed = resources.get(formatKey(MARKER))?.metadata.annotations?.[ANNOTATION];
    if (loss !== undefined) {
      if (confirmed !== undefined && confirmed !== this.#confirmed) {
        this.guard.requestConfirmation();
      }
      return;
    }
    this.#confirmed = confirmed;
    if (inSync) this.#remember(confirmed);
  }

  /** Takes the loss for meant, here and on every host. Throws when there is none. */
  async confirm(): Promise<Loss> {
    const loss = this.#loss;
    if (loss === undefined) throw new Error("nothing is lost");
    this.#options.log.log("warn", "operator.confirm-loss", { lost: loss.lost, of: loss.of });
    await this.#mark(new Date().toISOString());
    this.guard.requestConfirmation();
    return loss;
  }

  close(): void {
    this.#memory.flush();
    this.guard.close();
  }

  #tell(loss: Loss | undefined): void {
    const { log } = this.#options;
    if (loss !== undefined && this.#loss === undefined) {
      const { lost, of, atStart } = loss;
      log.log("error", "datastore.loss", {
        lost,
        of,
        atStart,
        fix: "restore the datastore, or: tortie datastore confirm-loss",
      });
    }
    if (loss === undefined && this.#loss !== undefined) log.log("warn", "datastore.loss-over", {});
  }

  #remember(confirmed: string | undefined): void {
    const { population } = this.guard;
    const memory = { population, ...(confirmed !== undefined && { confirmed }) };
    const text = JSON.stringify(memory);
    if (text === this.#remembered) return;
    this.#remembered = text;
    this.#memory.remember(memory);
    // What a person has confirmed is not asked again after a crash.
    if (confirmed !== this.#writtenConfirmed) this.#memory.flush();
    this.#writtenConfirmed = confirmed;
  }

  async #mark(instant: string): Promise<void> {
    const { datastore } = this.#options;
    for (let tries = 0; tries < MOST_TRIES; tries++) {
      const stored = await datastore.get(MARKER);
      const { type } = stored
        ? await datastore.update(marked(stored, instant))
        : await datastore.create(marked(newMarker(), instant));
      if (type === "written") return;
    }
    throw new DatastoreError(`${formatKey(MARKER)} is written by others all the time`);
  }
}

function marked(resource: Resource, instant: string): Resource {
  const { metadata } = resource;
  const annotations = { ...metadata.annotations, [ANNOTATION]: instant };
  return { ...resource, metadata: { ...metadata, annotations } };
}

function newMarker(): Resource {
  const { kind, name } = MARKER;
  return { apiVersion: API_VERSION, kind, metadata: { name }, spec: {} };
}
