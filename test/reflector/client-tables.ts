import type { RouteBatch } from "./plain-client.ts";
import { attribute, type PlainFamily, type RouteKey, u32 } from "./plain-update.ts";

/** Routes that a client makes up: the same words give the same routes in every process. */
export type TableSpec = {
  readonly family: PlainFamily;
  /** Numbers of the prefixes, so that tables of several clients do not overlap. */
  readonly first: number;
  readonly count: number;
  /** Routes that share one attribute set. */
  readonly perSet: number;
  /** Tells one version of a route from the next. */
  readonly version: number;
  /** So many communities more make attributes long. */
  readonly communities?: number;
};

/** The table, one batch an attribute set. */
export function* tableOf(spec: TableSpec): Generator<RouteBatch> {
  const { family, first, count, perSet } = spec;
  for (let start = 0; start < count; start += perSet) {
    const length = Math.min(perSet, count - start);
    const keys = Array.from({ length }, (_, i) => keyOf(family, first + start + i));
    yield { family, keys, attributes: attributesOf(spec, Math.floor((first + start) / perSet)) };
  }
}

/** 20.0.0.0/24 and up, 2a10::/48 and up. */
export function keyOf(family: PlainFamily, number: number): RouteKey {
  if (family === 4) return (0x14_00_00_00 + number * 256) * 64 + 24;
  return `302a10${number.toString(16).padStart(8, "0")}`;
}

/** ORIGIN, AS_PATH, LOCAL_PREF and COMMUNITIES. */
function attributesOf({ version, communities = 0 }: TableSpec, set: number): Buffer {
  const path = Buffer.concat([Buffer.of(2, 3), u32(65_100), u32(100_000 + set), u32(65_200)]);
  const words = Array.from({ length: 1 + communities }, (_, i) => u32((65_000 << 16) | i));
  words[0] = u32((64_999 << 16) | version);
  return Buffer.concat([
    attribute(1, 0x40, Buffer.of(0)),
    attribute(2, 0x40, path),
    attribute(5, 0x40, u32(100)),
    attribute(8, 0xc0, Buffer.concat(words)),
  ]);
}
