import { maximumPrefixesReached } from "../session/notification.ts";
import type { EndCause } from "../session/session-action.ts";
import type { SessionParameters } from "../session/session-parameters.ts";
import { type Family, formatFamily, IPV4_UNICAST, IPV6_UNICAST } from "../types/family.ts";
import { addSeconds, type Instant } from "../types/instant.ts";
import type { IpAddress } from "../types/ip-address.ts";
import type { NotificationMessage, RouteRefreshMessage } from "../wire/message.ts";
import { exportProfileOf } from "./export-profile-of.ts";
import { PeerImport } from "./peer-import.ts";
import type { PeerConfig } from "./speaker-config.ts";
import type { SpeakerContext } from "./speaker-context.ts";
import type { PeerFamilySnapshot } from "./speaker-snapshot.ts";
import { STALE_PATH_SECONDS, StaleFamilies } from "./stale-families.ts";
import type { UpdateTarget } from "./update-reader.ts";

/** ROUTE-REFRESH subtypes. RFC 2918 §3, RFC 7313 §3.2. */
const RefreshSubtype = { request: 0, beginning: 1, end: 2 } as const;

/** A running session, as its routes see it. */
type Running = {
  readonly parameters: SessionParameters;
  readonly localAddress: IpAddress;
  readonly target: UpdateTarget;
  readonly endOfRibReceived: Set<Family>;
  /** Families in which the peer is a member of an update group. */
  readonly joined: Set<Family>;
};

/** A family's limit was passed: the Cease that says so, and when the peer may come back. */
export type LimitExceeded = {
  readonly notification: NotificationMessage;
  readonly restartAfterSeconds: number | undefined;
};

/**
 * All that a peer and the RIB have to do with one another: routes in, stale routes kept and swept, membership in update
 * groups, limits. It outlives sessions, because stale routes do.
 */
export class PeerRoutes {
  readonly index: number;
  readonly #context: SpeakerContext;
  readonly #stale = new StaleFamilies();
  /** Families between BoRR and EoRR, with the time at which we stop to wait for the latter. RFC 7313 §4. */
  readonly #refreshing = new Map<Family, Instant>();
  readonly #warned = new Set<Family>();
  #config: PeerConfig;
  #imports: PeerImport;
  #running: Running | undefined;

  constructor(index: number, config: PeerConfig, context: SpeakerContext) {
    this.index = index;
    this.#config = config;
    this.#context = context;
    this.#imports = this.#newImports();
  }

  /**
   * A session came up: facts for the decision, stale routes that must go, then the peer's share of our routes. Answers
   * the families in which there is nothing to tell, not even End-of-RIB, by an update group.
   */
  established(parameters: SessionParameters, localAddress: IpAddress): readonly Family[] {
    const running = this.#run(parameters, localAddress, { received: new Set(), joined: new Set() });
    this.#running = running;
    this.#setFacts();
    this.#excuse(parameters);
    for (const family of this.#stale.established(parameters, this.#context.now)) {
      this.#sweep(family, "the peer did not preserve forwarding (RFC 4724 §4.2)");
    }
    for (const family of parameters.families) this.#join(family, running);
    return parameters.families.filter((family) => !running.joined.has(family));
  }

  /** The session is over. Routes stay only when the connection was lost and the peer said that it can restart. */
  ended(cause: EndCause): void {
    const running = this.#running;
    if (running === undefined) return;
    this.#running = undefined;
    if (this.#context.frozen) return;
    this.#refreshing.clear();
    const { now, groups, rib } = this.#context;
    const lost = cause.type === "connectionLost";
    const kept = lost ? this.#stale.connectionLost(running.parameters, now) : [];
    if (!lost) this.#stale.clear();
    for (const family of running.parameters.families) {
      groups.leave({ peerIndex: this.index, family });
      if (kept.includes(family)) rib.family(family).markStale(this.index);
      else rib.family(family).removePeer(this.index);
      this.#context.touched.add(family);
    }
    if (kept.length > 0) {
      this.#event("peer.stale", "info", {
        families: kept.map(formatFamily),
        seconds: running.parameters.gracefulRestart?.restartTimeSeconds,
      });
    }
  }

  /** Everything of this peer goes: it is no longer configured, or was shut down. */
  remove(): void {
    this.#stale.clear();
    for (const rib of this.#context.rib.families()) {
      rib.removePeer(this.index);
      this.#context.touched.add(rib.family);
    }
  }

  /** The hot path: one UPDATE. Answers the NOTIFICATION when it was one prefix too many. */
  readUpdate(bytes: Uint8Array, start: number, end: number): LimitExceeded | undefined {
    const running = this.#running;
    if (running === undefined) return undefined;
    const { updates, touched } = this.#context;
    updates.read(bytes, start, end, running.target);
    if (updates.touchedIpv4) touched.add(IPV4_UNICAST);
    if (updates.touchedIpv6) touched.add(IPV6_UNICAST);
    const { cursor } = updates;
    if (cursor.faults.length > 0) {
      this.#event("update.fault", "warn", {
        faults: cursor.faults,
        message: hex(bytes.subarray(start, end)),
      });
    }
    if (cursor.endOfRib !== undefined) this.#endOfRib(cursor.endOfRib, running);
    return this.checkLimits();
  }

  /** The peer asks for our routes again, or marks the ends of what it sends again. RFC 2918 §4, RFC 7313 §4. */
  routeRefresh({ family, subtype }: RouteRefreshMessage): void {
    const parameters = this.#running?.parameters;
    // RFC 2918 §4: a family that was not negotiated is ignored; so are subtypes that nobody has defined.
    if (!parameters?.families.includes(family)) return;
    const { groups, rib, now } = this.#context;
    if (subtype === RefreshSubtype.request) {
      groups.refresh({ peerIndex: this.index, family });
      this.#context.touched.add(family);
      this.#event("peer.refresh", "info", { family: formatFamily(family), direction: "out" });
    } else if (parameters.enhancedRouteRefresh && subtype === RefreshSubtype.beginning) {
      rib.family(family).markStale(this.index);
      this.#refreshing.set(family, addSeconds(now, STALE_PATH_SECONDS));
    } else if (subtype === RefreshSubtype.end && this.#refreshing.delete(family)) {
      this.#sweep(family, "EoRR (RFC 7313 §4.2)");
    }
  }

  /** Takes a new configuration; what it changes for routes is done by `rejudge` and `regroup`. */
  configure(config: PeerConfig): void {
    this.#config = config;
    this.#imports.close();
    this.#imports = this.#newImports();
    if (this.#running === undefined) return;
    const { parameters, localAddress, endOfRibReceived: received, joined } = this.#running;
    this.#running = this.#run(parameters, localAddress, { received, joined });
  }

  /** Import rules changed: the Adj-RIB-In is judged again, without the peer's help. */
  rejudge(): void {
    this.#setFacts();
    const imports = this.#imports;
    for (const rib of this.#context.rib.families()) {
      const ipv6 = rib.family === IPV6_UNICAST;
      rib.rejudge(this.index, (words, length, set) => imports.judge(words, length, ipv6, set));
      this.#context.touched.add(rib.family);
    }
  }

  /** Whether import turns on the interfaces of routes. */
  get importLooksAtInterface(): boolean {
    return this.#imports.looksAtInterface();
  }

  /** Export rules changed: what differs is sent. */
  regroup(): void {
    const running = this.#running;
    if (running === undefined) return;
    for (const family of running.parameters.families) this.#join(family, running);
  }

  /** Sends everything again. */
  refreshOut(): void {
    for (const family of this.#running?.parameters.families ?? []) {
      this.#context.groups.refresh({ peerIndex: this.index, family });
      this.#context.touched.add(family);
    }
  }

  /** Stale routes whose time is over go. RFC 4724 §4.2, RFC 7313 §4.2. */
  tick(now: Instant): void {
    for (const family of this.#stale.expire(now)) this.#sweep(family, "the restart time is over");
    for (const [family, until] of this.#refreshing) {
      if (until > now) continue;
      this.#refreshing.delete(family);
      this.#sweep(family, "EoRR did not come");
    }
  }

  nextDeadline(): Instant | undefined {
    let earliest = this.#stale.nextDeadline();
    for (const until of this.#refreshing.values()) {
      if (earliest === undefined || until < earliest) earliest = until;
    }
    return earliest;
  }

  /** Whether the running session carries the family. */
  negotiated(family: Family): boolean {
    return this.#running?.parameters.families.includes(family) ?? false;
  }

  /** Whether the peer has told all that it has. */
  hasEndOfRib(family: Family): boolean {
    return this.#running?.endOfRibReceived.has(family) ?? false;
  }

  snapshot(): readonly PeerFamilySnapshot[] {
    const { groups, rib } = this.#context;
    return this.#config.families.map(({ family }) => {
      const member = { peerIndex: this.index, family };
      const negotiated = this.negotiated(family);
      return {
        family,
        negotiated,
        ...rib.family(family).counts(this.index),
        advertised: negotiated ? groups.advertised(member) : 0,
        stale: this.#stale.has(family),
        endOfRibReceived: this.hasEndOfRib(family),
        endOfRibSent: negotiated && groups.endOfRibSent(member),
      };
    });
  }

  #newImports(): PeerImport {
    const { config, scope, rib } = this.#context;
    return new PeerImport(this.#config, config, scope, rib);
  }

  #run(
    parameters: SessionParameters,
    localAddress: IpAddress,
    known: { readonly received: Set<Family>; readonly joined: Set<Family> },
  ): Running {
    const { rib } = this.#context;
    const negotiated = (family: Family) =>
      parameters.families.includes(family) ? rib.family(family) : undefined;
    return {
      parameters,
      localAddress,
      endOfRibReceived: known.received,
      joined: known.joined,
      target: {
        peerIndex: this.index,
        context: parameters.receive,
        imports: this.#imports,
        ipv4: negotiated(IPV4_UNICAST),
        ipv6: negotiated(IPV6_UNICAST),
      },
    };
  }

  #setFacts(): void {
    const parameters = this.#running?.parameters;
    if (parameters === undefined) return;
    this.#context.rib.setPeer(this.index, {
      type: parameters.type,
      routeReflectorClient: this.#config.routeReflectorClient,
      routerId: parameters.peerRouterId,
      address: this.#config.address,
      ...(this.#config.origin === "localWorkload" && { behindUs: true }),
    });
  }

  /** Makes the peer a member of the update group that its profile asks for now. */
  #join(family: Family, { parameters, localAddress, joined }: Running): void {
    const { config: speaker, groups, touched } = this.#context;
    const member = { peerIndex: this.index, family };
    const sources = { config: this.#config, speaker, parameters, family, localAddress };
    const profile = exportProfileOf(sources);
    touched.add(family);
    if (profile !== undefined) {
      if (joined.has(family)) groups.regroup(member, profile);
      else groups.join(member, profile);
      joined.add(family);
      return;
    }
    if (joined.delete(family)) groups.leave(member);
    this.#event("peer.noNextHop", "warn", {
      family: formatFamily(family),
      reason: "this host has no address that could be the next hop; nothing is announced",
    });
  }

  /**
   * RFC 4724 §4.1: who cannot restart, or has restarted too and waits for us, is not waited for. A reflector does wait for
   * clients that restarted with it: they do not wait for it, and its End-of-RIB would make all others forget them.
   */
  #excuse({ families, gracefulRestart }: SessionParameters): void {
    const { selection, restartingFamilies } = this.#context;
    for (const family of restartingFamilies) {
      const tells = families.includes(family) && gracefulRestart !== undefined;
      if (!tells) selection?.giveUp(this.#config.name, family);
      else if (gracefulRestart.restarting && !this.#config.routeReflectorClient) {
        selection?.excuse(this.#config.name, family);
      }
    }
  }

  #endOfRib(family: Family, running: Running): void {
    running.endOfRibReceived.add(family);
    this.#context.sessionsMoved.add(this.#config);
    this.#context.selection?.endOfRib(this.#config.name, family);
    if (this.#stale.endOfRib(family)) this.#sweep(family, "End-of-RIB (RFC 4724 §4.2)");
  }

  #sweep(family: Family, reason: string): void {
    this.#context.rib.family(family).sweepStale(this.index);
    this.#context.touched.add(family);
    this.#event("peer.swept", "info", { family: formatFamily(family), reason });
  }

  /** RFC 4486 §4: the bound that was passed goes into the Cease. */
  checkLimits(): LimitExceeded | undefined {
    for (const { family, maxPrefixes } of this.#config.families) {
      if (maxPrefixes === undefined) continue;
      const { limit, warnPercent } = maxPrefixes;
      const { received } = this.#context.rib.family(family).counts(this.index);
      const fields = { family: formatFamily(family), limit, received };
      if (received > limit) {
        this.#event("prefix.limit", "error", fields);
        const { restartAfterSeconds } = maxPrefixes;
        return { notification: maximumPrefixesReached(family, limit), restartAfterSeconds };
      }
      const warns = received * 100 > limit * warnPercent;
      if (warns && !this.#warned.has(family)) this.#event("prefix.warning", "warn", fields);
      if (warns) this.#warned.add(family);
      else this.#warned.delete(family);
    }
    return undefined;
  }

  #event(name: string, level: "info" | "warn" | "error", fields: Record<string, unknown>): void {
    this.#context.event({ name, peer: this.#config.name, level, fields });
  }
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (octet) => octet.toString(16).padStart(2, "0")).join("");
}
