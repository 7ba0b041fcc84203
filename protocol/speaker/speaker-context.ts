import { Rib } from "../rib/rib.ts";
import type { Family } from "../types/family.ts";
import type { Instant } from "../types/instant.ts";
import { objectArray } from "../types/object-array.ts";
import { ConnectionTable } from "./connection-table.ts";
import { UpdateGroups } from "./export/update-groups.ts";
import { ImportScope } from "./import-scope.ts";
import type { Peer } from "./peer.ts";
import type { SelectionDeferral } from "./selection-deferral.ts";
import type { PeerConfig, SpeakerConfig } from "./speaker-config.ts";
import type { ConnectionId, SpeakerAction, SpeakerEvent } from "./speaker-io.ts";
import { UpdateReader } from "./update-reader.ts";

/** What a Speaker is made with: its dice, and limits in place of the usual ones. */
export type SpeakerOptions = {
  readonly random: () => number;
  readonly limits?: {
    /** Entries that a reader of changes may fall behind before it walks the table; a power of two. */
    readonly logCapacity?: number;
    /** Octets that a peer may fall behind its update group before it catches up from the table. */
    readonly maxLagOctets?: number;
  };
};

/**
 * What the parts of one Speaker share: its tables, the time of the input that is being handled, and the list of actions
 * that grows while it is. There is one for each Speaker, and it decides nothing.
 */
export class SpeakerContext {
  readonly rib: Rib;
  readonly groups: UpdateGroups;
  readonly updates: UpdateReader;
  readonly random: () => number;
  /** Families whose tables may have changed since the driver was last told. */
  readonly touched = new Set<Family>();
  readonly connections = new ConnectionTable<Peer>();
  /** Families whose forwarding went on while our process restarted; empty after an ordinary start. RFC 4724 §4.1. */
  readonly restartingFamilies: ReadonlySet<Family>;
  now: Instant;
  /** Peers whose earliest deadline may be another now. */
  readonly moved = new Set<Peer>();
  /** Peers whose session changed its state, or was told all of a family. */
  readonly sessionsMoved = new Set<PeerConfig>();
  /** A connection was given nothing although its update groups have still to be read. */
  outputDelayed = false;
  /** We are stopping: the tables stay as they are, so that no reader takes routes out of the kernel. */
  frozen = false;
  config: SpeakerConfig;
  readonly scope: ImportScope;
  /** Present when this start is a graceful restart. */
  selection: SelectionDeferral | undefined;

  #actions = objectArray<SpeakerAction>();
  #nextOutgoing = 1;

  constructor(config: SpeakerConfig, { random, limits }: SpeakerOptions, now: Instant) {
    this.now = now;
    this.restartingFamilies = new Set(config.gracefulRestart?.preservedFamilies);
    this.config = config;
    this.scope = new ImportScope(config);
    this.random = random;
    this.rib = new Rib(config.decision, limits);
    this.groups = new UpdateGroups(this.rib, limits);
    this.updates = new UpdateReader(this.rib.attributeSets);
  }

  act(action: SpeakerAction): void {
    this.#actions.push(action);
  }

  event(event: SpeakerEvent): void {
    this.#actions.push({ type: "event", event });
  }

  takeActions(): readonly SpeakerAction[] {
    const actions = this.#actions;
    this.#actions = objectArray();
    return actions;
  }

  /** Outgoing connections have odd numbers. */
  nextConnection(): ConnectionId {
    const id = this.#nextOutgoing;
    this.#nextOutgoing += 2;
    return id;
  }
}
