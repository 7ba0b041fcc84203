import { CeaseSubcode, cease } from "../session/notification.ts";
import type { Family } from "../types/family.ts";
import { addSeconds, type Instant } from "../types/instant.ts";
import type { IpAddress } from "../types/ip-address.ts";
import { unreachable } from "../types/never.ts";
import type { NotificationMessage } from "../wire/message.ts";
import { Connection } from "./connection.ts";
import { earliest } from "./earliest.ts";
import { readMessages } from "./message-reader.ts";
import { Originations, ROUTED_FAMILIES } from "./originations.ts";
import type { Peer } from "./peer.ts";
import { PeerTable } from "./peer-table.ts";
import { RouteListing } from "./route-listing.ts";
import { SelectionDeferral } from "./selection-deferral.ts";
import type { Origination, SpeakerConfig } from "./speaker-config.ts";
import { SpeakerContext, type SpeakerOptions } from "./speaker-context.ts";
import type { ConnectionId, OperatorCommand, SpeakerAction, SpeakerInput } from "./speaker-io.ts";
import type { SpeakerSnapshot } from "./speaker-snapshot.ts";
import { TrackedNextHops } from "./tracked-next-hops.ts";

/** How long a shutdown waits for its withdrawals to be taken by the connections. */
const SHUTDOWN_SECONDS = 2;

/** How long a converged family waits for its next hops to be resolved, before what is missing counts as unreachable. */
const RESOLUTION_SECONDS = 2;

type Converging = { readonly family: Family; readonly reason: string; readonly until: Instant };

type Opened = Extract<SpeakerInput, { type: "connectionOpened" }>;

/** A configured speaker: it takes inputs, lets its parts do their share, and gathers what the driver must do. */
export class SpeakerCore {
  readonly context: SpeakerContext;
  readonly peers: PeerTable;
  readonly routes: RouteListing;
  readonly #originations: Originations;
  readonly #nextHops: TrackedNextHops;
  #state: SpeakerSnapshot["state"] = "waitingForOriginations";
  /** Families whose selection has begun; their readers are told when the decisions are made. */
  readonly #converging: Converging[] = [];
  #shutdown: { readonly deadline: Instant; readonly message: string | undefined } | undefined;
  #workAnnounced = false;
  #interfacesVersion = 0;

  constructor(config: SpeakerConfig, options: SpeakerOptions, now: Instant) {
    this.context = new SpeakerContext(config, options, now);
    this.peers = new PeerTable(this.context);
    this.routes = new RouteListing(this.context, this.peers);
    this.#originations = new Originations(this.context.rib);
    this.#nextHops = new TrackedNextHops(this.context);
    this.#beginSelection(config);
    this.#configure(config);
  }

  handle(input: SpeakerInput, now: Instant): readonly SpeakerAction[] {
    this.context.now = now;
    // Hold timers come before a table walk, and after what the peer has sent.
    if (input.type === "workResumed") this.peers.tick(now);
    else this.#take(input);
    this.peers.tick(now);
    this.peers.settleStandbys();
    if (!this.context.frozen) this.#finish(input.type === "workResumed" ? input.budget : 0);
    return this.context.takeActions();
  }

  transmit(id: ConnectionId, maxBytes: number): readonly Uint8Array[] {
    const entry = this.context.connections.get(id);
    if (entry === undefined) return [];
    const { connection, owner } = entry;
    if (owner !== undefined) return owner.wire.transmit(connection, maxBytes);
    const buffers = connection.takeQueued();
    if (buffers.length === 0) this.context.connections.forget(id);
    return buffers;
  }

  nextDeadline(): Instant | undefined {
    // Output that could not be looked for to its end is due at once.
    if (this.context.outputDelayed) return this.context.now;
    return earliest([
      this.peers.nextDeadline(),
      this.#converging[0]?.until,
      this.context.groups.nextDeadline(),
      this.context.selection?.nextDeadline(),
      this.#shutdown?.deadline,
    ]);
  }

  status(): SpeakerSnapshot {
    const { config, rib, selection, groups } = this.context;
    return {
      asn: config.asn,
      routerId: config.routerId,
      ...(config.clusterId !== undefined && { clusterId: config.clusterId }),
      state: this.#state,
      restarting: ROUTED_FAMILIES.some((family) => selection?.isDeferred(family)),
      originated: this.#originations.size,
      peers: {
        total: this.peers.count((peer) => peer.hold.standby === undefined),
        established: this.peers.count((peer) => peer.isEstablished),
      },
      families: ROUTED_FAMILIES.map((family) => ({
        family,
        prefixes: rib.family(family).prefixCount(),
        routes: rib.family(family).routeCount(),
        converged: !selection?.isDeferred(family),
      })),
      memory: { ...rib.memory(), sent: groups.byteLength() },
    };
  }

  /** Does what the input says. What follows for routes is left to the next `workResumed`. */
  #take(input: Exclude<SpeakerInput, { type: "workResumed" }>): void {
    switch (input.type) {
      case "configure":
        this.#configure(input.config);
        return;
      case "originated":
        this.#originated(input.routes, input.complete);
        return;
      case "connectionOpened":
        this.#opened(input);
        return;
      case "connectionFailed":
      case "connectionClosed":
        this.#owner(input.connection)?.closed(input.connection, input.reason);
        this.context.connections.forget(input.connection);
        return;
      case "bytesReceived":
        this.#received(input.connection, input.bytes);
        return;
      case "transmitted":
        this.#owner(input.connection)?.transmitted(input.connection);
        return;
      case "deadlineReached":
        return;
      case "nextHopChanged":
        this.#nextHops.changed(input.nextHops);
        this.#touchAll();
        return;
      case "interfaceDown":
        this.#interfaceDown(input.interface, input.addresses);
        return;
      case "operator":
        this.#operator(input.command);
        return;
      default:
        unreachable(input);
    }
  }

  #configure(config: SpeakerConfig): void {
    this.peers.configure(config);
    this.context.rib.nextHops.trackUnused(
      this.peers.some(({ routes }) => routes.importLooksAtInterface),
    );
    this.context.selection?.keepPeers(
      new Set(config.peers.filter(({ adminDown }) => !adminDown).map(({ name }) => name)),
    );
    if (this.#state === "running") this.peers.startNew();
  }

  /** No OPEN before we know what we originate: an early End-of-RIB would make every peer flush our routes. */
  #originated(routes: readonly Origination[], complete: boolean): void {
    if (this.#state === "stopping" || this.#state === "stopped") return;
    for (const family of this.#originations.replace(routes)) this.context.touched.add(family);
    if (!complete || this.#state === "running") return;
    this.#state = "running";
    this.context.selection?.start(this.context.now);
    this.peers.startNew();
  }

  #opened(input: Opened): void {
    const known = this.context.connections.get(input.connection);
    if (known !== undefined) {
      known.owner?.opened(known.connection, input);
      return;
    }
    const connection = new Connection(input.connection, "incoming");
    const peer =
      input.direction === "incoming" && this.#state === "running"
        ? this.peers.at(input.remote.address, input.local.address)
        : undefined;
    if (peer !== undefined) peer.opened(connection, input);
    else this.context.act({ type: "close", connection: input.connection, mode: "abort" });
  }

  #received(id: ConnectionId, bytes: Uint8Array): void {
    const entry = this.context.connections.get(id);
    if (entry?.owner !== undefined) readMessages(entry.owner, entry.connection, bytes);
  }

  #owner(id: ConnectionId): Peer | undefined {
    return this.context.connections.get(id)?.owner;
  }

  /** Sessions over the interface that reach no farther than its link end at once. */
  #interfaceDown(name: string, addresses: readonly IpAddress[]): void {
    for (const peer of this.peers) {
      const { config } = peer;
      const local = peer.sessions.main.connection?.local?.address;
      const bound = config.interface === name;
      const singleHop = this.#nextHops.isOnLink(config.address) || config.ttlSecurityHops === 1;
      const over = local !== undefined && addresses.includes(local);
      if (bound || (singleHop && over)) peer.sever(`interface ${name} lost its carrier`);
    }
  }

  #operator(command: OperatorCommand): void {
    if (command.type === "stop") {
      this.#stop(command.mode, command.message);
      return;
    }
    const peer = this.peers.named(command.peer);
    if (peer === undefined) {
      const fields = { command: command.type, reason: "no such peer" };
      this.context.event({ name: "operator.refused", peer: command.peer, level: "warn", fields });
      return;
    }
    if (command.type === "resetPeer") {
      const message = cease(CeaseSubcode.administrativeReset, command.message);
      peer.restart(message, command.message ?? "reset by an operator");
      return;
    }
    if (command.direction !== "out" && !peer.wire.requestRefresh()) peer.routes.rejudge();
    if (command.direction !== "in") peer.routes.refreshOut();
  }

  #stop(mode: "restart" | "shutdown", message: string | undefined): void {
    if (this.#state === "stopped") return;
    if (mode === "shutdown") {
      this.#state = "stopping";
      const deadline = addSeconds(this.context.now, SHUTDOWN_SECONDS);
      this.#shutdown ??= { deadline, message };
      for (const family of this.#originations.replace([])) this.context.touched.add(family);
      return;
    }
    // RFC 4724 §4.1 wants a lost connection: a Cease would make the peers flush our routes.
    this.#endAll(undefined, "restart of this speaker");
  }

  /** Ends all sessions. The tables stay as they are: what the kernel forwards is not for a stopping speaker to say. */
  #endAll(notification: NotificationMessage | undefined, reason: string): void {
    this.context.frozen = true;
    for (const peer of this.peers) peer.stop(notification, reason);
    this.#shutdown = undefined;
    this.#state = "stopped";
    this.context.act({ type: "stopped" });
  }

  /** The second half of a shutdown: when the withdrawals are out, or their time is over, Cease 6/2. */
  #continueShutdown(remaining: boolean): void {
    if (this.#shutdown === undefined) return;
    const { deadline, message } = this.#shutdown;
    const waits = remaining || this.peers.some((peer) => peer.hasOutput());
    if (waits && this.context.now < deadline) return;
    const notification = cease(CeaseSubcode.administrativeShutdown, message);
    this.#endAll(notification, message ?? "shutdown of this speaker");
  }

  /**
   * What follows from any input. Decisions wait for `workResumed` (budget greater than 0), so that a driver which reads
   * all its sockets first lets all of it be decided, and told, once.
   */
  #finish(budget: number): void {
    const { context } = this;
    this.#beginSelections();
    if (this.#nextHops.update(this.peers.takeChanged() ? this.peers.addresses() : undefined)) {
      this.#touchAll();
    }
    this.#noticeInterfaces();
    const remaining = budget > 0 ? this.#work(budget) : context.touched.size > 0;
    if (budget === 0 && this.#outputIsDue()) this.#announceOutput();
    if (!remaining) this.#tellConverged();
    // What is left to free is work too, but nothing waits for it.
    const more = remaining || context.rib.hasGarbage();
    if (more && (budget > 0 || !this.#workAnnounced)) {
      this.#workAnnounced = true;
      context.act({ type: "workPending" });
    }
    this.#continueShutdown(remaining);
  }

  /** One slice of long work, then news for readers and octets for connections; true while work remains. */
  #work(budget: number): boolean {
    const { context } = this;
    this.#workAnnounced = false;
    const remaining = context.rib.work(budget);
    for (const family of context.touched) context.act({ type: "bestRoutesChanged", family });
    if (context.touched.size > 0) this.#announceOutput();
    if (!remaining) context.touched.clear();
    return remaining;
  }

  /** Import filters that ask for interfaces judge again where next hops are reached over others than before. */
  #noticeInterfaces(): void {
    const version = this.context.rib.nextHops.interfacesVersion();
    if (version === this.#interfacesVersion) return;
    this.#interfacesVersion = version;
    for (const { routes } of this.peers) if (routes.importLooksAtInterface) routes.rejudge();
  }

  #outputIsDue(): boolean {
    const { groups, now, outputDelayed } = this.context;
    if (outputDelayed) return true;
    const deadline = groups.nextDeadline();
    return deadline !== undefined && deadline <= now;
  }

  #announceOutput(): void {
    this.context.outputDelayed = false;
    for (const peer of this.peers) peer.announceOutput();
  }

  #beginSelections(): void {
    const { context } = this;
    const until = addSeconds(context.now, RESOLUTION_SECONDS);
    for (const family of context.selection?.takeSelectable(context.now) ?? []) {
      context.rib.family(family).deferSelection(false);
      context.touched.add(family);
    }
    for (const { family, reason } of context.selection?.takeSweepable(context.now) ?? []) {
      this.#converging.push({ family, reason, until });
    }
  }

  /** A sweep of kernel routes must not come before the decisions, nor before the next hops on which they rest. */
  #tellConverged(): void {
    const first = this.#converging[0];
    if (first === undefined || (!this.#nextHops.isSettled && this.context.now < first.until))
      return;
    for (const { family, reason } of this.#converging.splice(0)) {
      this.context.act({ type: "familyConverged", family, reason });
    }
  }

  #touchAll(): void {
    for (const { family } of this.context.rib.families()) this.context.touched.add(family);
  }

  /** Families that were preserved over a restart of ours wait; the others have nothing to wait for. */
  #beginSelection(config: SpeakerConfig): void {
    const { gracefulRestart } = config;
    const preserved: readonly Family[] = gracefulRestart?.preservedFamilies ?? [];
    if (gracefulRestart !== undefined) {
      this.context.selection = new SelectionDeferral(gracefulRestart);
      for (const family of preserved) this.context.rib.family(family).deferSelection(true);
    }
    for (const family of ROUTED_FAMILIES) {
      if (preserved.includes(family)) continue;
      this.context.act({ type: "familyConverged", family, reason: "nothing was preserved" });
    }
  }
}
