import { CeaseSubcode, cease } from "../session/notification.ts";
import type { Family } from "../types/family.ts";
import { addSeconds, type Instant } from "../types/instant.ts";
import type { IpAddress } from "../types/ip-address.ts";
import { unreachable } from "../types/never.ts";
import type { NotificationMessage } from "../wire/message.ts";
import { Connection } from "./connection.ts";
import { readMessages } from "./message-reader.ts";
import { Originations, ROUTED_FAMILIES } from "./originations.ts";
import { earliest, type Peer } from "./peer.ts";
import { PeerTable } from "./peer-table.ts";
import { RouteListing } from "./route-listing.ts";
import { SelectionDeferral } from "./selection-deferral.ts";
import type { Origination, SpeakerConfig } from "./speaker-config.ts";
import { SpeakerContext } from "./speaker-context.ts";
import type { ConnectionId, OperatorCommand, SpeakerAction, SpeakerInput } from "./speaker-io.ts";
import type { SpeakerSnapshot } from "./speaker-snapshot.ts";
import { TrackedNextHops } from "./tracked-next-hops.ts";

/** Prefixes that an input may decide about before it returns; the rest waits for `workResumed`. */
const INLINE_WORK = 4096;

/** How long a shutdown waits for its withdrawals to be taken by the connections. */
const SHUTDOWN_SECONDS = 2;

type Opened = Extract<SpeakerInput, { type: "connectionOpened" }>;

/** A configured speaker: it takes inputs, lets its parts do their share, and gathers what the driver must do. */
export class SpeakerCore {
  readonly context: SpeakerContext;
  readonly peers: PeerTable;
  readonly routes: RouteListing;
  readonly #originations: Originations;
  readonly #nextHops: TrackedNextHops;
  #state: SpeakerSnapshot["state"] = "waitingForOriginations";
  #shutdown: { readonly deadline: Instant; readonly message: string | undefined } | undefined;
  #workAnnounced = false;

  constructor(config: SpeakerConfig, random: () => number, now: Instant) {
    this.context = new SpeakerContext(config, random, now);
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
    if (input.type === "workResumed") this.#tick(now);
    const remaining = this.#take(input);
    this.#tick(now);
    this.#finish(remaining);
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
    return earliest([
      this.peers.nextDeadline(),
      this.context.groups.nextDeadline(),
      this.context.selection?.nextDeadline(),
      this.#shutdown?.deadline,
    ]);
  }

  status(): SpeakerSnapshot {
    const { config, rib, selection } = this.context;
    return {
      asn: config.asn,
      routerId: config.routerId,
      ...(config.clusterId !== undefined && { clusterId: config.clusterId }),
      state: this.#state,
      restarting: ROUTED_FAMILIES.some((family) => selection?.isDeferred(family)),
      originated: this.#originations.size,
      peers: {
        total: this.peers.size,
        established: this.peers.count((peer) => peer.isEstablished),
      },
      families: ROUTED_FAMILIES.map((family) => ({
        family,
        prefixes: rib.family(family).prefixCount(),
        routes: rib.family(family).routeCount(),
        converged: !selection?.isDeferred(family),
      })),
    };
  }

  /** Does what the input says; true while long work remains. */
  #take(input: SpeakerInput): boolean {
    switch (input.type) {
      case "configure":
        this.#configure(input.config);
        return false;
      case "originated":
        this.#originated(input.routes, input.complete);
        return false;
      case "connectionOpened":
        this.#opened(input);
        return false;
      case "connectionFailed":
      case "connectionClosed":
        this.#owner(input.connection)?.closed(input.connection, input.reason);
        this.context.connections.forget(input.connection);
        return false;
      case "bytesReceived":
        this.#received(input.connection, input.bytes);
        return false;
      case "transmitted":
        this.#owner(input.connection)?.transmitted(input.connection);
        return false;
      case "deadlineReached":
        return false;
      case "nextHopChanged":
        this.#nextHops.changed(input.nextHops);
        this.#touchAll();
        return false;
      case "interfaceDown":
        this.#interfaceDown(input.interface, input.addresses);
        return false;
      case "workResumed":
        this.#workAnnounced = false;
        return this.context.rib.work(input.budget);
      case "operator":
        this.#operator(input.command);
        return false;
      default:
        return unreachable(input);
    }
  }

  #configure(config: SpeakerConfig): void {
    this.peers.configure(config);
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
      const local = peer.main.connection?.local?.address;
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
    if (peer === undefined) return;
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

  #tick(now: Instant): void {
    this.peers.tick(now);
  }

  /** What follows from any input: decisions, news for readers, octets for connections. */
  #finish(remainingWork: boolean): void {
    const { context } = this;
    if (context.frozen) return;
    for (const { family, reason } of context.selection?.takeConverged(context.now) ?? []) {
      context.rib.family(family).deferSelection(false);
      context.touched.add(family);
      context.act({ type: "familyConverged", family, reason });
    }
    this.#nextHops.update(this.peers.takeChanged() ? this.peers.addresses() : undefined);
    const decides = context.touched.size > 0 && !remainingWork;
    const remaining = decides ? context.rib.work(INLINE_WORK) : remainingWork;
    for (const family of context.touched) context.act({ type: "bestRoutesChanged", family });
    this.#announceOutput();
    if (!remaining) context.touched.clear();
    if (remaining && !this.#workAnnounced) {
      this.#workAnnounced = true;
      context.act({ type: "workPending" });
    }
    this.#continueShutdown(remaining);
  }

  #announceOutput(): void {
    const { context } = this;
    const deadline = context.groups.nextDeadline();
    const due = deadline !== undefined && deadline <= context.now;
    if (context.touched.size === 0 && !due) return;
    for (const peer of this.peers) peer.announceOutput();
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
