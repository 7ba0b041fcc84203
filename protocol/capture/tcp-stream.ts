import type { Packet } from "./packet.ts";
import type { TcpSegment } from "./tcp-segment.ts";

/** Octets of one direction in order; a gap stands where the capture lost some. */
export type StreamChunk =
  | { readonly type: "data"; readonly bytes: Uint8Array; readonly packet: Packet }
  | { readonly type: "gap"; readonly octets: number; readonly packet: Packet };

/** Out-of-order octets kept while one is missing; beyond this, the gap is taken as lost. */
const MAX_HELD_OCTETS = 4 * 1024 * 1024;

type Held = { readonly sequence: number; readonly bytes: Uint8Array; readonly packet: Packet };

/**
 * Puts one direction of a TCP connection in order: retransmissions count once, segments that came early wait, and what
 * never came is a gap. A stream seen from its middle starts at its first segment. RFC 9293 §3.4.
 */
export class TcpStream {
  /** Next sequence number wanted; undefined before the first segment. */
  #next: number | undefined;
  readonly #held: Held[] = [];
  #heldOctets = 0;

  add(segment: TcpSegment, packet: Packet): StreamChunk[] {
    const sequence = segment.syn ? (segment.sequence + 1) >>> 0 : segment.sequence;
    this.#next ??= sequence;
    if (segment.data.length === 0) return [];
    this.#held.push({ sequence, bytes: segment.data, packet });
    this.#heldOctets += segment.data.length;
    const chunks = this.#deliver();
    while (this.#heldOctets > MAX_HELD_OCTETS) chunks.push(...this.#skipGap());
    return chunks;
  }

  /** At the end of the capture: what waited for a lost segment comes out, with the gaps between. */
  finish(): StreamChunk[] {
    const chunks: StreamChunk[] = [];
    while (this.#held.length > 0) chunks.push(...this.#skipGap());
    return chunks;
  }

  #deliver(): StreamChunk[] {
    const chunks: StreamChunk[] = [];
    for (let found = this.#takeNext(); found !== undefined; found = this.#takeNext()) {
      const { bytes, packet, sequence } = found;
      const next = this.#next as number;
      const fresh = bytes.subarray(distance(sequence, next));
      if (fresh.length === 0) continue;
      this.#next = (next + fresh.length) >>> 0;
      chunks.push({ type: "data", bytes: fresh, packet });
    }
    return chunks;
  }

  /** Takes a held segment that starts at or before the octet that is wanted. */
  #takeNext(): Held | undefined {
    const next = this.#next as number;
    const index = this.#held.findIndex(({ sequence }) => distance(next, sequence) <= 0);
    if (index < 0) return undefined;
    const [found] = this.#held.splice(index, 1);
    this.#heldOctets -= found?.bytes.length ?? 0;
    return found;
  }

  #skipGap(): StreamChunk[] {
    const next = this.#next as number;
    const nearest = this.#held.reduce((best, held) =>
      distance(next, held.sequence) < distance(next, best.sequence) ? held : best,
    );
    this.#next = nearest.sequence;
    const gap = { octets: distance(next, nearest.sequence), packet: nearest.packet };
    return [{ type: "gap", ...gap }, ...this.#deliver()];
  }
}

/** Octets from `from` to `to`, negative when `to` lies behind; sequence numbers wrap at 2^32. */
function distance(from: number, to: number): number {
  return (to - from) | 0;
}
