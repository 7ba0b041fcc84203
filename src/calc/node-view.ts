import type { Asn } from "../../protocol/types/asn.ts";
import { type IpAddress, ipv4ToNumber } from "../../protocol/types/ip-address.ts";
import { RouterId, routerIdFromText } from "../../protocol/types/router-id.ts";
import { asNumberOf, parseInterfaceAddress } from "../resources/field.ts";
import type { ResourceOf } from "../resources/schemas.ts";

/** A node that takes part in BGP, as its peers see it: what it inherits is in place. */
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

/** Undefined for a node without `spec.bgp`: it peers with nobody. */
export function viewNode(
  { metadata, spec }: ResourceOf<"Node">,
  inherited: { readonly globalAsn: Asn; readonly listenPort: number },
): NodeView | undefined {
  const { bgp } = spec;
  if (bgp === undefined) return undefined;
  const ipv4 = parseInterfaceAddress(bgp.ipv4Address ?? "")?.address;
  const ipv6 = parseInterfaceAddress(bgp.ipv6Address ?? "")?.address;
  const clusterId = bgp.routeReflectorClusterID || undefined;
  return {
    name: metadata.name,
    labels: metadata.labels ?? {},
    asn: asNumberOf(bgp.asNumber) ?? inherited.globalAsn,
    listenPort: inherited.listenPort,
    ...(ipv4 && { ipv4 }),
    ...(ipv6 && { ipv6 }),
    ...(clusterId && { clusterId: routerIdFromText(clusterId) }),
  };
}

/** IPv4 first. */
export function addressesOf({ ipv4, ipv6 }: NodeView): readonly IpAddress[] {
  return [ipv4, ipv6].filter((address) => address !== undefined);
}

/** The IPv4 address, as Calico does; a node with IPv6 alone takes a hash of its name (FNV-1a). RFC 6286 §2.1 asks for no more. */
export function routerIdOf(nodeName: string, self: NodeView | undefined): RouterId {
  if (self?.ipv4 !== undefined) return RouterId(ipv4ToNumber(self.ipv4));
  let hash = 0x811c_9dc5;
  for (const octet of new TextEncoder().encode(nodeName)) {
    hash = Math.imul(hash ^ octet, 0x0100_0193) >>> 0;
  }
  return RouterId(hash || 1);
}
