import { CaptureError, type Packet } from "./packet.ts";

/*
 * draft-ietf-opsawg-pcapng. Every block: type (4) total length (4) body … padding, total length (4) again.
 *   section header 0x0a0d0d0a: byte-order magic (4) major (2) minor (2) section length (8) options
 *   interface description 1: link type (2) reserved (2) snaplen (4) options (if_tsresol: 9, if_tsoffset: 14)
 *   enhanced packet 6: interface (4) time high (4) time low (4) captured (4) original (4) data
 *   simple packet 3: original (4) data · obsolete packet 2: interface (2) drops (2), then as the enhanced one
 */
const SECTION_HEADER = 0x0a0d0d0a;
const INTERFACE_DESCRIPTION = 1;
const OBSOLETE_PACKET = 2;
const SIMPLE_PACKET = 3;
const ENHANCED_PACKET = 6;
const BYTE_ORDER_MAGIC = 0x1a2b3c4d;
const OPTION_TIME_RESOLUTION = 9;
const OPTION_TIME_OFFSET = 14;

type Interface = {
  readonly linkType: number;
  readonly snapLength: number;
  readonly ticksPerSecond: number;
  readonly offsetSeconds: number;
};

type Block = {
  readonly type: number;
  readonly offset: number;
  /** Body without the two lengths. */
  readonly start: number;
  readonly end: number;
  readonly littleEndian: boolean;
};

export function isPcapng(file: Uint8Array): boolean {
  return file.length >= 12 && viewOf(file).getUint32(0) === SECTION_HEADER;
}

/** Packets of a pcapng file: any number of sections and interfaces; blocks that are not packets are passed over. */
export function* readPcapng(file: Uint8Array): Generator<Packet> {
  let interfaces: Interface[] = [];
  let number = 0;
  for (const block of blocksOf(file)) {
    if (block.type === SECTION_HEADER) interfaces = [];
    else if (block.type === INTERFACE_DESCRIPTION) interfaces.push(interfaceOf(file, block));
    else {
      const packet = packetOf(file, block, interfaces);
      if (packet === undefined) continue;
      number += 1;
      yield { number, ...packet };
    }
  }
}

function* blocksOf(file: Uint8Array): Generator<Block> {
  const view = viewOf(file);
  let littleEndian = true;
  for (let offset = 0; offset < file.length; ) {
    if (offset + 12 > file.length) throw new CaptureError("the file ends within a block", offset);
    if (view.getUint32(offset) === SECTION_HEADER) littleEndian = byteOrder(view, offset);
    const length = view.getUint32(offset + 4, littleEndian);
    if (length < 12 || length % 4 !== 0) {
      throw new CaptureError(`a block of ${length} octets`, offset);
    }
    if (offset + length > file.length) {
      throw new CaptureError("the file ends within a block", offset);
    }
    const type = view.getUint32(offset, littleEndian);
    yield { type, offset, start: offset + 8, end: offset + length - 4, littleEndian };
    offset += length;
  }
}

function byteOrder(view: DataView, offset: number): boolean {
  if (view.getUint32(offset + 8, true) === BYTE_ORDER_MAGIC) return true;
  if (view.getUint32(offset + 8, false) === BYTE_ORDER_MAGIC) return false;
  throw new CaptureError("a section header without its byte-order magic", offset);
}

function interfaceOf(file: Uint8Array, block: Block): Interface {
  const view = viewOf(file);
  const { start, end, littleEndian } = block;
  if (start + 8 > end) throw new CaptureError("a short interface description", block.offset);
  let [ticksPerSecond, offsetSeconds] = [1e6, 0];
  for (let at = start + 8; at + 4 <= end; ) {
    const code = view.getUint16(at, littleEndian);
    const length = view.getUint16(at + 2, littleEndian);
    if (code === 0 || at + 4 + length > end) break;
    if (code === OPTION_TIME_RESOLUTION && length === 1) {
      ticksPerSecond = resolution(view.getUint8(at + 4));
    }
    if (code === OPTION_TIME_OFFSET && length === 8) {
      offsetSeconds = Number(view.getBigInt64(at + 4, littleEndian));
    }
    at += 4 + length + ((4 - (length % 4)) % 4);
  }
  return {
    linkType: view.getUint16(start, littleEndian),
    snapLength: view.getUint32(start + 4, littleEndian),
    ticksPerSecond,
    offsetSeconds,
  };
}

/** if_tsresol: the high bit chooses a power of 2 instead of 10. */
function resolution(value: number): number {
  return value & 0x80 ? 2 ** (value & 0x7f) : 10 ** value;
}

function packetOf(
  file: Uint8Array,
  block: Block,
  interfaces: readonly Interface[],
): Omit<Packet, "number"> | undefined {
  const { type, start, end, littleEndian } = block;
  const view = viewOf(file);
  if (type === SIMPLE_PACKET) {
    const from = knownInterface(interfaces, 0, block);
    if (start + 4 > end) throw new CaptureError("a short packet block", block.offset);
    const originalLength = view.getUint32(start, littleEndian);
    const limit = from.snapLength === 0 ? originalLength : from.snapLength;
    const length = Math.min(originalLength, limit, end - start - 4);
    const bytes = file.subarray(start + 4, start + 4 + length);
    return { timestampMicroseconds: 0, linkType: from.linkType, bytes, originalLength };
  }
  if (type !== ENHANCED_PACKET && type !== OBSOLETE_PACKET) return undefined;
  if (start + 20 > end) throw new CaptureError("a short packet block", block.offset);
  const index =
    type === ENHANCED_PACKET
      ? view.getUint32(start, littleEndian)
      : view.getUint16(start, littleEndian);
  const from = knownInterface(interfaces, index, block);
  const length = view.getUint32(start + 12, littleEndian);
  if (start + 20 + length > end) throw new CaptureError("a packet longer than its block", start);
  const ticks =
    (BigInt(view.getUint32(start + 4, littleEndian)) << 32n) |
    BigInt(view.getUint32(start + 8, littleEndian));
  return {
    timestampMicroseconds: microseconds(ticks, from),
    linkType: from.linkType,
    bytes: file.subarray(start + 20, start + 20 + length),
    originalLength: view.getUint32(start + 16, littleEndian),
  };
}

function microseconds(ticks: bigint, from: Interface): number {
  const perSecond = BigInt(from.ticksPerSecond);
  const whole = ticks / perSecond;
  const fraction = ((ticks % perSecond) * 1_000_000n) / perSecond;
  return (Number(whole) + from.offsetSeconds) * 1e6 + Number(fraction);
}

function knownInterface(interfaces: readonly Interface[], index: number, block: Block): Interface {
  const found = interfaces[index];
  if (found === undefined) {
    throw new CaptureError(`a packet of interface ${index}, which is not described`, block.offset);
  }
  return found;
}

function viewOf(file: Uint8Array): DataView {
  return new DataView(file.buffer, file.byteOffset, file.byteLength);
}
