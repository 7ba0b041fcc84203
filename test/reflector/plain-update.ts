/*
 * UPDATEs in plain octets, written from the RFCs and not with protocol/: what the reflector's worlds say to the daemon and hear from
 * it must not share its mistakes. RFC 4271 §4.3, RFC 4760, RFC 7911.
 */

export type PlainFamily = 4 | 6;

/** A prefix, with its path id where paths have one. IPv4 without one is a number, which makes tables of 100,000 cheap. */
export type RouteKey = number | string;

/** Path attributes as a sorted text, "5/40/00000064 9/80/0a620001", with the next hop of MP_REACH_NLRI as 14's value. */
export type AttributesText = string;

export type UpdateListener = {
  readonly announced: (key: RouteKey, attributes: AttributesText) => void;
  readonly withdrawn: (key: RouteKey) => void;
  readonly endOfRib: (family: PlainFamily) => void;
};

const HEADER = 19;
const MOST_OCTETS = 4096;
const [EXTENDED_LENGTH, MP_REACH, MP_UNREACH] = [0x10, 14, 15];

/** Texts of attributes that were seen before, by their octets: a full table repeats them for each receiver. */
const texts = new Map<string, AttributesText>();
const MOST_TEXTS = 30_000;

/** Reads the body of an UPDATE (without its header). */
export function readUpdate(body: Buffer, addPath: boolean, listener: UpdateListener): void {
  const withdrawnEnd = 2 + body.readUInt16BE(0);
  const attributesEnd = withdrawnEnd + 2 + body.readUInt16BE(withdrawnEnd);
  const attributes = body.subarray(withdrawnEnd + 2, attributesEnd);
  const withdrawn = body.subarray(2, withdrawnEnd);
  const announced = body.subarray(attributesEnd);
  if (body.length === 4) {
    listener.endOfRib(4);
    return;
  }
  eachPrefix(withdrawn, 4, addPath, listener.withdrawn);
  const unreach = attributeValue(attributes, MP_UNREACH);
  if (unreach !== undefined) {
    const family = unreach.readUInt16BE(0) === 1 ? 4 : 6;
    if (unreach.length === 3 && attributes.length <= 7) listener.endOfRib(family);
    eachPrefix(unreach.subarray(3), family, addPath, listener.withdrawn);
  }
  const reach = attributeValue(attributes, MP_REACH);
  if (reach !== undefined) {
    const family = reach.readUInt16BE(0) === 1 ? 4 : 6;
    const text = textOf(attributes);
    const nlri = reach.subarray(5 + (reach[3] ?? 0));
    eachPrefix(nlri, family, addPath, (key) => listener.announced(key, text));
  }
  if (announced.length > 0) {
    const text = knownText(attributes);
    eachPrefix(announced, 4, addPath, (key) => listener.announced(key, text));
  }
}

function knownText(attributes: Buffer): AttributesText {
  const octets = attributes.toString("latin1");
  const known = texts.get(octets);
  if (known !== undefined) return known;
  const text = textOf(attributes);
  if (texts.size >= MOST_TEXTS) texts.clear();
  texts.set(octets, text);
  return text;
}

/** What follows the next hop in MP_REACH_NLRI is not an attribute's. */
export function textOf(attributes: Buffer): AttributesText {
  const parts: (readonly [number, string])[] = [];
  eachAttribute(attributes, (code, flags, value) => {
    const shown = code === MP_REACH ? value.subarray(4, 4 + (value[3] ?? 0)) : value;
    if (code === MP_UNREACH) return;
    // How long a length is says nothing.
    parts.push([
      code,
      `${code}/${(flags & ~EXTENDED_LENGTH).toString(16)}/${shown.toString("hex")}`,
    ]);
  });
  parts.sort(([a], [b]) => a - b);
  return parts.map(([, part]) => part).join(" ");
}

function attributeValue(attributes: Buffer, wanted: number): Buffer | undefined {
  let found: Buffer | undefined;
  eachAttribute(attributes, (code, _flags, value) => {
    if (code === wanted) found = value;
  });
  return found;
}

function eachAttribute(
  octets: Buffer,
  found: (code: number, flags: number, value: Buffer) => void,
): void {
  for (let at = 0; at < octets.length; ) {
    const [flags, code] = [octets[at] ?? 0, octets[at + 1] ?? 0];
    const long = (flags & EXTENDED_LENGTH) !== 0;
    const length = long ? octets.readUInt16BE(at + 2) : (octets[at + 2] ?? 0);
    const start = at + (long ? 4 : 3);
    if (start + length > octets.length) throw new Error(`attribute ${code} runs over its field`);
    found(code, flags, octets.subarray(start, start + length));
    at = start + length;
  }
}

function eachPrefix(
  octets: Buffer,
  family: PlainFamily,
  addPath: boolean,
  found: (key: RouteKey) => void,
): void {
  for (let at = 0; at < octets.length; ) {
    const start = at;
    if (addPath) at += 4;
    const length = octets[at] ?? 0;
    const end = at + 1 + ((length + 7) >> 3);
    if (length > (family === 4 ? 32 : 128) || end > octets.length) {
      throw new Error(`a prefix of ${length} bits runs over its field`);
    }
    found(
      family === 4 && !addPath ? numberOf(octets, at, end) : octets.toString("hex", start, end),
    );
    at = end;
  }
}

function numberOf(octets: Buffer, start: number, end: number): number {
  let address = 0;
  for (let i = 1; i <= 4; i++) {
    address = address * 256 + (start + i < end ? (octets[start + i] ?? 0) : 0);
  }
  return address * 64 + (octets[start] ?? 0);
}

/** The octets of a key in an NLRI field. */
function octetsOf(key: RouteKey): Buffer {
  if (typeof key === "string") return Buffer.from(key, "hex");
  const octets = Buffer.alloc(5);
  octets[0] = key % 64;
  octets.writeUInt32BE(Math.floor(key / 64), 1);
  return octets.subarray(0, 1 + (((key % 64) + 7) >> 3));
}

/** UPDATEs that announce all these with the same attributes; each message is as full as it can be. */
export function announceUpdates(
  family: PlainFamily,
  keys: readonly RouteKey[],
  attributes: Buffer,
  nextHop: Buffer,
): Buffer {
  if (family === 4) {
    const all = Buffer.concat([attributes, attribute(3, 0x40, nextHop)]);
    const head = Buffer.concat([u16(0), u16(all.length), all]);
    return packed(keys, MOST_OCTETS - head.length, (nlri) => Buffer.concat([head, nlri]));
  }
  const room = MOST_OCTETS - attributes.length - 8 - 5 - nextHop.length;
  return packed(keys, room, (nlri) => {
    const value = Buffer.concat([
      Buffer.from([0, 2, 1, nextHop.length]),
      nextHop,
      Buffer.of(0),
      nlri,
    ]);
    const all = Buffer.concat([attribute(MP_REACH, 0x80, value), attributes]);
    return Buffer.concat([u16(0), u16(all.length), all]);
  });
}

/** UPDATEs that withdraw all these. */
export function withdrawUpdates(family: PlainFamily, keys: readonly RouteKey[]): Buffer {
  if (family === 4) {
    return packed(keys, MOST_OCTETS - 4, (nlri) => Buffer.concat([u16(nlri.length), nlri, u16(0)]));
  }
  return packed(keys, MOST_OCTETS - 11, (nlri) => {
    const value = Buffer.concat([Buffer.from([0, 2, 1]), nlri]);
    const all = attribute(MP_UNREACH, 0x80, value);
    return Buffer.concat([u16(0), u16(all.length), all]);
  });
}

/** Fills messages with prefixes; `room` is what a message has for them behind its header. */
function packed(keys: readonly RouteKey[], room: number, bodyOf: (nlri: Buffer) => Buffer): Buffer {
  const messages: Buffer[] = [];
  let pending: Buffer[] = [];
  let octets = 0;
  const close = () => {
    if (pending.length > 0) messages.push(message(2, bodyOf(Buffer.concat(pending))));
    pending = [];
    octets = 0;
  };
  for (const key of keys) {
    const next = octetsOf(key);
    if (octets + next.length > room - HEADER) close();
    pending.push(next);
    octets += next.length;
  }
  close();
  return Buffer.concat(messages);
}

/** One attribute; its length takes two octets where it must. */
export function attribute(code: number, flags: number, value: Buffer): Buffer {
  const long = value.length > 255;
  const head = long
    ? [flags | EXTENDED_LENGTH, code, value.length >> 8, value.length & 255]
    : [flags, code, value.length];
  return Buffer.concat([Buffer.from(head), value]);
}

/** A message of this type around its body. RFC 4271 §4.1. */
export function message(type: number, body: Buffer): Buffer {
  return Buffer.concat([Buffer.alloc(16, 0xff), u16(HEADER + body.length), Buffer.of(type), body]);
}

export function u16(value: number): Buffer {
  return Buffer.of(value >> 8, value & 255);
}

export function u32(value: number): Buffer {
  const octets = Buffer.alloc(4);
  octets.writeUInt32BE(value >>> 0);
  return octets;
}
