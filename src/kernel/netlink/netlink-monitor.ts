/*
 * Notifications of rtnetlink. The fd is given to one of libuv's pipe handles, so that the event loop reads it as it reads
 * any socket. When the receive buffer overruns, the kernel drops notifications and libuv gives the handle up: a new socket
 * takes its place and joins the groups first, then onOverrun tells the user to read everything again.
 */
import { Socket } from "node:net";
import { attachSocketFilter, libc, SOCKET_OPTION, setSocketOptionInt } from "../native/libc.ts";
import type { KernelEvent } from "./kernel-event.ts";
import { readKernelEvent } from "./kernel-message.ts";
import { openRouteNetlink } from "./netlink-fd.ts";
import { readMessages } from "./netlink-reader.ts";

/** Room for some 40,000 notifications. */
export const MONITOR_BUFFER_OCTETS = 32 << 20;

const DATAGRAM_OCTETS = 1 << 16;
const MAX_IGNORED_PORTS = 64;

/** What to listen to, and who wants to know. */
export type NetlinkMonitorOptions = {
  /** Multicast groups: see GROUP. */
  readonly groups: readonly number[];
  /** Port ids of our own sockets whose doings are no news: the kernel drops their notifications before they cost anything. */
  readonly ignorePortIds?: readonly number[];
  readonly receiveBufferOctets?: number;
  readonly onEvent: (event: KernelEvent) => void;
  /** Notifications were lost. Called after the new socket has joined, so that a dump now misses nothing. */
  readonly onOverrun: () => void;
  /** The monitor has ended; nothing more will come. */
  readonly onError: (error: Error) => void;
};

/** Follows multicast groups of rtnetlink in the namespace it was made in. */
export class NetlinkMonitor {
  readonly #options: NetlinkMonitorOptions;
  #socket: Socket;
  #closed = false;

  constructor(options: NetlinkMonitorOptions) {
    this.#options = options;
    this.#socket = this.#open();
  }

  close(): void {
    this.#closed = true;
    this.#socket.destroy();
  }

  /** Lets the process end although the monitor is open. */
  unref(): void {
    this.#socket.unref();
  }

  #open(): Socket {
    const { groups, ignorePortIds = [], receiveBufferOctets } = this.#options;
    const { fd } = openRouteNetlink({
      receiveBufferOctets: receiveBufferOctets ?? MONITOR_BUFFER_OCTETS,
    });
    try {
      if (ignorePortIds.length > 0) attachSocketFilter(fd, ignoreFilter(ignorePortIds));
      for (const group of groups) {
        setSocketOptionInt(fd, SOCKET_OPTION.netlinkAddMembership, group);
      }
    } catch (error) {
      libc().close(fd);
      throw error;
    }
    return this.#read(fd);
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
      const event = readKernelEvent(message);
      if (event !== undefined && !this.#closed) this.#options.onEvent(event);
    }
  }

  #failed(error: Error): void {
    if (this.#closed) return;
    if ((error as NodeJS.ErrnoException).code !== "ENOBUFS") {
      this.#closed = true;
      this.#options.onError(error);
      return;
    }
    this.#socket = this.#open();
    this.#options.onOverrun();
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
