/*
 * Sessions that exist for the case that another one does not do their work. Two nodes with addresses of both families have one
 * session, over IPv4, that carries both; a node that runs one daemon a family (as Calico does) negotiates only IPv4 there,
 * and then the session over IPv6 is needed as well. Until the first session is up nobody knows, so the second waits a while; and it
 * goes only when the first has told all that the second told.
 */
import { addSeconds } from "../types/instant.ts";
import type { IpAddress } from "../types/ip-address.ts";
import type { Peer } from "./peer.ts";
import type { SpeakerContext } from "./speaker-context.ts";

/** How long a session that is down may come up before its standby tries. */
const PATIENCE_SECONDS = 15;

export class StandbyPeers {
  readonly #context: SpeakerContext;
  /** By address: the sessions that others stand by for, and those others. */
  readonly #primaries = new Map<IpAddress, Peer>();
  readonly #standbys = new Map<IpAddress, Peer>();
  /** Those for which something was decided before. */
  readonly #seen = new WeakSet<Peer>();

  constructor(context: SpeakerContext) {
    this.#context = context;
  }

  /** The peers are others now, or configured otherwise. */
  configure(peers: Iterable<Peer>): void {
    this.#primaries.clear();
    this.#standbys.clear();
    const byAddress = new Map<IpAddress, Peer>();
    for (const peer of peers) {
      byAddress.set(peer.config.address, peer);
      const { standbyFor } = peer.config;
      if (standbyFor === undefined) peer.standIn();
      else this.#standbys.set(standbyFor, peer);
    }
    for (const [address, standby] of this.#standbys) {
      const primary = byAddress.get(address);
      if (primary !== undefined) this.#primaries.set(address, primary);
      this.#judge(standby, primary);
    }
  }

  /** Looks again at what depends on sessions that moved. */
  settle(): void {
    const { sessionsMoved } = this.#context;
    // What is judged moves itself, and is judged again: the second time nothing happens.
    for (const { address: own, standbyFor } of sessionsMoved) {
      for (const address of [own, standbyFor]) {
        const standby = address && this.#standbys.get(address);
        if (standby) this.#judge(standby, this.#primaries.get(address));
      }
    }
    sessionsMoved.clear();
  }

  #judge(standby: Peer, primary: Peer | undefined): void {
    if (primary === undefined || primary.config.adminDown !== undefined) standby.standIn();
    else if (!primary.isEstablished) this.#bePatient(standby, primary);
    else if (!carries(primary, standby)) standby.standIn();
    else if (!standby.isEstablished || hasToldAll(primary, standby)) {
      standby.standBy(primary, undefined);
    }
  }

  /** Whoever works already goes on, and whoever waits for a time already waits no longer. */
  #bePatient(standby: Peer, primary: Peer): void {
    const waits = standby.hold.standby;
    if (this.#seen.has(standby) && (waits === undefined || waits.until !== undefined)) return;
    this.#seen.add(standby);
    standby.standBy(primary, addSeconds(this.#context.now, PATIENCE_SECONDS));
  }
}

function carries(primary: Peer, standby: Peer): boolean {
  return standby.config.families.every(({ family }) => primary.routes.negotiated(family));
}

function hasToldAll(primary: Peer, standby: Peer): boolean {
  return standby.config.families.every(({ family }) => primary.routes.hasEndOfRib(family));
}
