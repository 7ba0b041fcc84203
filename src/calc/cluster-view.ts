import type { Asn } from "../../protocol/types/asn.ts";
import type { IpAddress } from "../../protocol/types/ip-address.ts";
import { type RouterId, routerIdFromText } from "../../protocol/types/router-id.ts";
import { DEFAULTS } from "../resources/defaults.ts";
import { asNumberOf, parseInterfaceAddress } from "../resources/field.ts";
import {
  type AnyResource,
  type ResourceOf,
  resourcesOf,
  type SpecOf,
} from "../resources/schemas.ts";

/** The cluster's resources, sorted and with defaults in place: what every part of calc reads. */
export type ClusterView = {
  /** Nodes that take part in BGP, by name. */
  readonly nodes: readonly NodeView[];
  readonly self: NodeView | undefined;
  /** BGPConfiguration default. */
  readonly config: SpecOf<"BGPConfiguration">;
  readonly globalAsn: Asn;
  readonly peers: readonly ResourceOf<"BGPPeer">[];
  readonly filters: ReadonlyMap<string, ResourceOf<"BGPFilter">>;
  readonly pools: readonly ResourceOf<"IPPool">[];
  readonly endpoints: readonly ResourceOf<"WorkloadEndpoint">[];
};

/** A node as its peers see it. */
export type NodeView = {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly asn: Asn;
  readonly ipv4?: IpAddress;
  readonly ipv6?: IpAddress;
  /** Present on a route reflector. RFC 4456 §7. */
  readonly clusterId?: RouterId;
  readonly listenPort: number;
};

/** Sorts by name, so that nothing downstream depends on the order of arrival. */
export function viewCluster(nodeName: string, given: Iterable<AnyResource>): ClusterView {
  const resources = [...given].toSorted(byName);
  const configurations = new Map(
    resourcesOf(resources, "BGPConfiguration").map(({ metadata, spec }) => [metadata.name, spec]),
  );
  const config = configurations.get("default") ?? {};
  const globalAsn = asNumberOf(config.asNumber) ?? DEFAULTS.bgpConfiguration.asNumber;
  const nodes = resourcesOf(resources, "Node").flatMap((node) => {
    const own = configurations.get(`node.${node.metadata.name}`);
    const listenPort = own?.listenPort ?? config.listenPort;
    return viewNode(node, {
      globalAsn,
      listenPort: listenPort ?? DEFAULTS.bgpConfiguration.listenPort,
    });
  });
  const filters = resourcesOf(resources, "BGPFilter");
  return {
    nodes,
    self: nodes.find(({ name }) => name === nodeName),
    config,
    globalAsn,
    peers: resourcesOf(resources, "BGPPeer"),
    filters: new Map(filters.map((filter) => [filter.metadata.name, filter])),
    pools: resourcesOf(resources, "IPPool"),
    endpoints: resourcesOf(resources, "WorkloadEndpoint"),
  };
}

function viewNode(
  { metadata, spec }: ResourceOf<"Node">,
  inherited: { readonly globalAsn: Asn; readonly listenPort: number },
): readonly NodeView[] {
  const { bgp } = spec;
  if (bgp === undefined) return [];
  const ipv4 = parseInterfaceAddress(bgp.ipv4Address ?? "")?.address;
  const ipv6 = parseInterfaceAddress(bgp.ipv6Address ?? "")?.address;
  const clusterId = bgp.routeReflectorClusterID || undefined;
  return [
    {
      name: metadata.name,
      labels: metadata.labels ?? {},
      asn: asNumberOf(bgp.asNumber) ?? inherited.globalAsn,
      listenPort: inherited.listenPort,
      ...(ipv4 && { ipv4 }),
      ...(ipv6 && { ipv6 }),
      ...(clusterId && { clusterId: routerIdFromText(clusterId) }),
    },
  ];
}

/** By kind, namespace and name. */
function byName(a: AnyResource, b: AnyResource): number {
  return (
    compareText(a.kind, b.kind) ||
    compareText(a.metadata.namespace ?? "", b.metadata.namespace ?? "") ||
    compareText(a.metadata.name, b.metadata.name)
  );
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
