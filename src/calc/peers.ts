import type { PeerConfig } from "../../protocol/speaker/speaker-config.ts";
import { hostPrefix, type Prefix } from "../../protocol/types/prefix.ts";
import { parsePeerAddress } from "../resources/peer-address.ts";
import type { Cluster } from "./cluster.ts";
import type { Table, Value } from "./derive/derivation.ts";
import { derivePeerings } from "./desired-peerings.ts";
import type { HostState, HostStateProblem } from "./host-state.ts";
import { peerConfig } from "./peer-config.ts";
import { derivePolicies, policyKey } from "./peer-policy.ts";
import type { Peering } from "./peering.ts";
import type { Pool } from "./pools.ts";
import { derivePrefixCommunities } from "./prefix-communities.ts";
import type { LocalWorkload } from "./workloads.ts";

export type Peers = {
  /** By name. */
  readonly configs: Value<readonly PeerConfig[]>;
  readonly staticRoutes: Value<HostState["staticRoutes"]>;
  readonly problems: readonly Table<{ readonly problems: readonly HostStateProblem[] }>[];
};

export type PeerInputs = {
  readonly workloads: Table<LocalWorkload>;
  readonly blocks: Value<readonly Prefix[]>;
  readonly pools: Value<readonly Pool[]>;
};

/** The peers of this host: which there are, and what a Speaker must know of each. */
export function derivePeers(cluster: Cluster, { workloads, blocks, pools }: PeerInputs): Peers {
  const { derivation, self, config } = cluster;
  const { peerings, problems } = derivePeerings(cluster, workloads);
  const advertisements = derivePrefixCommunities(cluster);
  const policies = derivePolicies(cluster, { peerings, pools, advertisements, blocks });
  const made = derivation.table("peers at an address", peerings, (at, _address, read) => {
    const own = read.value(self);
    if (own === undefined) return undefined;
    const configs = at.peerings.flatMap((peering) => {
      const policy = read.at(policies, policyKey(peering));
      if (policy === undefined) return [];
      return [peerConfig(peering, { self: own, config: read.value(config), policies: policy })];
    });
    return {
      peers: configs.map(({ peer }) => peer),
      problems: configs.flatMap((each) => each.problems),
    };
  });
  const byName = derivation.group("peers by name", [made], ({ peers }) =>
    peers.map((peer) => [peer.name, peer] as const),
  );
  const routes = derivation.group("static routes by prefix", [peerings], (at) =>
    at.peerings.flatMap(staticRoutesOf).map((route) => [route.prefix, route] as const),
  );
  return {
    configs: derivation.list(derivation.table("peers", byName, ([peer]) => peer)),
    staticRoutes: derivation.list(derivation.table("static routes", routes, ([route]) => route)),
    problems: [...problems, made],
  };
}

/** The far end of a reverse peering is not ours to reach: it comes to us, or says itself how. */
function staticRoutesOf({ address, source, origin }: Peering): HostState["staticRoutes"] {
  const gateway = parsePeerAddress(source?.spec.reachableBy ?? "")?.address;
  if (gateway === undefined || origin === "reverse") return [];
  return [{ prefix: hostPrefix(address), gateway }];
}
