import { CeaseSubcode, cease } from "../session/notification.ts";
import type { Instant } from "../types/instant.ts";
import type { IpAddress } from "../types/ip-address.ts";
import { hostPrefix, prefixFamily } from "../types/prefix.ts";
import { Peer } from "./peer.ts";
import { effectOnAll, renamedPeers, sameContent } from "./peer-change.ts";
import type { SpeakerConfig } from "./speaker-config.ts";
import type { SpeakerContext } from "./speaker-context.ts";
import { StandbyPeers } from "./standby-peers.ts";

/** Peer indexes in the RIB; 0 is this host itself. */
const MAX_PEER_INDEX = 65_534;

const LOCAL_NAME = "local";

/** The peer whose deadline comes first. */
type First = { readonly peer: Peer | undefined; readonly at: Instant | undefined };

const NOBODY: First = { peer: undefined, at: undefined };

/** The peers of a speaker, in the order of its configuration, and what a new configuration means for them. */
export class PeerTable {
  readonly #context: SpeakerContext;
  readonly #standbys: StandbyPeers;
  #peers = new Map<string, Peer>();
  readonly #byIndex = new Map<number, Peer>();
  #lastIndex = 0;
  #changed = true;
  #first: First = NOBODY;

  constructor(context: SpeakerContext) {
    this.#context = context;
    this.#standbys = new StandbyPeers(context);
  }

  get size(): number {
    return this.#peers.size;
  }

  [Symbol.iterator](): Iterator<Peer> {
    return this.#peers.values();
  }

  named(name: string): Peer | undefined {
    return this.#peers.get(name);
  }

  /** The peer that a connection comes from; of several with one address, the one that names our end. */
  at(remote: IpAddress, local: IpAddress): Peer | undefined {
    const candidates = [...this.#peers.values()].filter(({ config }) => config.address === remote);
    return candidates.find(({ config }) => config.localAddress === local) ?? candidates[0];
  }

  nameOf(peerIndex: number): string {
    return peerIndex === 0 ? LOCAL_NAME : (this.#byIndex.get(peerIndex)?.name ?? `#${peerIndex}`);
  }

  indexOf(name: string): number | undefined {
    return name === LOCAL_NAME ? 0 : this.#peers.get(name)?.routes.index;
  }

  addresses(): readonly IpAddress[] {
    return [...this.#peers.values()].map(({ config }) => config.address);
  }

  /** True once after each change of the set of peers. */
  takeChanged(): boolean {
    const changed = this.#changed;
    this.#changed = false;
    return changed;
  }

  some(holds: (peer: Peer) => boolean): boolean {
    for (const peer of this) if (holds(peer)) return true;
    return false;
  }

  count(holds: (peer: Peer) => boolean): number {
    let count = 0;
    for (const peer of this) if (holds(peer)) count++;
    return count;
  }

  tick(now: Instant): void {
    if ((this.nextDeadline() ?? Number.POSITIVE_INFINITY) > now) return;
    for (const peer of this) {
      if ((peer.nextDeadline() ?? Number.POSITIVE_INFINITY) <= now) peer.tick(now);
    }
  }

  /** Only peers that moved are looked at, unless the one that was first moved back. */
  nextDeadline(): Instant | undefined {
    const { moved } = this.#context;
    for (const peer of moved) {
      const at = peer.nextDeadline();
      if (isBefore(at, this.#first.at)) this.#first = { peer, at };
      else if (peer === this.#first.peer && at !== this.#first.at) {
        this.#first = this.#findFirst();
        break;
      }
    }
    moved.clear();
    return this.#first.at;
  }

  /** Starts the peers that have never been started. */
  startNew(): void {
    for (const peer of this) if (!peer.isStarted) peer.start();
  }

  /** Finds the differences between what is and what is wanted, and makes them. */
  configure(config: SpeakerConfig): void {
    const before = this.#context.config;
    this.#context.config = config;
    this.#rename(config);
    this.#removeAbsent(config);
    this.#speakerChanged(before, config);
    const peers = new Map<string, Peer>();
    for (const wanted of config.peers) {
      const peer = this.#peers.get(wanted.name) ?? this.#add(wanted);
      peers.set(wanted.name, peer);
      if (sameContent(peer.config, wanted)) continue;
      peer.configure(wanted);
      this.#changed = true;
    }
    this.#peers = peers;
    this.#standbys.configure(this);
  }

  /** Sessions that stand by for others begin or end where those moved. */
  settleStandbys(): void {
    if (this.#context.sessionsMoved.size > 0) this.#standbys.settle();
  }

  #findFirst(): First {
    let first = NOBODY;
    for (const peer of this) {
      const at = peer.nextDeadline();
      if (isBefore(at, first.at)) first = { peer, at };
    }
    return first;
  }

  /** Who only changes its name goes on: a mesh that becomes route reflection must not lose its sessions. */
  #rename(config: SpeakerConfig): void {
    const before = [...this].map((peer) => peer.config);
    for (const [name, former] of renamedPeers(before, config.peers)) {
      const peer = this.#peers.get(former.name);
      if (peer === undefined) continue;
      this.#peers.delete(former.name);
      this.#peers.set(name, peer);
      const fields = { before: former.name };
      this.#context.event({ name: "peer.renamed", peer: name, level: "info", fields });
    }
  }

  #removeAbsent(config: SpeakerConfig): void {
    const wanted = new Set(config.peers.map(({ name }) => name));
    for (const [name, peer] of [...this.#peers]) {
      if (wanted.has(name)) continue;
      peer.stop(cease(CeaseSubcode.peerDeconfigured), "no longer configured");
      peer.routes.remove();
      this.#peers.delete(name);
      this.#byIndex.delete(peer.routes.index);
      this.#context.moved.delete(peer);
      if (this.#first.peer === peer) this.#first = this.#findFirst();
      this.#changed = true;
    }
  }

  #add(config: SpeakerConfig["peers"][number]): Peer {
    const peer = new Peer(this.#freeIndex(), config, this.#context);
    this.#byIndex.set(peer.routes.index, peer);
    this.#changed = true;
    return peer;
  }

  /** The next index that nobody uses and whose routes are gone: an index that comes back too early would inherit them. */
  #freeIndex(): number {
    for (let tried = 0; tried < MAX_PEER_INDEX; tried++) {
      this.#lastIndex = (this.#lastIndex % MAX_PEER_INDEX) + 1;
      const index = this.#lastIndex;
      const used =
        this.#byIndex.has(index) ||
        this.#context.rib.families().some((rib) => rib.counts(index).received > 0);
      if (!used) return index;
    }
    throw new RangeError(`more than ${MAX_PEER_INDEX} peers`);
  }

  /** What concerns all peers. */
  #speakerChanged(before: SpeakerConfig, after: SpeakerConfig): void {
    if (before === after) return;
    if (!sameContent(before.decision, after.decision)) {
      this.#context.rib.configure(after.decision);
      for (const { family } of this.#context.rib.families()) this.#context.touched.add(family);
    }
    const moved = this.#context.scope.update(after);
    const effect = effectOnAll(before, after);
    if (effect === "none") {
      for (const peer of this.#concerned(moved)) peer.routes.rejudge();
      return;
    }
    for (const peer of this) peer.speakerChanged();
    for (const peer of this) peer.speakerEffect(effect);
  }

  /** Peers that have announced one of these addresses: only their routes can be judged otherwise now. */
  #concerned(addresses: readonly IpAddress[]): ReadonlySet<Peer> {
    const peers = new Set<Peer>();
    for (const prefix of addresses.map(hostPrefix)) {
      for (const { peerIndex } of this.#context.rib.family(prefixFamily(prefix)).explain(prefix)) {
        const peer = this.#byIndex.get(peerIndex);
        if (peer !== undefined) peers.add(peer);
      }
    }
    return peers;
  }
}

function isBefore(a: Instant | undefined, b: Instant | undefined): boolean {
  return a !== undefined && (b === undefined || a < b);
}
