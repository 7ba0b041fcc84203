import type { ConnectionId, TransportAddress } from "../../protocol/speaker/speaker-io.ts";
import type { IpAddress } from "../../protocol/types/ip-address.ts";
import type { Scheduler } from "./scheduler.ts";

/** What the network needs of a host: somewhere to bring connections and octets. */
export type Host = {
  readonly addresses: readonly IpAddress[];
  readonly isListening: boolean;
  accept(end: Endpoint, local: TransportAddress, remote: TransportAddress): void;
  connected(end: Endpoint, local: TransportAddress, remote: TransportAddress): void;
  refused(connection: ConnectionId): void;
  received(end: Endpoint, bytes: Uint8Array): void;
  taken(end: Endpoint): void;
  closed(end: Endpoint, reason: string): void;
};

/** How the wires behave; all times in milliseconds. */
export type Weather = {
  readonly delay: number;
  readonly jitter: number;
  /** Chance that a write arrives in two pieces. */
  readonly split: number;
};

export const FAIR: Weather = { delay: 1, jitter: 1, split: 0.1 };
export const STORMY: Weather = { delay: 5, jitter: 200, split: 0.7 };

/** Octets that one direction of a connection takes before its sender must wait. */
const WINDOW = 65_536;

/** One end of a TCP connection. */
export class Endpoint {
  readonly host: Host;
  connection: ConnectionId;
  peer: Endpoint | undefined;
  open = true;
  inFlight = 0;
  /** What TCP will send again when the wire is mended: octets in order, and the end of them. */
  readonly held: (Uint8Array | { readonly closed: string })[] = [];
  /** When the last octet that was sent arrives: octets of one connection never overtake one another. */
  arrival = 0;

  constructor(host: Host, connection: ConnectionId) {
    this.host = host;
    this.connection = connection;
  }

  get room(): number {
    return WINDOW - this.inFlight;
  }
}

/** A network in which each pair of hosts has a wire, each with its own delays; wires can be cut without a word. */
export class Network {
  weather: Weather;
  readonly #scheduler: Scheduler;
  readonly #random: () => number;
  readonly #hosts = new Map<IpAddress, Host>();
  readonly #cut = new Set<string>();
  readonly #stalled = new Set<string>();
  readonly #ends = new Set<Endpoint>();
  /** Ends that are closed here, with something still on the way. */
  readonly #closing = new Set<Endpoint>();

  constructor(scheduler: Scheduler, random: () => number, weather: Weather) {
    this.#scheduler = scheduler;
    this.#random = random;
    this.weather = weather;
  }

  attach(host: Host): void {
    for (const address of host.addresses) this.#hosts.set(address, host);
  }

  /** Cuts the wire between two hosts: what is sent is lost, and nobody is told. */
  cut(a: Host, b: Host): void {
    this.#cut.add(wire(a, b));
  }

  /** What `from` sends to `to` is never read there: it fills the window and stays. */
  stall(from: Host, to: Host): void {
    this.#stalled.add(`${from.addresses[0]} ${to.addresses[0]}`);
  }

  /** Mends the wire: TCP sends again what was lost. */
  mend(a: Host, b: Host): void {
    if (!this.#cut.delete(wire(a, b))) return;
    for (const end of [...this.#ends, ...this.#closing]) {
      if (end.peer === undefined || wire(end.host, end.peer.host) !== wire(a, b)) continue;
      for (const lost of end.held.splice(0)) this.#carry(end, lost);
    }
  }

  /** Resets all connections between two hosts, as a middlebox would. */
  reset(a: Host, b: Host): void {
    for (const end of [...this.#ends]) {
      if (end.host === a && end.peer?.host === b) this.#resetPair(end);
    }
  }

  /** The host is gone: its kernel resets what it had, or (`silent`) its power is off and nobody is told. */
  vanish(host: Host, { silent }: { readonly silent: boolean }): void {
    for (const end of [...this.#ends]) {
      if (end.host !== host) continue;
      end.open = false;
      this.#ends.delete(end);
      if (!silent) this.#sendClose(end, "reset by peer");
    }
  }

  connect(host: Host, connection: ConnectionId, local: IpAddress, remote: TransportAddress): void {
    const target = this.#hosts.get(remote.address);
    const here = { address: local, port: 40_000 + connection };
    if (target === undefined || this.#isCut(host, target)) {
      this.#scheduler.after(3000, () => host.refused(connection));
      return;
    }
    this.#scheduler.after(this.#delay(), () => {
      if (!target.isListening) {
        this.#scheduler.after(this.#delay(), () => host.refused(connection));
        return;
      }
      const [near, far] = [new Endpoint(host, connection), new Endpoint(target, 0)];
      near.peer = far;
      far.peer = near;
      this.#ends.add(near).add(far);
      // The handshake's last word and the first octets are in order: nothing of `near` arrives before this moment.
      const arrival = this.#scheduler.now + this.#delay();
      far.arrival = arrival;
      this.#scheduler.at(arrival, () => host.connected(near, here, remote));
      target.accept(far, remote, here);
    });
  }

  send(end: Endpoint, bytes: Uint8Array): void {
    end.inFlight += bytes.length;
    const cut = this.#random() < this.weather.split ? Math.floor(this.#random() * bytes.length) : 0;
    if (cut > 0) this.#carry(end, bytes.subarray(0, cut));
    this.#carry(end, cut > 0 ? bytes.subarray(cut) : bytes);
  }

  /** Ends the connection after what was sent. */
  close(end: Endpoint, reason: string): void {
    if (!end.open) return;
    end.open = false;
    this.#ends.delete(end);
    this.#sendClose(end, reason);
  }

  #sendClose(end: Endpoint, reason: string): void {
    this.#closing.add(end);
    this.#carry(end, { closed: reason });
  }

  /** Brings one thing over the wire, behind what went before it. */
  #carry(end: Endpoint, thing: Uint8Array | { readonly closed: string }): void {
    const { peer } = end;
    if (peer === undefined) return;
    end.arrival = Math.max(end.arrival, this.#scheduler.now + this.#delay());
    this.#scheduler.at(end.arrival, () => {
      const lost = this.#isCut(end.host, peer.host) || this.#isStalled(end.host, peer.host);
      if (lost || end.held.length > 0) end.held.push(thing);
      else if (thing instanceof Uint8Array) this.#deliver(end, peer, thing);
      else this.#finish(end, peer, thing.closed);
    });
  }

  #deliver(end: Endpoint, peer: Endpoint, bytes: Uint8Array): void {
    end.inFlight -= bytes.length;
    if (peer.open) peer.host.received(peer, bytes);
    if (end.open) end.host.taken(end);
  }

  #finish(end: Endpoint, peer: Endpoint, reason: string): void {
    this.#closing.delete(end);
    if (!peer.open) return;
    peer.open = false;
    this.#ends.delete(peer);
    peer.host.closed(peer, reason);
  }

  #resetPair(end: Endpoint): void {
    for (const each of [end, end.peer]) {
      if (!each?.open) continue;
      each.open = false;
      this.#ends.delete(each);
      this.#scheduler.after(this.#delay(), () => each.host.closed(each, "connection reset"));
    }
  }

  #isStalled(from: Host, to: Host): boolean {
    if (this.#stalled.size === 0) return false;
    return this.#stalled.has(`${from.addresses[0]} ${to.addresses[0]}`);
  }

  #isCut(a: Host, b: Host): boolean {
    return this.#cut.size > 0 && this.#cut.has(wire(a, b));
  }

  #delay(): number {
    return this.weather.delay + this.weather.jitter * this.#random();
  }
}

function wire(a: Host, b: Host): string {
  return [a.addresses[0], b.addresses[0]].sort().join(" ");
}
