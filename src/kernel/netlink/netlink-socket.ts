/*
 * Requests to rtnetlink, synchronously: the kernel does the work inside send(2) and its answer is there when send
 * returns, so that there is nothing to wait for. A batch may block for tens of milliseconds (the kernel resizes its
 * trie): use this in a worker thread.
 */
import { errnoName, SystemCallError } from "../native/libc.ts";
import type { KernelObject } from "./kernel-event.ts";
import { readKernelObject } from "./kernel-message.ts";
import { type NetlinkChannel, openChannel } from "./netlink-channel.ts";
import { FLAG, MESSAGE } from "./netlink-constants.ts";
import { extendedAck, NetlinkError, type NetlinkFault, readNetlinkError } from "./netlink-error.ts";
import { NETLINK_PROTOCOL, type NetlinkProtocol } from "./netlink-fd.ts";
import { type NetlinkMessage, readMessages } from "./netlink-reader.ts";
import { NetlinkWriter } from "./netlink-writer.ts";

/** A dump that other writers keep changing is given up after so many tries, and taken as it is. */
const DUMP_TRIES = 5;

/** What every kernel grants without being asked. */
const SEND_BUFFER_OCTETS = 100_000;
/** The kernel fills at most 32 KiB for a reader whose buffer holds that much. */
const DATAGRAM_OCTETS = 1 << 16;
const ENOBUFS = 105;

/** One request, its type and its payload. */
export type NetlinkRequest = {
  readonly type: number;
  readonly flags?: number;
  readonly write: (writer: NetlinkWriter) => void;
};

/** A request for a list. `visit` gets whole datagrams; `restart` says that what came so far does not count. */
export type NetlinkDump = {
  readonly type: number;
  readonly write: (writer: NetlinkWriter) => void;
  readonly restart: () => void;
  readonly visit: (datagram: Buffer) => void;
};

/** Answers were lost because the receive buffer was full: what the kernel did is unknown until it is asked. */
export class NetlinkOverrunError extends Error {
  readonly code = "ENOBUFS";

  constructor() {
    super("netlink answers were lost: the receive buffer overran");
    this.name = "NetlinkOverrunError";
  }
}

/** A netlink socket for requests, batches and dumps: rtnetlink's unless told otherwise. It belongs to the namespace it was opened in. */
export class NetlinkSocket {
  /** Names this socket in the notifications that its requests cause. */
  readonly portId: number;
  readonly #channel: NetlinkChannel;
  readonly #writer = new NetlinkWriter();
  readonly #datagram = Buffer.alloc(DATAGRAM_OCTETS);
  #sequence = 0;
  #sendBufferOctets = SEND_BUFFER_OCTETS;

  /** To the kernel of this namespace, or over a channel that somebody has opened. */
  constructor(to: NetlinkProtocol | NetlinkChannel = NETLINK_PROTOCOL.route) {
    this.#channel = typeof to === "number" ? openChannel(to) : to;
    this.portId = this.#channel.portId;
  }

  close(): void {
    this.#channel.close();
  }

  /** One request. Throws NetlinkError with `what` in front when the kernel refuses. */
  request(what: string, request: NetlinkRequest): void {
    const fault = this.tryRequest(request);
    if (fault !== undefined) throw new NetlinkError(what, fault);
  }

  /** One request; answers the refusal, if there was one. */
  tryRequest(request: NetlinkRequest): NetlinkFault | undefined {
    const sequence = this.#send(request, FLAG.request | FLAG.ack | (request.flags ?? 0));
    let fault: NetlinkFault | undefined;
    this.#receiveUntil(sequence, (message) => {
      if (message.type === MESSAGE.error) fault = readNetlinkError(message);
    });
    return fault;
  }

  /** Asks for one object; answers it, or the refusal. */
  get(request: NetlinkRequest): { readonly object?: KernelObject; readonly fault?: NetlinkFault } {
    const sequence = this.#send(request, FLAG.request);
    let answer: { object?: KernelObject; fault?: NetlinkFault } = {};
    this.#receiveUntil(sequence, (message) => {
      if (message.sequence !== sequence) return;
      const object = readKernelObject(message);
      const fault = message.type === MESSAGE.error ? readNetlinkError(message) : undefined;
      answer = { ...(object !== undefined && { object }), ...(fault !== undefined && { fault }) };
    });
    return answer;
  }

  /**
   * Sends `octets` of whole messages, numbered from `firstSequence` on, of which only the last asks for an acknowledgement;
   * refusals come back for each. Answers when the kernel has done them all.
   */
  sendBatch(batch: {
    readonly bytes: Uint8Array;
    readonly octets: number;
    readonly firstSequence: number;
    readonly count: number;
    readonly onFault: (index: number, fault: NetlinkFault) => void;
  }): void {
    this.#transfer(batch.bytes, batch.octets);
    this.#receiveUntil(batch.firstSequence + batch.count - 1, (message) => {
      const index = message.sequence - batch.firstSequence;
      if (message.type !== MESSAGE.error || index < 0) return;
      const fault = readNetlinkError(message);
      if (fault !== undefined) batch.onFault(index, fault);
    });
  }

  /**
   * Sends `octets` of whole messages that the kernel takes or refuses together (nfnetlink's batches), and hands on all that
   * it answers: its work is done when send returns, so what is not there by then will not come.
   */
  sendTransaction(batch: {
    readonly bytes: Uint8Array;
    readonly onAnswer: (message: NetlinkMessage) => void;
  }): void {
    const { bytes, onAnswer } = batch;
    this.#reserveSendBuffer(bytes.length);
    this.#transfer(bytes, bytes.length);
    for (let datagram = this.#poll(); datagram !== undefined; datagram = this.#poll()) {
      for (const message of readMessages(datagram)) onAnswer(message);
    }
  }

  /** Reserves `count` sequence numbers for a batch and answers the first. */
  reserveSequence(count: number): number {
    if (this.#sequence + count >= 0xffff_ffff) this.#sequence = 0;
    const first = this.#sequence + 1;
    this.#sequence += count;
    return first;
  }

  /** A list in datagrams as they come, for readers that are in a hurry. */
  dump(what: string, dump: NetlinkDump): void {
    for (let attempt = 1; ; attempt++) {
      dump.restart();
      const { fault, interrupted } = this.#dumpOnce(dump);
      if (fault !== undefined && !meansEmpty(dump.type, fault)) throw new NetlinkError(what, fault);
      if (!interrupted || attempt === DUMP_TRIES) return;
    }
  }

  /** A list as values. */
  list(what: string, request: NetlinkRequest): KernelObject[] {
    let objects: KernelObject[] = [];
    this.dump(what, {
      type: request.type,
      write: request.write,
      restart: () => {
        objects = [];
      },
      visit: (datagram) => {
        for (const message of readMessages(datagram)) {
          const object = readKernelObject(message);
          if (object !== undefined) objects.push(object);
        }
      },
    });
    return objects;
  }

  #dumpOnce({ type, write, visit }: NetlinkDump): {
    readonly fault: NetlinkFault | undefined;
    readonly interrupted: boolean;
  } {
    const sequence = this.#send({ type, write }, FLAG.request | FLAG.dump);
    let interrupted = false;
    for (;;) {
      const datagram = this.#receive();
      const end = scanDump(datagram, sequence);
      if (end.foreign) continue;
      interrupted ||= end.interrupted;
      visit(datagram.subarray(0, end.objectOctets));
      if (end.done) return { fault: end.fault, interrupted };
    }
  }

  #send(request: NetlinkRequest, flags: number): number {
    const sequence = this.reserveSequence(1);
    this.#writer.reset();
    this.#writer.begin(request.type, flags, sequence);
    request.write(this.#writer);
    this.#writer.end();
    const { bytes } = this.#writer;
    this.#transfer(bytes, bytes.length);
    return sequence;
  }

  #transfer(bytes: Uint8Array, octets: number): void {
    const sent = this.#channel.send(bytes, octets);
    if (sent < 0) throw new SystemCallError("send", -sent);
    if (sent !== octets) throw new Error(`netlink took ${sent} of ${octets} octets`);
  }

  #receiveUntil(sequence: number, visit: (message: NetlinkMessage) => void): void {
    for (;;) {
      for (const message of readMessages(this.#receive())) {
        visit(message);
        if (message.sequence === sequence) return;
      }
    }
  }

  /** A netlink message must fit into the send buffer as a whole. */
  #reserveSendBuffer(octets: number): void {
    if (octets <= this.#sendBufferOctets) return;
    this.#channel.reserveSendBuffer(2 * octets);
    this.#sendBufferOctets = 2 * octets;
  }

  #poll(): Buffer | undefined {
    try {
      return this.#receive();
    } catch (error) {
      if (error instanceof SystemCallError && error.code === "EAGAIN") return undefined;
      throw error;
    }
  }

  #receive(): Buffer {
    const octets = this.#channel.receive(this.#datagram);
    if (octets === -ENOBUFS) throw new NetlinkOverrunError();
    if (octets < 0) throw new SystemCallError("recv", -octets);
    return this.#datagram.subarray(0, octets);
  }
}

/** Looks at the headers of one datagram of a dump only: where its objects end, and whether the dump does. */
function scanDump(datagram: Buffer, sequence: number) {
  let offset = 0;
  let interrupted = false;
  while (offset + 16 <= datagram.length) {
    const length = datagram.readUInt32LE(offset);
    const type = datagram.readUInt16LE(offset + 4);
    if (datagram.readUInt32LE(offset + 8) !== sequence) {
      return { objectOctets: 0, foreign: true, interrupted, done: false, fault: undefined };
    }
    if ((datagram.readUInt16LE(offset + 6) & FLAG.dumpInterrupted) !== 0) interrupted = true;
    if (type === MESSAGE.done || type === MESSAGE.error) {
      const end = datagram.subarray(offset, offset + length);
      const fault = endOfDump(end, type);
      return { objectOctets: offset, foreign: false, interrupted, done: true, fault };
    }
    offset += Math.max(16, (length + 3) & ~3);
  }
  return { objectOctets: offset, foreign: false, interrupted, done: false, fault: undefined };
}

/** NLMSG_DONE carries an errno and the extended acknowledgement too. */
function endOfDump(bytes: Buffer, type: number): NetlinkFault | undefined {
  const [message] = readMessages(bytes);
  if (message === undefined) return undefined;
  if (type === MESSAGE.error) return readNetlinkError(message);
  const errno = message.payload.length >= 4 ? -message.payload.readInt32LE(0) : 0;
  if (errno <= 0) return undefined;
  return { errno, code: errnoName(errno), ...extendedAck(message.payload.subarray(4)) };
}

/** A table that was never used does not exist, and an interface may have gone: both lists are empty. */
function meansEmpty(type: number, fault: NetlinkFault): boolean {
  return type === MESSAGE.getRoute && (fault.code === "ENOENT" || fault.code === "ENODEV");
}
