import {
  type IpAddress,
  ipAddressFromBytes,
  ipAddressToBytes,
  ipVersion,
} from "../../../protocol/types/ip-address.ts";
import { type Prefix, prefixFromBytes } from "../../../protocol/types/prefix.ts";
import { ADDRESS_FAMILY } from "./netlink-constants.ts";
import { type Attributes, MalformedNetlinkError } from "./netlink-reader.ts";

/** AF_INET or AF_INET6. */
export function addressFamilyOf(address: IpAddress): number {
  return ipVersion(address) === 4 ? ADDRESS_FAMILY.ipv4 : ADDRESS_FAMILY.ipv6;
}

/** An attribute that holds an address of 4 or 16 octets. */
export function addressAttribute(attributes: Attributes, type: number): IpAddress | undefined {
  const octets = attributes.get(type);
  return octets && addressFromOctets(octets);
}

/** RTA_VIA: a family in two octets, then an address of that family. */
export function viaAttribute(attributes: Attributes, type: number): IpAddress | undefined {
  const octets = attributes.get(type);
  return octets && addressFromOctets(octets.subarray(2));
}

/** The value of RTA_VIA. */
export function encodeVia(address: IpAddress): Uint8Array {
  const octets = ipAddressToBytes(address);
  return Uint8Array.of(addressFamilyOf(address), 0, ...octets);
}

/** The destination of a header whose attribute is absent when it is the default route. */
export function prefixAttribute(
  attributes: Attributes,
  {
    type,
    family,
    length,
  }: { readonly type: number; readonly family: number; readonly length: number },
): Prefix {
  const width = family === ADDRESS_FAMILY.ipv4 ? 4 : 16;
  const octets = attributes.get(type) ?? Buffer.alloc(width);
  if (octets.length !== width || length > width * 8) {
    throw new MalformedNetlinkError(`destination of ${octets.length} octets, length ${length}`);
  }
  return prefixFromBytes(octets, length);
}

function addressFromOctets(octets: Buffer): IpAddress {
  if (octets.length !== 4 && octets.length !== 16) {
    throw new MalformedNetlinkError(`address of ${octets.length} octets`);
  }
  return ipAddressFromBytes(octets);
}

/** "ee:ee:ee:ee:ee:ee" for six octets; other link layers have other lengths. */
export function formatMacAddress(octets: Uint8Array): string {
  return Array.from(octets, (octet) => octet.toString(16).padStart(2, "0")).join(":");
}

/** The reverse of formatMacAddress. Throws RangeError for anything but six octets in hex. */
export function parseMacAddress(text: string): Uint8Array {
  if (!/^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i.test(text))
    throw new RangeError(`not a MAC address: ${text}`);
  return Uint8Array.from(text.split(":"), (octet) => Number.parseInt(octet, 16));
}
