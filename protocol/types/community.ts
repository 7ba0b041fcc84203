import type { Branded } from "./brand.ts";

/** A standard community, 32 bits. RFC 1997. */
export type Community = Branded<number, "Community">;

export function Community(value: number): Community {
  if (!Number.isInteger(value) || value < 0 || value > 0xffff_ffff) {
    throw new RangeError(`not a community: ${value}`);
  }
  return value as Community;
}

/** Well-known communities: RFC 1997, RFC 3765, RFC 7999, RFC 8326, RFC 9494. */
export const WELL_KNOWN = {
  gracefulShutdown: Community(0xffff_0000),
  llgrStale: Community(0xffff_0006),
  noLlgr: Community(0xffff_0007),
  blackhole: Community(0xffff_029a),
  noExport: Community(0xffff_ff01),
  noAdvertise: Community(0xffff_ff02),
  noExportSubconfed: Community(0xffff_ff03),
  noPeer: Community(0xffff_ff04),
} as const;

/** A large community as its canonical text "global:local1:local2", each 32 bits. RFC 8092. */
export type LargeCommunity = Branded<string, "LargeCommunity">;

/** An extended community as 16 lower-case hex digits; the meaning of the type octets is not looked at. RFC 4360. */
export type ExtendedCommunity = Branded<string, "ExtendedCommunity">;

/** "65000:100". */
export function formatCommunity(community: Community): string {
  return `${community >>> 16}:${community & 0xffff}`;
}

export function parseCommunity(text: string): Community | undefined {
  const match = /^(\d{1,5}):(\d{1,5})$/.exec(text);
  const [high, low] = [Number(match?.[1]), Number(match?.[2])];
  return high <= 0xffff && low <= 0xffff ? Community(high * 0x1_0000 + low) : undefined;
}

export function parseLargeCommunity(text: string): LargeCommunity | undefined {
  const match = /^(\d{1,10}):(\d{1,10}):(\d{1,10})$/.exec(text);
  const parts = match?.slice(1).map(Number);
  if (!parts || parts.some((part) => part > 0xffff_ffff)) return undefined;
  return parts.join(":") as LargeCommunity;
}
