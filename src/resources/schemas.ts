import type { z } from "zod";
import { bgpConfigurationSchema } from "./kind/bgp-configuration.ts";
import { bgpFilterSchema } from "./kind/bgp-filter.ts";
import { bgpPeerSchema } from "./kind/bgp-peer.ts";
import { blockAffinitySchema } from "./kind/block-affinity.ts";
import { calicoNodeStatusSchema } from "./kind/calico-node-status.ts";
import { clusterInformationSchema } from "./kind/cluster-information.ts";
import { felixConfigurationSchema } from "./kind/felix-configuration.ts";
import { hostEndpointSchema } from "./kind/host-endpoint.ts";
import { ipPoolSchema } from "./kind/ip-pool.ts";
import { ipReservationSchema } from "./kind/ip-reservation.ts";
import { ipamBlockSchema } from "./kind/ipam-block.ts";
import { ipamConfigurationSchema } from "./kind/ipam-configuration.ts";
import { ipamHandleSchema } from "./kind/ipam-handle.ts";
import { globalNetworkPolicySchema, networkPolicySchema } from "./kind/network-policy.ts";
import { networkSetSchema } from "./kind/network-set.ts";
import { nodeSchema } from "./kind/node.ts";
import { profileSchema } from "./kind/profile.ts";
import { tierSchema } from "./kind/tier.ts";
import { workloadEndpointSchema } from "./kind/workload-endpoint.ts";
import type { KindSchema } from "./kind-schema.ts";
import type { Kind } from "./kinds.ts";
import type { Resource } from "./resource.ts";

/** The fields and rules of each kind of kinds.ts. A kind without a schema does not compile. */
export const SCHEMAS = {
  Node: nodeSchema,
  BGPConfiguration: bgpConfigurationSchema,
  BGPPeer: bgpPeerSchema,
  BGPFilter: bgpFilterSchema,
  IPPool: ipPoolSchema,
  IPReservation: ipReservationSchema,
  IPAMConfiguration: ipamConfigurationSchema,
  BlockAffinity: blockAffinitySchema,
  IPAMBlock: ipamBlockSchema,
  IPAMHandle: ipamHandleSchema,
  WorkloadEndpoint: workloadEndpointSchema,
  HostEndpoint: hostEndpointSchema,
  Profile: profileSchema,
  Tier: tierSchema,
  NetworkPolicy: networkPolicySchema,
  GlobalNetworkPolicy: globalNetworkPolicySchema,
  NetworkSet: networkSetSchema,
  GlobalNetworkSet: networkSetSchema,
  FelixConfiguration: felixConfigurationSchema,
  ClusterInformation: clusterInformationSchema,
  CalicoNodeStatus: calicoNodeStatusSchema,
} as const satisfies { readonly [K in Kind]: KindSchema };

/** The spec of a kind as written: every field that may be left out may be absent. */
export type SpecOf<K extends Kind> = Readonly<z.infer<(typeof SCHEMAS)[K]["spec"]>>;

/** A resource of one kind whose fields have been checked. */
export type ResourceOf<K extends Kind> = Resource<K, SpecOf<K>>;

/** A checked resource of any kind that this version knows. */
export type AnyResource = { readonly [K in Kind]: ResourceOf<K> }[Kind];

/** Those of one kind, in the order given. */
export function resourcesOf<K extends Kind>(
  resources: Iterable<AnyResource>,
  kind: K,
): readonly ResourceOf<K>[] {
  return [...resources].filter((each): each is AnyResource & ResourceOf<K> => each.kind === kind);
}
