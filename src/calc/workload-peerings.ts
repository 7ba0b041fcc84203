import { type IpAddress, ipVersion, parseIpAddress } from "../../protocol/types/ip-address.ts";
import { DEFAULTS } from "../resources/defaults.ts";
import { asNumberOf } from "../resources/field.ts";
import { matchesSelector, type Selector } from "../resources/selector.ts";
import type { Cluster } from "./cluster.ts";
import type { Table, Value } from "./derive/derivation.ts";
import type { Candidates } from "./node-peerings.ts";
import type { NodeView } from "./node-view.ts";
import { wantedFamilies } from "./peer-families.ts";
import { type BgpPeer, isInScope, scopeOf, selectorOf } from "./peer-scope.ts";
import { type Peering, peeringName } from "./peering.ts";
import type { LocalWorkload } from "./workloads.ts";

/** By workload of this host, the peerings with it: one that speaks BGP itself. It comes to us; we never go to it. */
export function deriveWorkloadPeerings(
  cluster: Cluster,
  local: Table<LocalWorkload>,
): Table<Candidates> {
  const { derivation, self } = cluster;
  const rules = deriveRules(cluster);
  return derivation.table("peerings with workloads", local, (workload, _name, read) => {
    const own = read.value(self);
    const matching = read
      .value(rules)
      .filter(({ selector }) => matchesSelector(selector, workload.labels));
    if (own === undefined || matching.length === 0) return undefined;
    return { peerings: matching.flatMap((rule) => peeringsWith(workload, own, rule)) };
  });
}

/** What the interface of a workload has for its sessions with this host. */
export type PeeringAddresses = { readonly addresses: readonly IpAddress[] };

/** By workload that speaks BGP, the addresses at which it finds this host: localWorkloadPeeringIPV4 and IPV6, as it has addresses. */
export function derivePeeringAddresses(
  cluster: Cluster,
  local: Table<LocalWorkload>,
): Table<PeeringAddresses> {
  const { derivation, config } = cluster;
  const rules = deriveRules(cluster);
  return derivation.table("addresses for workloads' sessions", local, (workload, _name, read) => {
    const { labels, state } = workload;
    if (!read.value(rules).some(({ selector }) => matchesSelector(selector, labels))) return;
    const { localWorkloadPeeringIPV4, localWorkloadPeeringIPV6 } = read.value(config);
    const versions = new Set(state.addresses.map(ipVersion));
    const addresses = [localWorkloadPeeringIPV4, localWorkloadPeeringIPV6]
      .flatMap((text) => parseIpAddress(text ?? "") ?? [])
      .filter((address) => versions.has(ipVersion(address)));
    return addresses.length === 0 ? undefined : { addresses };
  });
}

function deriveRules({ derivation, resources, self }: Cluster): Value<readonly WorkloadRule[]> {
  const all = derivation.list(resources.BGPPeer);
  return derivation.value("BGPPeers with workloads", (read) => {
    const own = read.value(self);
    return own === undefined ? [] : read.value(all).flatMap((peer) => ruleOf(own, peer));
  });
}

type WorkloadRule = { readonly peer: BgpPeer; readonly selector: Selector };

function ruleOf(self: NodeView, peer: BgpPeer): readonly WorkloadRule[] {
  const { localWorkloadSelector } = peer.spec;
  if (!localWorkloadSelector || !isInScope(scopeOf(peer), self)) return [];
  return [{ peer, selector: selectorOf(localWorkloadSelector) }];
}

function peeringsWith(
  { state }: LocalWorkload,
  self: NodeView,
  { peer }: WorkloadRule,
): readonly Peering[] {
  const peerAsn = asNumberOf(peer.spec.asNumber);
  if (peerAsn === undefined) return [];
  return state.addresses.map((address) => ({
    name: peeringName("Local_Workload", { address }),
    origin: "localWorkload",
    address,
    port: DEFAULTS.bgpPeer.port,
    localAsn: asNumberOf(peer.spec.localASNumber) ?? self.asn,
    peerAsn,
    families: wantedFamilies(peer, [ipVersion(address)]),
    source: peer,
    passive: true,
  }));
}
