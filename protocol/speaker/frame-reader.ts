import { HEADER_OCTETS, NEED_MORE, readFrame } from "../wire/header.ts";

/**
 * Cuts a TCP stream into messages without copying those that arrive whole: only the tail of one chunk, which the next
 * one completes, is kept. RFC 4271 §4.1.
 *
 *   reader.push(chunk);
 *   while (reader.next(limits)) use(reader.bytes, reader.start, reader.end);   // valid until the next call
 */
export class FrameReader {
  bytes: Uint8Array = NOTHING;
  start = 0;
  end = 0;

  #chunk: Uint8Array = NOTHING;
  #offset = 0;
  #tail: Uint8Array = NOTHING;
  #tailLength = 0;

  /** The chunk belongs to the reader until `next` says false. */
  push(chunk: Uint8Array): void {
    this.#chunk = chunk;
    this.#offset = 0;
  }

  /** Moves to the next whole message; false when more octets are needed. Throws ProtocolError 1/1, 1/2 or 1/3. */
  next(limits: { readonly extendedMessage: boolean }): boolean {
    if (this.#tailLength > 0) return this.#completeTail(limits);
    const { length } = this.#chunk;
    const octets = readFrame(this.#chunk, this.#offset, length, limits);
    if (octets === NEED_MORE) {
      this.#keep(length - this.#offset);
      return false;
    }
    this.bytes = this.#chunk;
    this.start = this.#offset;
    this.end = this.#offset += octets;
    return true;
  }

  /** What is left of the chunk, for a reader that stops in its midst; it must be pushed again. */
  takeRest(): Uint8Array {
    const rest = this.#chunk.subarray(this.#offset);
    this.push(NOTHING);
    return rest;
  }

  #completeTail(limits: { readonly extendedMessage: boolean }): boolean {
    for (;;) {
      const wanted = this.#wanted();
      this.#keep(Math.min(wanted - this.#tailLength, this.#chunk.length - this.#offset));
      if (this.#tailLength < wanted) return false;
      if (readFrame(this.#tail, 0, this.#tailLength, limits) !== NEED_MORE) break;
    }
    this.bytes = this.#tail;
    this.start = 0;
    this.end = this.#tailLength;
    this.#tailLength = 0;
    return true;
  }

  /** Octets that the message at the head of the tail needs, as far as it says yet. */
  #wanted(): number {
    if (this.#tailLength < HEADER_OCTETS) return HEADER_OCTETS;
    return ((this.#tail[16] as number) << 8) | (this.#tail[17] as number);
  }

  #keep(octets: number): void {
    if (octets <= 0) return;
    this.#reserve(this.#tailLength + octets);
    this.#tail.set(this.#chunk.subarray(this.#offset, this.#offset + octets), this.#tailLength);
    this.#offset += octets;
    this.#tailLength += octets;
  }

  /** The tail is as large as the messages of the session ask for: a host has hundreds of sessions with small ones. */
  #reserve(octets: number): void {
    if (octets <= this.#tail.length) return;
    const larger = new Uint8Array(Math.max(SMALL_TAIL, 2 * this.#tail.length, octets));
    larger.set(this.#tail.subarray(0, this.#tailLength));
    this.#tail = larger;
  }
}

const NOTHING = new Uint8Array(0);

const SMALL_TAIL = 256;
