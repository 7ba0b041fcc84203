import { HEADER_OCTETS, MARKER_OCTETS, NEED_MORE, readFrame } from "../wire/header.ts";
import { ProtocolError } from "../wire/protocol-error.ts";
import type { Packet } from "./packet.ts";
import type { StreamChunk } from "./tcp-stream.ts";

/** One framed message, or octets that are none. `packets` are the first and the last packet that carried it. */
export type BgpFrame = {
  readonly type: "message" | "skipped";
  readonly bytes: Uint8Array;
  readonly packets: readonly [Packet, Packet];
  /** Why octets were skipped. */
  readonly reason?: string;
};

/** Octets kept while no header is in sight: a stream that is not BGP must not be held whole. */
const MAX_UNFRAMED_OCTETS = 128 * 1024;

/** Message Header Error / Connection Not Synchronized. RFC 4271 §6.1. */
const MARKER_NOT_ONES = 1;

type Piece = { readonly bytes: Uint8Array; readonly packet: Packet };

/**
 * Cuts one direction of a session into messages. A capture that begins in the middle of a message, or that lost a
 * segment, finds its way back at the next marker: sixteen octets of ones and a plausible header.
 */
export class BgpDirection {
  readonly #pieces: Piece[] = [];
  #length = 0;
  #synchronised = false;

  add(chunk: StreamChunk): BgpFrame[] {
    if (chunk.type === "data") {
      this.#pieces.push({ bytes: chunk.bytes, packet: chunk.packet });
      this.#length += chunk.bytes.length;
      return this.#frames();
    }
    const frames = this.#discard(`${chunk.octets} octets were not captured`);
    this.#synchronised = false;
    return frames;
  }

  /** What is left at the end is a message that was never completed. */
  finish(): BgpFrame[] {
    return this.#discard("the capture ends within a message");
  }

  #frames(): BgpFrame[] {
    const frames: BgpFrame[] = [];
    for (;;) {
      const bytes = this.#joined();
      const start = this.#synchronised ? 0 : findHeader(bytes);
      if (start < 0) return [...frames, ...this.#forgetNoise()];
      if (start > 0) frames.push(this.#take(start, "skipped", "no message header"));
      this.#synchronised = true;
      const length = this.#nextLength();
      if (length === NEED_MORE) return frames;
      if (typeof length === "number") frames.push(this.#take(length, "message"));
      else {
        this.#synchronised = false;
        frames.push(this.#take(Math.min(HEADER_OCTETS, this.#length), "skipped", length.message));
      }
    }
  }

  /**
   * Length of the next message. A header with a wrong length for its type is still a message, if a malformed one; the
   * error comes back when what stands here is no header after all.
   */
  #nextLength(): number | ProtocolError {
    const bytes = this.#joined();
    try {
      return readFrame(bytes, 0, bytes.length, { extendedMessage: true });
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      if (error.subcode === MARKER_NOT_ONES || !plausible(bytes, 0)) return error;
      const length = lengthAt(bytes, 0);
      return bytes.length < length ? NEED_MORE : length;
    }
  }

  #forgetNoise(): BgpFrame[] {
    if (this.#length < MAX_UNFRAMED_OCTETS) return [];
    return [this.#take(this.#length - HEADER_OCTETS, "skipped", "no message header")];
  }

  #joined(): Uint8Array {
    if (this.#pieces.length === 1) return (this.#pieces[0] as Piece).bytes;
    const bytes = new Uint8Array(this.#length);
    let offset = 0;
    for (const piece of this.#pieces) {
      bytes.set(piece.bytes, offset);
      offset += piece.bytes.length;
    }
    return bytes;
  }

  #take(length: number, type: BgpFrame["type"], reason?: string): BgpFrame {
    const bytes = this.#joined().slice(0, length);
    const first = (this.#pieces[0] as Piece).packet;
    let last = first;
    let rest = length;
    while (rest > 0) {
      const piece = this.#pieces[0] as Piece;
      last = piece.packet;
      const used = Math.min(rest, piece.bytes.length);
      rest -= used;
      if (used === piece.bytes.length) this.#pieces.shift();
      else this.#pieces[0] = { ...piece, bytes: piece.bytes.subarray(used) };
    }
    this.#length -= length;
    return { type, bytes, packets: [first, last], ...(reason !== undefined && { reason }) };
  }

  #discard(reason: string): BgpFrame[] {
    return this.#length === 0 ? [] : [this.#take(this.#length, "skipped", reason)];
  }
}

/** Where a whole header begins, or -1 while none is in sight. */
function findHeader(bytes: Uint8Array): number {
  let ones = 0;
  for (let i = 0; i < bytes.length; i++) {
    ones = bytes[i] === 0xff ? ones + 1 : 0;
    const header = i + 1 - MARKER_OCTETS;
    if (
      ones >= MARKER_OCTETS &&
      header + HEADER_OCTETS <= bytes.length &&
      plausible(bytes, header)
    ) {
      return header;
    }
  }
  return -1;
}

function plausible(bytes: Uint8Array, header: number): boolean {
  const type = bytes[header + 18] as number;
  return lengthAt(bytes, header) >= HEADER_OCTETS && type >= 1 && type <= 5;
}

function lengthAt(bytes: Uint8Array, header: number): number {
  return ((bytes[header + 16] as number) << 8) | (bytes[header + 17] as number);
}
