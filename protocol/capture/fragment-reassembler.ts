import type { IpPacket } from "./ip-packet.ts";

/** More datagrams than this half-done: the oldest is given up. A capture may hold any number of lost fragments. */
const MAX_PENDING = 256;
const MAX_DATAGRAM = 65_535;

type Pending = {
  readonly parts: Map<number, Uint8Array>;
  length: number | undefined;
  first: IpPacket;
};

/** Puts fragmented datagrams together again. RFC 791 §3.2, RFC 8200 §4.5. */
export class FragmentReassembler {
  readonly #pending = new Map<string, Pending>();

  /** A whole packet comes back at once; of a fragmented one, the datagram comes with its last missing fragment. */
  add(packet: IpPacket): IpPacket | undefined {
    const { fragment } = packet;
    if (fragment === undefined) return packet;
    const end = fragment.offset + packet.payload.length;
    if (end > MAX_DATAGRAM || packet.missing > 0) return undefined;
    const key = `${packet.source} ${packet.destination} ${packet.protocol} ${fragment.identification}`;
    const pending = this.#pending.get(key) ?? this.#open(key, packet);
    // The first copy of an octet counts; an overlapping fragment cannot rewrite what came before (RFC 5722).
    if (!pending.parts.has(fragment.offset)) pending.parts.set(fragment.offset, packet.payload);
    if (!fragment.more) pending.length = end;
    const payload = join(pending);
    if (payload === undefined) return undefined;
    this.#pending.delete(key);
    const { fragment: _, ...whole } = pending.first;
    return { ...whole, payload };
  }

  #open(key: string, first: IpPacket): Pending {
    if (this.#pending.size >= MAX_PENDING) {
      const [oldest] = this.#pending.keys();
      if (oldest !== undefined) this.#pending.delete(oldest);
    }
    const pending: Pending = { parts: new Map(), length: undefined, first };
    this.#pending.set(key, pending);
    return pending;
  }
}

function join({ parts, length }: Pending): Uint8Array | undefined {
  if (length === undefined) return undefined;
  const payload = new Uint8Array(length);
  let filled = 0;
  for (const offset of [...parts.keys()].sort((a, b) => a - b)) {
    const part = parts.get(offset) as Uint8Array;
    if (offset > filled) return undefined;
    if (offset + part.length <= filled) continue;
    payload.set(part.subarray(0, length - offset), offset);
    filled = Math.min(length, offset + part.length);
  }
  return filled === length ? payload : undefined;
}
