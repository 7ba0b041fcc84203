/** One netlink message inside a buffer: where its payload begins and ends. */
export type NetlinkMessage = {
  readonly type: number;
  readonly flags: number;
  readonly sequence: number;
  readonly portId: number;
  readonly payload: Buffer;
};

/** The bytes are not netlink: a length that leads out of the buffer. */
export class MalformedNetlinkError extends Error {
  constructor(what: string) {
    super(`malformed netlink: ${what}`);
    this.name = "MalformedNetlinkError";
  }
}

/** The messages of one datagram. */
export function* readMessages(bytes: Buffer): Generator<NetlinkMessage> {
  let offset = 0;
  while (offset + 16 <= bytes.length) {
    const length = bytes.readUInt32LE(offset);
    if (length < 16 || offset + length > bytes.length) {
      throw new MalformedNetlinkError(
        `message of ${length} octets at ${offset} of ${bytes.length}`,
      );
    }
    yield {
      type: bytes.readUInt16LE(offset + 4),
      flags: bytes.readUInt16LE(offset + 6),
      sequence: bytes.readUInt32LE(offset + 8),
      portId: bytes.readUInt32LE(offset + 12),
      payload: bytes.subarray(offset + 16, offset + length),
    };
    offset += (length + 3) & ~3;
  }
}

/** Attributes by type, the last one of equals; flag bits of the type (nested, byte order) are cut off. */
export type Attributes = ReadonlyMap<number, Buffer>;

/** Reads attributes from `offset` to the end. */
export function readAttributes(bytes: Buffer, offset = 0): Attributes {
  const attributes = new Map<number, Buffer>();
  let at = offset;
  while (at + 4 <= bytes.length) {
    const length = bytes.readUInt16LE(at);
    if (length < 4 || at + length > bytes.length) {
      throw new MalformedNetlinkError(`attribute of ${length} octets at ${at} of ${bytes.length}`);
    }
    attributes.set(bytes.readUInt16LE(at + 2) & TYPE_MASK, bytes.subarray(at + 4, at + length));
    at += (length + 3) & ~3;
  }
  return attributes;
}

const TYPE_MASK = 0x3fff;

export function u8Attribute(attributes: Attributes, type: number): number | undefined {
  return sized(attributes, type, 1)?.readUInt8();
}

export function u32Attribute(attributes: Attributes, type: number): number | undefined {
  return sized(attributes, type, 4)?.readUInt32LE();
}

function sized(attributes: Attributes, type: number, octets: number): Buffer | undefined {
  const value = attributes.get(type);
  if (value !== undefined && value.length < octets) {
    throw new MalformedNetlinkError(`attribute ${type} of ${value.length} octets`);
  }
  return value;
}

/** Text without its final zero. */
export function textAttribute(attributes: Attributes, type: number): string | undefined {
  return attributes.get(type)?.toString("utf8").replace(/\0.*$/s, "");
}
