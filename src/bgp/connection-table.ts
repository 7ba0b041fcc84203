import type { Socket } from "node:net";
import type { PeerConfig } from "../../protocol/speaker/speaker-config.ts";
import type {
  ConnectionId,
  SpeakerAction,
  SpeakerInput,
} from "../../protocol/speaker/speaker-io.ts";
import type { IpAddress } from "../../protocol/types/ip-address.ts";
import type { BgpSockets, PeerKey } from "./bgp-sockets.ts";
import type { Clock } from "./clock.ts";
import { Connection, type ConnectionHandlers } from "./connection.ts";
import { LoneWrites } from "./lone-writes.ts";
import { tcpOptionsOf } from "./transport-options.ts";

/** Connections beyond these, for each peer and in all, are closed unheard: a flood must not cost more than a socket. */
const CONNECTIONS_PER_PEER = 4;
const SPARE_CONNECTIONS = 16;
/** What arrives in one read is fed in pieces: each is one task, and a full read can hold ten thousand routes. */
const INPUT_OCTETS = 4 * 1024;
/** So much later the Speaker hears of writes that the kernel took at once; only its send hold timers, of minutes, ask. */
const TAKEN_MILLISECONDS = 100;

export type ConnectionTableOptions = {
  readonly clock: Clock;
  readonly sockets: BgpSockets;
  readonly feed: (input: SpeakerInput) => void;
  readonly transmit: (connection: ConnectionId, maxBytes: number) => readonly Uint8Array[];
};

/**
 * The connections of all sessions, open and closing. Outgoing ones carry the odd numbers that the Speaker gave them,
 * incoming ones get even numbers here. What happens to them becomes inputs; once closed they are not heard of again.
 */
export class ConnectionTable {
  readonly #options: ConnectionTableOptions;
  readonly #open = new Map<ConnectionId, Connection>();
  /** Closed for the Speaker, still delivering their last words. */
  readonly #lingering = new Set<Connection>();
  readonly #ready = new Set<Connection>();
  readonly #lone = new LoneWrites();
  readonly #taken = new Set<Connection>();
  #takenTimer: NodeJS.Timeout | undefined;
  readonly #handlers: ConnectionHandlers;
  #peers = new Map<string, PeerConfig>();
  #byAddress = new Map<IpAddress, PeerConfig>();
  #nextIncoming = 2;
  #onEmpty: (() => void) | undefined;

  constructor(options: ConnectionTableOptions) {
    this.#options = options;
    this.#handlers = this.#makeHandlers();
  }

  get size(): number {
    return this.#open.size;
  }

  /** True when some connection has, or may have, something to write. */
  get hasReady(): boolean {
    return this.#ready.size > 0;
  }

  /** A key that becomes another one is changed on the connections that stand; all else counts from the next one. */
  configure(peers: readonly PeerConfig[]): void {
    for (const { name, address, password } of peers) {
      const before = this.#peers.get(name)?.password;
      if (before === undefined || password === undefined || before === password) continue;
      this.#changeKey({ address, md5Key: password });
    }
    this.#peers = new Map(peers.map((peer) => [peer.name, peer]));
    // Of several peers with one address the first one counts.
    this.#byAddress = new Map(peers.toReversed().map((peer) => [peer.address, peer]));
  }

  connect(action: SpeakerAction & { readonly type: "connect" }): void {
    const peer = this.#peers.get(action.peer);
    const local = action.local ?? peer?.localAddress;
    const socket = this.#options.sockets.connect({
      address: action.remote.address,
      port: action.remote.port,
      options: {
        ...(peer === undefined ? { dscp: 0 } : tcpOptionsOf(peer)),
        ...(local !== undefined && { localAddress: local }),
      },
    });
    this.#add(action.connection, socket);
  }

  accept(socket: Socket): void {
    if (this.#open.size >= CONNECTIONS_PER_PEER * this.#peers.size + SPARE_CONNECTIONS) {
      socket.on("error", () => {});
      socket.destroy();
      return;
    }
    const id = this.#nextIncoming;
    this.#nextIncoming += 2;
    const connection = this.#add(id, socket);
    const { local, remote } = connection;
    const peer = this.#byAddress.get(remote.address);
    if (peer !== undefined && !this.#allowed(socket, peer)) {
      this.close(id, "abort");
      return;
    }
    this.#options.feed({
      type: "connectionOpened",
      connection: id,
      direction: "incoming",
      local,
      remote,
    });
  }

  /** False for an input about a connection that the Speaker has closed, or was told of closing. */
  knows(input: SpeakerInput): boolean {
    return !("connection" in input) || this.#open.has(input.connection);
  }

  /** The Speaker has seen this input. */
  handled(input: SpeakerInput): void {
    if (input.type === "bytesReceived") {
      this.#open.get(input.connection)?.processed(input.bytes.length);
    } else if (input.type === "transmitted") {
      this.markReady(input.connection);
    } else if (input.type === "connectionClosed" || input.type === "connectionFailed") {
      this.#forget(input.connection);
    }
  }

  remoteAddressOf(id: ConnectionId): IpAddress | undefined {
    return this.#open.get(id)?.remote.address;
  }

  markReady(id: ConnectionId): void {
    const connection = this.#open.get(id);
    if (connection !== undefined) this.#ready.add(connection);
  }

  /**
   * Ready connections write what there is for them, as long as their sockets take bytes and until `end`, but at least one
   * does. One that wants more goes to the end of the line.
   */
  transmit(end: number): void {
    const isLate = () => this.#options.clock.now() >= end;
    do this.#pullOnce(isLate);
    while (this.#lone.flush() && !isLate());
  }

  /** Asks each ready connection once; what is to be written together waits for its flush. */
  #pullOnce(isLate: () => boolean): void {
    for (const connection of [...this.#ready]) {
      this.#ready.delete(connection);
      const more = connection.pull(
        (maxBytes) => this.#options.transmit(connection.id, maxBytes),
        isLate,
        this.#lone,
      );
      if (more) this.#ready.add(connection);
      if (isLate()) return;
    }
  }

  close(id: ConnectionId, mode: "flush" | "abort"): void {
    const connection = this.#open.get(id);
    if (connection === undefined) return;
    this.#forget(id);
    this.#lingering.add(connection);
    connection.close(mode, (maxBytes) => this.#options.transmit(id, maxBytes));
  }

  /** Resolves when no connection is left, not even a lingering one. */
  empty(): Promise<void> {
    return new Promise((resolve) => {
      this.#onEmpty = resolve;
      this.#checkEmpty();
    });
  }

  /** Drops everything at once. */
  abort(): void {
    clearTimeout(this.#takenTimer);
    for (const id of [...this.#open.keys()]) this.close(id, "abort");
    for (const connection of this.#lingering) connection.drop();
  }

  #changeKey(key: PeerKey): void {
    for (const connection of this.#open.values()) {
      const socket = connection.socketTo(key.address);
      if (socket === undefined) continue;
      try {
        this.#options.sockets.changeKey(socket, key);
      } catch {
        // Without the new key the connection is of no use.
        connection.drop();
      }
    }
  }

  #allowed(socket: Socket, peer: PeerConfig): boolean {
    try {
      return this.#options.sockets.applyToAccepted(socket, tcpOptionsOf(peer));
    } catch {
      // The socket is already closed; its "close" is on the way.
      return false;
    }
  }

  #add(id: ConnectionId, socket: Socket): Connection {
    const connection = new Connection(id, socket, this.#handlers);
    this.#open.set(id, connection);
    return connection;
  }

  #forget(id: ConnectionId): void {
    const connection = this.#open.get(id);
    if (connection === undefined) return;
    this.#open.delete(id);
    this.#ready.delete(connection);
    this.#taken.delete(connection);
    this.#checkEmpty();
  }

  /** An input for every write would double the work of a lone change, and come between it and the next one. */
  #rememberTaken(connection: Connection): void {
    this.#taken.add(connection);
    this.#takenTimer ??= setTimeout(() => this.#tellTaken(), TAKEN_MILLISECONDS);
  }

  /** A later write that still waits must not count as done: its own `transmitted` comes. RFC 9687. */
  #tellTaken(): void {
    this.#takenTimer = undefined;
    for (const connection of this.#taken) {
      if (!connection.isWriting) this.#handlers.transmitted(connection);
    }
    this.#taken.clear();
  }

  #checkEmpty(): void {
    if (this.#open.size === 0 && this.#lingering.size === 0) this.#onEmpty?.();
  }

  #makeHandlers(): ConnectionHandlers {
    const { feed } = this.#options;
    return {
      opened: ({ id, local, remote }) =>
        feed({
          type: "connectionOpened",
          connection: id,
          direction: "outgoing",
          local,
          remote,
        }),
      received: ({ id }, bytes) => {
        for (let at = 0; at < bytes.length; at += INPUT_OCTETS) {
          const piece = bytes.subarray(at, at + INPUT_OCTETS);
          feed({ type: "bytesReceived", connection: id, bytes: piece });
        }
      },
      transmitted: ({ id }) => feed({ type: "transmitted", connection: id }),
      taken: (connection) => this.#rememberTaken(connection),
      ended: ({ id, opened }, reason) =>
        feed({
          type: opened ? "connectionClosed" : "connectionFailed",
          connection: id,
          reason,
        }),
      gone: (connection) => {
        this.#lingering.delete(connection);
        this.#checkEmpty();
      },
    };
  }
}
