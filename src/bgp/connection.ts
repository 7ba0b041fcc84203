import type { Socket } from "node:net";
import type { ConnectionId, TransportAddress } from "../../protocol/speaker/speaker-io.ts";
import { type IpAddress, parseIpAddress } from "../../protocol/types/ip-address.ts";
import { openFdOf, sendNow } from "../kernel/native/send-now.ts";

/** A socket with more than this unwritten gets no more until it has taken some. */
const WRITE_HIGH_WATERMARK = 256 * 1024;
/** What is gathered for one write while there is time; smaller slices cost a system call each. */
const WRITE_SLICE = 64 * 1024;
/** Most that one connection writes in one turn, so that a fast peer does not keep the others waiting. */
const WRITE_PER_TURN = 256 * 1024;
/** A peer with more than this received and not yet processed is not read. */
const READ_HIGH_WATERMARK = 256 * 1024;
/** Less than this is seldom followed by more: it is written without asking. */
const FULL_MESSAGE = 4096;
/** One buffer of at most this length is tried without the stream. */
const DIRECT_OCTETS = 16 * 1024;
/** A closing connection may take this long to deliver its last words. */
const LINGER_MILLISECONDS = 2_000;

/** What a connection tells the driver. Nothing is told after `close`. */
export type ConnectionHandlers = {
  readonly opened: (connection: Connection) => void;
  readonly received: (connection: Connection, bytes: Uint8Array) => void;
  readonly transmitted: (connection: Connection) => void;
  /** The kernel took a write at once, as it does unless the peer is slow. */
  readonly taken: (connection: Connection) => void;
  readonly ended: (connection: Connection, reason: string) => void;
  /** The socket is gone for good, also after `close`. */
  readonly gone: (connection: Connection) => void;
};

/** Writes a short buffer at the end of the turn, with those of other connections. */
export type LoneWriter = { readonly add: (connection: Connection, bytes: Uint8Array) => void };

/** One TCP connection of a session: reads with back-pressure, writes what it pulls while the socket takes it. */
export class Connection {
  readonly id: ConnectionId;
  readonly #socket: Socket;
  readonly #handlers: ConnectionHandlers;
  #opened: boolean;
  #closed = false;
  #error: string | undefined;
  #unprocessed = 0;

  constructor(id: ConnectionId, socket: Socket, handlers: ConnectionHandlers) {
    this.id = id;
    this.#socket = socket;
    this.#handlers = handlers;
    this.#opened = !socket.connecting;
    socket.on("connect", () => this.#onConnect());
    socket.on("data", (bytes: Buffer) => this.#onData(bytes));
    socket.on("error", (error: NodeJS.ErrnoException) => {
      this.#error = error.code ?? error.message;
    });
    socket.on("end", () => this.#onEnd("the peer closed the connection"));
    socket.on("close", () => {
      this.#onEnd(this.#error ?? "closed");
      handlers.gone(this);
    });
  }

  get opened(): boolean {
    return this.#opened;
  }

  get local(): TransportAddress {
    return transportAddress(this.#socket.localAddress, this.#socket.localPort);
  }

  get remote(): TransportAddress {
    return transportAddress(this.#socket.remoteAddress, this.#socket.remotePort);
  }

  /** True while the kernel has not taken all that was written. */
  get isWriting(): boolean {
    return this.#socket.writableLength > 0;
  }

  /** Whether the socket is the far side of this address's connection, and the socket to give options to. */
  socketTo(address: IpAddress): Socket | undefined {
    return this.#opened && this.remote.address === address ? this.#socket : undefined;
  }

  /** The driver has processed `octets` of what was received: reading may go on. */
  processed(octets: number): void {
    this.#unprocessed -= octets;
    if (this.#unprocessed < READ_HIGH_WATERMARK / 2 && this.#socket.isPaused()) {
      this.#socket.resume();
    }
  }

  /**
   * Writes what `transmit` gives while the socket takes bytes. True when this turn's share, or the turn's time, was used
   * up before the supply, or when `lone` took the only buffer: then call again. Otherwise `transmitted` says when.
   */
  pull(
    transmit: (maxBytes: number) => readonly Uint8Array[],
    isLate: () => boolean = () => false,
    lone?: LoneWriter,
  ): boolean {
    let written = 0;
    while (this.#socket.writableLength < WRITE_HIGH_WATERMARK) {
      if (written >= WRITE_PER_TURN || (written > 0 && isLate())) return true;
      const buffers = gather(transmit, isLate);
      const [only] = buffers;
      if (only === undefined) return false;
      if (buffers.length > 1 || only.length > DIRECT_OCTETS || this.isWriting) {
        written += this.#writeStream(buffers);
      } else if (written === 0 && lone !== undefined) {
        lone.add(this, only);
        return true;
      } else written += this.sendNow(only);
    }
    return false;
  }

  /** The socket's descriptor, -1 when it is closed. */
  get fd(): number {
    return openFdOf(this.#socket);
  }

  /** Writes past the stream, which costs more than the system call. Only while nothing is being written. */
  sendNow(bytes: Uint8Array): number {
    return this.sent(bytes, sendNow(this.#socket, bytes));
  }

  /** The kernel took so many of these octets: the stream writes the others. Answers how many there were. */
  sent(bytes: Uint8Array, octets: number): number {
    if (octets < bytes.length) this.#writeStream([bytes.subarray(octets)]);
    else this.#handlers.taken(this);
    return bytes.length;
  }

  /** Ends the connection. `flush` writes what `transmit` still gives before the FIN; `abort` resets. */
  close(mode: "flush" | "abort", transmit: (maxBytes: number) => readonly Uint8Array[]): void {
    if (!this.#opened || mode === "abort") {
      this.#closed = true;
      // A reset needs a connection: asked for one while connecting, Node would wait for it.
      if (this.#opened) this.#socket.resetAndDestroy();
      else this.#socket.destroy();
      return;
    }
    this.pull(transmit);
    this.#closed = true;
    this.#socket.end();
    // Unread data at close would make the kernel send a reset, which can overtake a NOTIFICATION: read and throw away.
    this.#socket.resume();
    const timer = setTimeout(() => this.#socket.destroy(), LINGER_MILLISECONDS);
    this.#socket.once("close", () => clearTimeout(timer));
  }

  /** Destroys the socket without a word, lingering or not. */
  drop(): void {
    this.#closed = true;
    this.#socket.destroy();
  }

  #writeStream(buffers: readonly Uint8Array[]): number {
    let octets = 0;
    let waits = false;
    const onWritten = (error?: Error | null) => {
      if (waits && !error && !this.#closed) this.#handlers.transmitted(this);
    };
    this.#socket.cork();
    for (const [i, buffer] of buffers.entries()) {
      octets += buffer.length;
      // One callback for the slice: the last buffer is written last.
      if (i < buffers.length - 1) this.#socket.write(buffer);
      else this.#socket.write(buffer, onWritten);
    }
    this.#socket.uncork();
    waits = this.isWriting;
    if (!waits) this.#handlers.taken(this);
    return octets;
  }

  #onConnect(): void {
    this.#opened = true;
    if (!this.#closed) this.#handlers.opened(this);
  }

  #onData(bytes: Buffer): void {
    if (this.#closed) return;
    this.#unprocessed += bytes.length;
    if (this.#unprocessed > READ_HIGH_WATERMARK) this.#socket.pause();
    this.#handlers.received(this, bytes);
  }

  #onEnd(reason: string): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#handlers.ended(this, reason);
  }
}

/** The Speaker gives what one small piece of work yields; time is looked at between them. */
function gather(
  transmit: (maxBytes: number) => readonly Uint8Array[],
  isLate: () => boolean,
): readonly Uint8Array[] {
  const first = transmit(WRITE_SLICE);
  let octets = octetsOf(first);
  if (octets < FULL_MESSAGE) return first;
  const gathered = [...first];
  while (octets < WRITE_SLICE && !isLate()) {
    const next = transmit(WRITE_SLICE - octets);
    if (next.length === 0) break;
    gathered.push(...next);
    octets += octetsOf(next);
  }
  return gathered;
}

function octetsOf(buffers: readonly Uint8Array[]): number {
  let octets = 0;
  for (const { length } of buffers) octets += length;
  return octets;
}

const UNKNOWN_ADDRESS = parseIpAddress("0.0.0.0") as IpAddress;

/** Node writes IPv4 on a dual-stack socket as ::ffff:a.b.c.d, and link-local addresses with their zone. */
function transportAddress(address: string | undefined, port: number | undefined): TransportAddress {
  const bare = address?.replace(/^::ffff:(?=\d+\.)/i, "").replace(/%.*$/, "") ?? "";
  return { address: parseIpAddress(bare) ?? UNKNOWN_ADDRESS, port: port ?? 0 };
}
