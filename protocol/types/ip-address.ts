import type { Branded } from "./brand.ts";

/**
 * An IP address as its canonical text: dotted decimal for IPv4, RFC 5952 for IPv6. Equal addresses are equal strings,
 * so they serve as map keys and print as they are. Tables of routes never hold these: they keep 32-bit words.
 */
export type IpAddress = Branded<string, "IpAddress">;

/** Parses and canonicalises. Throws RangeError when the text is not an address (host part, zone and port included). */
export function IpAddress(text: string): IpAddress {
  const address = parseIpAddress(text);
  if (address === undefined) throw new RangeError(`not an IP address: ${text}`);
  return address;
}

/** Like IpAddress, but undefined instead of an error. */
export function parseIpAddress(text: string): IpAddress | undefined {
  const bytes = text.includes(":") ? parseIpv6(text) : parseIpv4(text);
  return bytes && ipAddressFromBytes(bytes);
}

export function ipVersion(address: IpAddress): 4 | 6 {
  return address.includes(":") ? 6 : 4;
}

/** The canonical address in 4 or 16 octets, network order. Throws RangeError for any other length. */
export function ipAddressFromBytes(bytes: Uint8Array): IpAddress {
  if (bytes.length === 4) return bytes.join(".") as IpAddress;
  if (bytes.length === 16) return formatIpv6(bytes) as IpAddress;
  throw new RangeError(`an IP address has 4 or 16 octets, not ${bytes.length}`);
}

/** The 4 or 16 octets of an address, network order. */
export function ipAddressToBytes(address: IpAddress): Uint8Array {
  const bytes = address.includes(":") ? parseIpv6(address) : parseIpv4(address);
  if (bytes === undefined) throw new RangeError(`not an IP address: ${address}`);
  return bytes;
}

/** An IPv4 address as an unsigned 32-bit number; used where columns hold addresses. */
export function ipv4ToNumber(address: IpAddress): number {
  const [a = 0, b = 0, c = 0, d = 0] = ipAddressToBytes(address);
  return ((a << 24) | (b << 16) | (c << 8) | d) >>> 0;
}

export function ipv4FromNumber(value: number): IpAddress {
  return `${value >>> 24}.${(value >>> 16) & 255}.${(value >>> 8) & 255}.${value & 255}` as IpAddress;
}

/** IPv4 before IPv6, then by value. */
export function compareIpAddress(a: IpAddress, b: IpAddress): number {
  if (a === b) return 0;
  const [left, right] = [ipAddressToBytes(a), ipAddressToBytes(b)];
  if (left.length !== right.length) return left.length - right.length;
  for (let i = 0; i < left.length; i++) {
    const difference = (left[i] as number) - (right[i] as number);
    if (difference !== 0) return difference;
  }
  return 0;
}

function parseIpv4(text: string): Uint8Array | undefined {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text);
  if (!match) return undefined;
  const octets = match.slice(1);
  const wrong = octets.some(
    (octet) => Number(octet) > 255 || (octet.length > 1 && octet[0] === "0"),
  );
  return wrong ? undefined : Uint8Array.from(octets, Number);
}

function parseIpv6(text: string): Uint8Array | undefined {
  const halves = text.split("::");
  if (halves.length > 2) return undefined;
  const head = groupsOf(halves[0] ?? "", { last: halves.length === 1 });
  const tail = halves.length === 2 ? groupsOf(halves[1] ?? "", { last: true }) : [];
  if (head === undefined || tail === undefined) return undefined;
  const missing = 8 - head.length - tail.length;
  if (halves.length === 1 ? missing !== 0 : missing < 1) return undefined;
  const bytes = new Uint8Array(16);
  [...head, ...new Array<number>(missing).fill(0), ...tail].forEach((group, i) => {
    bytes[2 * i] = group >>> 8;
    bytes[2 * i + 1] = group & 255;
  });
  return bytes;
}

/** The 16-bit groups between colons; the last one of an address may be an IPv4 address (RFC 4291 §2.2). */
function groupsOf(text: string, { last }: { readonly last: boolean }): number[] | undefined {
  if (text === "") return [];
  const groups: number[] = [];
  const parts = text.split(":");
  for (const [i, part] of parts.entries()) {
    if (/^[0-9a-fA-F]{1,4}$/.test(part)) groups.push(Number.parseInt(part, 16));
    else {
      const tail = last && i === parts.length - 1 ? parseIpv4(part) : undefined;
      if (tail === undefined) return undefined;
      const [a = 0, b = 0, c = 0, d = 0] = tail;
      groups.push((a << 8) | b, (c << 8) | d);
    }
  }
  return groups;
}

/** RFC 5952 §4: lower case, no leading zeros, the longest run of two or more zero groups (the first of equals) as "::". */
function formatIpv6(bytes: Uint8Array): string {
  const groups: number[] = [];
  for (let i = 0; i < 16; i += 2)
    groups.push(((bytes[i] as number) << 8) | (bytes[i + 1] as number));
  let [start, length] = [-1, 1];
  for (let i = 0; i < 8; i++) {
    let run = 0;
    while (i + run < 8 && groups[i + run] === 0) run++;
    if (run > length) [start, length] = [i, run];
  }
  const hex = (from: number, to?: number) =>
    groups
      .slice(from, to)
      .map((group) => group.toString(16))
      .join(":");
  return start < 0 ? hex(0) : `${hex(0, start)}::${hex(start + length)}`;
}
