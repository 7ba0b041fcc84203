import type { IpAddress } from "../../protocol/types/ip-address.ts";
import { prefixOf } from "../../protocol/types/prefix.ts";
import type { Datastore } from "../datastore/datastore.ts";
import type { Resource } from "../resources/resource.ts";
import { ordinalOf } from "./address-range.ts";
import { allocationOf } from "./block.ts";
import { blockKey, readBlock } from "./ipam-objects.ts";
import { poolHolding, readSettings } from "./settings.ts";

/** A time in which an address was in one state. Revisions are the datastore's; the store keeps no clock. */
export type AddressPeriod = {
  readonly state: "assigned" | "coolingDown" | "free";
  readonly handle: string | undefined;
  readonly attributes: Readonly<Record<string, string>>;
  /** The first version of the block that has it so, as far as is known. */
  readonly since: string | undefined;
  /** When it was assigned, or released, where the block says so. RFC 3339. */
  readonly at: string | undefined;
};

export type AddressHistory = {
  readonly address: IpAddress;
  /** Newest first. */
  readonly periods: readonly AddressPeriod[];
  /** Whether the store keeps old versions at all; otherwise only the present is known. */
  readonly remembers: boolean;
};

/** Versions of a block that are looked at: a busy block has many. */
const MOST_VERSIONS = 2000;

/** Who had an address, and who has it. */
export async function addressHistory(
  datastore: Datastore,
  address: IpAddress,
): Promise<AddressHistory> {
  const settings = await readSettings(datastore);
  const pool = poolHolding(settings, address);
  const remembers = datastore.history !== undefined;
  if (pool === undefined) return { address, periods: [], remembers };
  const key = blockKey(prefixOf(address, pool.blockLength));
  const present = await datastore.get(key);
  const versions = await datastore.history?.(key, { limit: MOST_VERSIONS });
  return {
    address,
    periods: periodsOf(address, versions ?? (present ? [present] : [])),
    remembers,
  };
}

/** From versions of the block, newest first: neighbours that say the same are one period. */
function periodsOf(address: IpAddress, versions: readonly Resource[]): readonly AddressPeriod[] {
  const periods: AddressPeriod[] = [];
  let last: string | undefined;
  for (const version of versions) {
    const period = periodIn(address, version);
    if (period === undefined) continue;
    const { since: _, ...same } = period;
    const text = JSON.stringify(same);
    if (text === last) periods.pop();
    periods.push(period);
    last = text;
  }
  return periods;
}

function periodIn(address: IpAddress, version: Resource): AddressPeriod | undefined {
  const block = readBlock(version);
  const ordinal = block && ordinalOf(block.cidr, address);
  if (block === undefined || ordinal === undefined) return undefined;
  const since = version.metadata.resourceVersion;
  const found = allocationOf(block, ordinal);
  if (found === undefined) {
    return { state: "free", handle: undefined, attributes: {}, since, at: undefined };
  }
  const { handle, attributes, releasedAt } = found;
  const state = releasedAt === undefined ? "assigned" : "coolingDown";
  return { state, handle, attributes, since, at: releasedAt ?? attributes["timestamp"] };
}
