import { parseInterfaceAddress } from "../field.ts";
import { formatKey, keyOf, type Resource } from "../resource.ts";
import { bgpOf, type ClusterSnapshot } from "./cluster-snapshot.ts";
import type { CrossIssue } from "./cross-check.ts";

type Claim = { readonly resource: string; readonly path: string; readonly address: string };

/** One address belongs to one endpoint or node: routes to it would lead to either. */
export function duplicateAddresses(snapshot: ClusterSnapshot): readonly CrossIssue[] {
  const claims = [
    ...snapshot.of("Node").flatMap(claimsOfNode),
    ...snapshot.of("WorkloadEndpoint").flatMap(claimsOfEndpoint),
  ];
  const first = new Map<string, Claim>();
  return claims.flatMap((claim) => {
    const other = first.get(claim.address);
    if (other === undefined) first.set(claim.address, claim);
    if (other === undefined || other.resource === claim.resource) return [];
    return [
      {
        code: "duplicate-address",
        severity: "error",
        resource: claim.resource,
        path: claim.path,
        message: `${claim.address} is also ${other.path} of ${other.resource}`,
        fix: "give one of the two another address",
      },
    ];
  });
}

const NODE_ADDRESSES = ["ipv4VXLANTunnelAddr", "ipv6VXLANTunnelAddr"] as const;
const BGP_ADDRESSES = ["ipv4Address", "ipv6Address", "ipv4IPIPTunnelAddr"] as const;

function claimsOfNode(node: Resource): readonly Claim[] {
  const bgp = bgpOf(node);
  return [
    ...BGP_ADDRESSES.flatMap((field) => claim(node, `spec.bgp.${field}`, bgp[field])),
    ...NODE_ADDRESSES.flatMap((field) => claim(node, `spec.${field}`, node.spec[field])),
  ];
}

/** While a live machine moves it has an endpoint on both hosts, and the one that it moves to has this annotation. */
const MOVING = "tortie/route-priority";

function claimsOfEndpoint(endpoint: Resource): readonly Claim[] {
  if (endpoint.metadata.annotations?.[MOVING] !== undefined) return [];
  const networks = endpoint.spec["ipNetworks"];
  if (!Array.isArray(networks)) return [];
  return networks.flatMap((network, index) =>
    claim(endpoint, `spec.ipNetworks[${index}]`, network),
  );
}

function claim(resource: Resource, path: string, written: unknown): readonly Claim[] {
  const parsed = typeof written === "string" ? parseInterfaceAddress(written) : undefined;
  if (parsed === undefined) return [];
  return [{ resource: formatKey(keyOf(resource)), path, address: parsed.address }];
}
