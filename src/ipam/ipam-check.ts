import { type IpAddress, parseIpAddress } from "../../protocol/types/ip-address.ts";
import type { Datastore } from "../datastore/datastore.ts";
import { formatKey, keyOf, type Resource } from "../resources/resource.ts";
import { HELD_TYPE } from "./assign-request.ts";
import { type Allocation, allocationsOf, type Block, isEmpty } from "./block.ts";
import { checkAffinities, checkHandles } from "./check-index.ts";
import type { Finding, LeakReason } from "./finding.ts";
import { readAffinity, readBlock, readHandle } from "./ipam-objects.ts";
import { poolHolding, SETTINGS_KINDS, settingsOf } from "./settings.ts";
import { tunnelOfAttribute } from "./tunnel-address.ts";

/** What one look at IPAM found. */
export type IpamReport = {
  /** The datastore's revision, at which everything was together as it was seen. No lock was taken. */
  readonly revision: string;
  readonly blocks: number;
  readonly allocations: number;
  readonly endpoints: number;
  readonly handles: number;
  /** Allocations whose address somebody uses. */
  readonly inUse: number;
  readonly findings: readonly Finding[];
};

/** The kinds that a look reads. */
export const CHECKED_KINDS = [
  ...SETTINGS_KINDS,
  "IPAMBlock",
  "BlockAffinity",
  "IPAMHandle",
  "WorkloadEndpoint",
];

/** Looks at everything as it was at one revision, and changes nothing. */
export async function checkIpam(datastore: Datastore): Promise<IpamReport> {
  const { resources, revision } = await datastore.list({ kinds: CHECKED_KINDS });
  return { revision, ...checkObjects(resources) };
}

/** Holds IPAM's objects against each other and against who uses which address. */
export function checkObjects(resources: readonly Resource[]): Omit<IpamReport, "revision"> {
  const ofKind = (kind: string) => resources.filter((each) => each.kind === kind);
  const [storedBlocks, storedAffinities, storedHandles] = [
    ofKind("IPAMBlock"),
    ofKind("BlockAffinity"),
    ofKind("IPAMHandle"),
  ];
  const blocks = storedBlocks.flatMap((resource) => {
    const block = readBlock(resource);
    return block ? [{ value: block, resourceVersion: resource.metadata.resourceVersion }] : [];
  });
  const users = usersOf(resources);
  const nodes = new Set(ofKind("Node").map(({ metadata }) => metadata.name));
  const allocated = blocks.flatMap(({ value: block }) =>
    allocationsOf(block)
      .filter(({ releasedAt }) => releasedAt === undefined)
      .map((allocation) => ({ block, allocation })),
  );
  const usedHandles = new Set(
    allocated
      .filter(({ allocation }) => users.has(allocation.address))
      .map(({ allocation }) => allocation.handle),
  );
  // An owner that lives keeps all it has, as in Calico: it will release its handle as a whole.
  const unused = allocated.filter(
    ({ allocation: { address, handle } }) =>
      !users.has(address) && (handle === undefined || !usedHandles.has(handle)),
  );
  const leaks = unused.flatMap((each) => leakOf(each, nodes) ?? []);
  const unreadable = [
    ...storedBlocks.filter((each) => readBlock(each) === undefined),
    ...storedAffinities.filter((each) => readAffinity(each) === undefined),
    ...storedHandles.filter((each) => readHandle(each) === undefined),
  ].map((each): Finding => ({ type: "unreadable", object: formatKey(keyOf(each)) }));
  const known = new Set(allocated.map(({ allocation }) => allocation.address));
  return {
    blocks: blocks.length,
    allocations: allocated.length,
    endpoints: ofKind("WorkloadEndpoint").length,
    handles: storedHandles.length,
    inUse: allocated.length - leaks.length,
    findings: [
      ...checkUsers(users, { known, pools: settingsOf(resources) }),
      ...leaks,
      ...checkHandles(
        storedHandles,
        blocks.map(({ value }) => value),
      ),
      ...checkAffinities(storedAffinities, {
        blocks,
        nodes,
        unreadable: unreadableNames(storedBlocks),
      }),
      ...unreadable,
    ],
  };
}

/** Who uses which address: "WorkloadEndpoint/default/web", "Node/core-01". */
type Users = ReadonlyMap<IpAddress, readonly string[]>;

function leakOf(
  { block, allocation }: { readonly block: Block; readonly allocation: Allocation },
  nodes: ReadonlySet<string>,
): Finding | undefined {
  const { address, handle, sequenceNumber, attributes } = allocation;
  if (attributes["type"] === HELD_TYPE) return undefined;
  // Windows hosts keep some addresses of each of their blocks.
  if (isEmpty({ ...block, allocations: [block.allocations[allocation.ordinal] ?? null] }))
    return undefined;
  const reason = leakReason(attributes, nodes);
  const { cidr } = block;
  return { type: "leak", address, block: cidr, handle, sequenceNumber, attributes, reason };
}

function leakReason(
  { node, type }: Readonly<Record<string, string>>,
  nodes: ReadonlySet<string>,
): LeakReason {
  if (node !== undefined && !nodes.has(node)) return "noNode";
  return tunnelOfAttribute(type) === undefined ? "noEndpoint" : "noTunnel";
}

function checkUsers(
  users: Users,
  {
    known,
    pools,
  }: { readonly known: ReadonlySet<IpAddress>; readonly pools: Parameters<typeof poolHolding>[0] },
): readonly Finding[] {
  const findings: Finding[] = [];
  for (const [address, usedBy] of users) {
    if (usedBy.length > 1) findings.push({ type: "usedTwice", address, usedBy });
    if (!known.has(address) && poolHolding(pools, address) !== undefined) {
      findings.push({ type: "notAllocated", address, usedBy });
    }
  }
  return findings;
}

function usersOf(resources: readonly Resource[]): Users {
  const users = new Map<IpAddress, string[]>();
  for (const resource of resources) {
    for (const text of addressesIn(resource)) {
      const address =
        typeof text === "string" ? parseIpAddress(text.split("/")[0] ?? "") : undefined;
      if (address === undefined) continue;
      users.set(address, [...(users.get(address) ?? []), formatKey(keyOf(resource))]);
    }
  }
  return users;
}

/** What an object says of its addresses that come from IPAM. */
function addressesIn({ kind, spec }: Resource): readonly unknown[] {
  if (kind === "WorkloadEndpoint")
    return Array.isArray(spec["ipNetworks"]) ? spec["ipNetworks"] : [];
  if (kind !== "Node") return [];
  const { bgp, wireguard } = spec as Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  return [
    bgp?.["ipv4IPIPTunnelAddr"],
    spec["ipv4VXLANTunnelAddr"],
    spec["ipv6VXLANTunnelAddr"],
    wireguard?.["interfaceIPv4Address"],
    wireguard?.["interfaceIPv6Address"],
  ];
}

function unreadableNames(blocks: readonly Resource[]): ReadonlySet<string> {
  return new Set(
    blocks.filter((each) => readBlock(each) === undefined).map(({ metadata }) => metadata.name),
  );
}
