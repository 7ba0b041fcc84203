import type { Branded } from "./brand.ts";
import { IpAddress, ipVersion, ipv4FromNumber, ipv4ToNumber } from "./ip-address.ts";

/** BGP Identifier: an unsigned, nonzero 32-bit number, written as an IPv4 address. RFC 6286 §2.1. Also a cluster id. */
export type RouterId = Branded<number, "RouterId">;

export function RouterId(value: number): RouterId {
  if (!Number.isInteger(value) || value < 1 || value > 0xffff_ffff) {
    throw new RangeError(`not a router id: ${value}`);
  }
  return value as RouterId;
}

/** From dotted decimal. Throws RangeError for 0.0.0.0 and for anything that is not IPv4. */
export function routerIdFromText(text: string): RouterId {
  const address = IpAddress(text);
  if (ipVersion(address) !== 4) throw new RangeError(`not a router id: ${text}`);
  return RouterId(ipv4ToNumber(address));
}

export function formatRouterId(id: RouterId): string {
  return ipv4FromNumber(id);
}
