import type { Branded } from "./brand.ts";

/** Address family and subsequent address family in one number: AFI × 256 + SAFI. RFC 4760 §3, IANA registries. */
export type Family = Branded<number, "Family">;

/** Joins an AFI (0 to 65535) and a SAFI (0 to 255). Throws RangeError outside these ranges. */
export function Family(afi: number, safi: number): Family {
  if (!Number.isInteger(afi) || afi < 0 || afi > 0xffff) throw new RangeError(`not an AFI: ${afi}`);
  if (!Number.isInteger(safi) || safi < 0 || safi > 0xff)
    throw new RangeError(`not a SAFI: ${safi}`);
  return ((afi << 8) | safi) as Family;
}

export const IPV4_UNICAST = Family(1, 1);
export const IPV6_UNICAST = Family(2, 1);

export function afiOf(family: Family): number {
  return family >>> 8;
}

export function safiOf(family: Family): number {
  return family & 0xff;
}

const NAMES = new Map<Family, string>([
  [IPV4_UNICAST, "ipv4-unicast"],
  [IPV6_UNICAST, "ipv6-unicast"],
]);

/** "ipv4-unicast", "ipv6-unicast", or "afi/safi" in numbers for what tortie only passes by. */
export function formatFamily(family: Family): string {
  return NAMES.get(family) ?? `${afiOf(family)}/${safiOf(family)}`;
}

/** The reverse of formatFamily; undefined when the text names no family. */
export function parseFamily(text: string): Family | undefined {
  for (const [family, name] of NAMES) if (name === text) return family;
  const match = /^(\d{1,5})\/(\d{1,3})$/.exec(text);
  if (!match) return undefined;
  const [afi, safi] = [Number(match[1]), Number(match[2])];
  return afi <= 0xffff && safi <= 0xff ? Family(afi, safi) : undefined;
}
