import { CaptureError, type Packet } from "./packet.ts";

/*
 * draft-ietf-opsawg-pcap:
 *   file header (24): magic (4) major (2) minor (2) reserved (8) snaplen (4) linktype (4, upper bits: FCS)
 *   packet header (16): seconds (4) micro- or nanoseconds (4) captured length (4) original length (4)
 */
const MAGIC_MICROSECONDS = 0xa1b2c3d4;
const MAGIC_NANOSECONDS = 0xa1b23c4d;
const FILE_HEADER = 24;
const PACKET_HEADER = 16;
/** More than any real frame: a larger length is damage, not data. */
const MAX_CAPTURED = 0x0100_0000;

type Format = { readonly littleEndian: boolean; readonly nanoseconds: boolean };

export function isPcap(file: Uint8Array): boolean {
  return formatOf(file) !== undefined;
}

/** Packets of a classic pcap file, of either byte order and resolution. */
export function* readPcap(file: Uint8Array): Generator<Packet> {
  const format = formatOf(file);
  if (format === undefined || file.length < FILE_HEADER) {
    throw new CaptureError("not a pcap file header", 0);
  }
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const u32 = (offset: number) => view.getUint32(offset, format.littleEndian);
  const linkType = u32(20) & 0xffff;
  let number = 0;
  for (let offset = FILE_HEADER; offset < file.length; ) {
    if (offset + PACKET_HEADER > file.length) {
      throw new CaptureError("the file ends within a packet header", offset);
    }
    const length = u32(offset + 8);
    const start = offset + PACKET_HEADER;
    if (length > MAX_CAPTURED) throw new CaptureError(`a packet of ${length} octets`, offset);
    if (start + length > file.length) {
      throw new CaptureError("the file ends within a packet", offset);
    }
    number += 1;
    const fraction = u32(offset + 4);
    yield {
      number,
      timestampMicroseconds:
        u32(offset) * 1e6 + (format.nanoseconds ? Math.floor(fraction / 1000) : fraction),
      linkType,
      bytes: file.subarray(start, start + length),
      originalLength: u32(offset + 12),
    };
    offset = start + length;
  }
}

/** Writes a pcap file, little-endian with microseconds: what every analyser reads. All packets share one link type. */
export function writePcap(linkType: number, packets: Iterable<Packet>): Uint8Array {
  const list = [...packets];
  const size = list.reduce((sum, { bytes }) => sum + PACKET_HEADER + bytes.length, FILE_HEADER);
  const file = new Uint8Array(size);
  const view = new DataView(file.buffer);
  view.setUint32(0, MAGIC_MICROSECONDS, true);
  view.setUint16(4, 2, true);
  view.setUint16(6, 4, true);
  view.setUint32(16, 0x4_0000, true);
  view.setUint32(20, linkType, true);
  let offset = FILE_HEADER;
  for (const { timestampMicroseconds, bytes, originalLength } of list) {
    view.setUint32(offset, Math.floor(timestampMicroseconds / 1e6), true);
    view.setUint32(offset + 4, timestampMicroseconds % 1e6, true);
    view.setUint32(offset + 8, bytes.length, true);
    view.setUint32(offset + 12, originalLength, true);
    file.set(bytes, offset + PACKET_HEADER);
    offset += PACKET_HEADER + bytes.length;
  }
  return file;
}

function formatOf(file: Uint8Array): Format | undefined {
  if (file.length < 4) return undefined;
  const view = new DataView(file.buffer, file.byteOffset, 4);
  for (const littleEndian of [true, false]) {
    const magic = view.getUint32(0, littleEndian);
    if (magic === MAGIC_MICROSECONDS) return { littleEndian, nanoseconds: false };
    if (magic === MAGIC_NANOSECONDS) return { littleEndian, nanoseconds: true };
  }
  return undefined;
}
