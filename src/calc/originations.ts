import type { Origination } from "../../protocol/speaker/speaker-config.ts";
import { type IpAddress, ipVersion } from "../../protocol/types/ip-address.ts";
import {
  hostPrefix,
  type Prefix,
  prefixAddress,
  prefixContains,
} from "../../protocol/types/prefix.ts";
import { localPrefOf } from "../lib/route-priority.ts";
import type { Cluster } from "./cluster.ts";
import type { Table, Value } from "./derive/derivation.ts";
import type { HostState, HostStateProblem } from "./host-state.ts";
import { aggregateOf, isAggregate } from "./own-blocks.ts";
import type { Pool } from "./pools.ts";
import type { HostTunnels } from "./tunnel-state.ts";
import type { LocalWorkload } from "./workloads.ts";

export type Originations = {
  readonly originations: Value<readonly Origination[]>;
  readonly problems: readonly Table<{ readonly problems: readonly HostStateProblem[] }>[];
};

/** What originations are made of. */
export type OriginationInputs = {
  readonly workloads: Table<LocalWorkload>;
  readonly blocks: Value<readonly Prefix[]>;
  readonly pools: Value<readonly Pool[]>;
  readonly metric: Value<HostState["routeMetric"]>;
  readonly tunnels: Value<HostTunnels>;
};

/**
 * What this host announces of its own: its blocks, and those workloads' addresses for which no block of this host speaks
 * (borrowed from another host's block, or from none), or whose priority is above the usual (a workload that moves). The addresses of
 * tunnel devices are announced as those of workloads are.
 */
export function deriveOriginations(
  { derivation }: Cluster,
  { workloads, blocks, pools, metric, tunnels }: OriginationInputs,
): Originations {
  const announced = derivation.table("announced addresses", workloads, (workload, _key, read) => {
    const own = read.value(blocks);
    const normal = read.value(metric);
    return {
      originations: workload.state.addresses.flatMap((address) =>
        originationsOf(address, workload, { own, normal }),
      ),
      problems: [...workload.priorityProblems, ...outsideOfPools(workload, read.value(pools))],
    };
  });
  const ofWorkloads = derivation.list(announced);
  return {
    originations: derivation.value("originations", (read) => {
      const normal = read.value(metric);
      const own = read.value(blocks).filter(isAggregate);
      return [
        ...own.map((prefix) => ({
          prefix,
          kind: "block" as const,
          localPref: localPrefOf(normalOf(prefixAddress(prefix), normal)),
        })),
        ...read.value(ofWorkloads).flatMap(({ originations }) => originations),
        ...tunnelOriginations(read.value(tunnels), { own, normal }),
      ];
    }),
    problems: [announced],
  };
}

type Surroundings = {
  readonly own: readonly Prefix[];
  readonly normal: HostState["routeMetric"];
};

function originationsOf(
  address: IpAddress,
  { priority, state }: LocalWorkload,
  { own, normal }: Surroundings,
): readonly Origination[] {
  const prefix = hostPrefix(address);
  const usual = normalOf(address, normal);
  const elevated = priority !== undefined && priority < usual;
  if (aggregateOf(own, prefix) !== undefined && !elevated) return [];
  const localPref = localPrefOf(elevated ? priority : usual);
  return [{ prefix, kind: "workload", interface: state.interface, localPref }];
}

/** Hosts speak to workloads elsewhere from the address of their device: an answer must find its way back. */
function tunnelOriginations(
  { devices }: HostTunnels,
  { own, normal }: Surroundings,
): readonly Origination[] {
  return devices.flatMap(({ name, address }) => {
    if (address === undefined) return [];
    const prefix = hostPrefix(address);
    if (aggregateOf(own, prefix) !== undefined) return [];
    const localPref = localPrefOf(normalOf(address, normal));
    return [{ prefix, kind: "prefix" as const, interface: name, localPref }];
  });
}

function normalOf(address: IpAddress, { ipv4, ipv6 }: HostState["routeMetric"]): number {
  return ipVersion(address) === 4 ? ipv4 : ipv6;
}

/** The standard export filter announces only what lies in a pool; who put an address elsewhere should hear of it. */
function outsideOfPools(
  { state }: LocalWorkload,
  pools: readonly Pool[],
): readonly HostStateProblem[] {
  if (pools.length === 0) return [];
  return state.addresses
    .filter((address) => !pools.some(({ cidr }) => prefixContains(cidr, hostPrefix(address))))
    .map((address) => ({
      resource: `WorkloadEndpoint/${state.name}`,
      message: `${address} is in no IPPool: not announced`,
    }));
}
