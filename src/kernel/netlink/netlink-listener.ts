/*
 * Notifications of netlink. A copy of the fd is given to one of libuv's pipe handles, so that the event loop reads it as
 * it reads any socket. When the receive buffer overruns, libuv gives its copy up. The kernel then drops notifications,
 * without saying so again, until the queue was empty once: so the queue is emptied first, then onOverrun tells the user to
 * read everything again, and a new copy goes on. The socket itself, and with it the namespace, stays the same.
 */
import { Socket } from "node:net";
import {
  attachSocketFilter,
  duplicateFd,
  libc,
  SOCKET_OPTION,
  setSocketOptionInt,
} from "../native/libc.ts";
import { type NetlinkProtocol, openNetlink } from "./netlink-fd.ts";
import { type NetlinkMessage, readMessages } from "./netlink-reader.ts";

/** Room for some 40,000 notifications. */
export const MONITOR_BUFFER_OCTETS = 32 << 20;

const DATAGRAM_OCTETS = 1 << 16;
const MAX_IGNORED_PORTS = 64;

/** What to listen to, and who wants to know. */
export type NetlinkListenerOptions = {
  readonly protocol: NetlinkProtocol;
  /** Multicast groups of the protocol, by number. */
  readonly groups: readonly number[];
  /** Port ids of our own sockets whose doings are no news: the kernel drops their notifications before they cost anything. */
  readonly ignorePortIds?: readonly number[];
  readonly receiveBufferOctets?: number;
  readonly onMessage: (message: NetlinkMessage) => void;
  /** Notifications were lost. A dump made now, or later, misses nothing. */
  readonly onOverrun: () => void;
  /** The listener has ended; nothing more will come. */
  readonly onError: (error: Error) => void;
};

/** Follows multicast groups of netlink in the namespace it was made in. */
export class NetlinkListener {
  readonly #options: NetlinkListenerOptions;
  readonly #fd: number;
  #socket: Socket;
  #closed = false;

  constructor(options: NetlinkListenerOptions) {
    this.#options = options;
    this.#fd = openMulticast(options);
    this.#socket = this.#read(duplicateFd(this.#fd));
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#socket.destroy();
    libc().close(this.#fd);
  }

  /** Lets the process end although the listener is open. */
  unref(): void {
    this.#socket.unref();
  }

  #read(fd: number): Socket {
    const handle = openPipeHandle(fd);
    const buffer = Buffer.alloc(DATAGRAM_OCTETS);
    const callback = (octets: number, bytes: Buffer): boolean => {
      this.#receive(bytes.subarray(0, octets));
      return true;
    };
    // Node's types know neither `handle` nor that `onread` goes with it.
    const init = { handle, readable: true, onread: { buffer, callback } };
    const socket = new Socket(init as object);
    socket.on("error", (error) => this.#failed(error));
    socket.resume();
    return socket;
  }

  #receive(datagram: Buffer): void {
    for (const message of readMessages(datagram)) {
      if (!this.#closed) this.#options.onMessage(message);
    }
  }

  #failed(error: Error): void {
    if (this.#closed) return;
    if ((error as NodeJS.ErrnoException).code !== "ENOBUFS") {
      this.close();
      this.#options.onError(error);
      return;
    }
    this.#empty();
    this.#socket = this.#read(duplicateFd(this.#fd));
    this.#options.onOverrun();
  }

  /** Throws away what is queued: the user will read everything anyway. */
  #empty(): void {
    const buffer = Buffer.alloc(DATAGRAM_OCTETS);
    for (let i = 0; i < MAX_EMPTYING_READS; i++) {
      const octets = Number(libc().recv(this.#fd, buffer, buffer.length, 0));
      if (octets < 0 && libc().errno() !== ENOBUFS) return;
    }
  }
}

const ENOBUFS = 105;
/** Against a kernel that fills faster than we empty; the next overrun then tries again. */
const MAX_EMPTYING_READS = 1_000_000;

function openMulticast({
  protocol,
  groups,
  ignorePortIds = [],
  receiveBufferOctets = MONITOR_BUFFER_OCTETS,
}: NetlinkListenerOptions): number {
  const { fd } = openNetlink({ protocol, receiveBufferOctets });
  try {
    if (ignorePortIds.length > 0) attachSocketFilter(fd, ignoreFilter(ignorePortIds));
    for (const group of groups) {
      setSocketOptionInt(fd, SOCKET_OPTION.netlinkAddMembership, group);
    }
    return fd;
  } catch (error) {
    libc().close(fd);
    throw error;
  }
}

type PipeHandle = { open(fd: number): number };

/** A libuv pipe around an fd. Its class is not exported, but every unix socket has one. */
function openPipeHandle(fd: number): PipeHandle {
  const donor = new Socket();
  donor.on("error", () => undefined);
  donor.connect({ path: "/nonexistent/tortie" });
  const { _handle: donated } = donor as unknown as { readonly _handle: PipeHandle };
  const Pipe = donated.constructor as new (type: number) => PipeHandle;
  const handle = new Pipe(PIPE_TYPE_SOCKET);
  donor.destroy();
  const result = handle.open(fd);
  if (result !== 0) {
    libc().close(fd);
    throw new Error(`uv_pipe_open: ${result}`);
  }
  return handle;
}

const PIPE_TYPE_SOCKET = 0;

/** Classic BPF: load nlmsg_pid (octet 12), drop when it is one of ours, else accept. */
function ignoreFilter(portIds: readonly number[]): Buffer {
  if (portIds.length > MAX_IGNORED_PORTS) throw new RangeError("too many ports to ignore");
  const program = Buffer.alloc((portIds.length + 3) * 8);
  let at = instruction(program, 0, { code: LOAD_WORD, k: 12 });
  for (const [i, portId] of portIds.entries()) {
    const toDrop = portIds.length - i;
    at = instruction(program, at, { code: JUMP_EQUAL, ifTrue: toDrop, k: swapped(portId) });
  }
  at = instruction(program, at, { code: RETURN, k: 0xffff_ffff });
  instruction(program, at, { code: RETURN, k: 0 });
  return program;
}

const LOAD_WORD = 0x20;
const JUMP_EQUAL = 0x15;
const RETURN = 0x06;

/** struct sock_filter: code, jump if true, jump if false, operand. */
function instruction(
  program: Buffer,
  at: number,
  { code, ifTrue = 0, k }: { readonly code: number; readonly ifTrue?: number; readonly k: number },
): number {
  program.writeUInt16LE(code, at);
  program.writeUInt8(ifTrue, at + 2);
  program.writeUInt8(0, at + 3);
  return program.writeUInt32LE(k >>> 0, at + 4);
}

/** BPF loads words in network order, netlink writes them in the host's. */
function swapped(value: number): number {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes.readUInt32BE();
}
