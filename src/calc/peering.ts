import type { Asn } from "../../protocol/types/asn.ts";
import type { IpAddress } from "../../protocol/types/ip-address.ts";
import type { ResourceOf } from "../resources/schemas.ts";
import type { NodeView } from "./node-view.ts";

/** That this host peers with an address, and why. peer-config.ts makes a PeerConfig of it. */
export type Peering = {
  /** As Calico names its protocols: "Mesh_10_0_0_2", "Global_10_0_0_1_port_1179", "Node_fd00__1". */
  readonly name: string;
  readonly origin: "mesh" | "node" | "global" | "reverse" | "localWorkload";
  readonly address: IpAddress;
  readonly port: number;
  readonly peerAsn: Asn;
  /** As which AS we appear; the session is internal if it is the peer's as well. */
  readonly localAsn: Asn;
  /** What the session carries, as far as both ends can. */
  readonly families: readonly IpVersion[];
  /** The BGPPeer; absent in the mesh. */
  readonly source?: ResourceOf<"BGPPeer">;
  /** The node of this cluster at the other end, if it is one. */
  readonly node?: NodeView;
  readonly passive: boolean;
  /** The address of the session with the same node that makes this one needless while it carries this one's families. */
  readonly standbyFor?: IpAddress;
  /** IPv4 with next hops of IPv6, although no BGPPeer asks for it. RFC 8950. */
  readonly extendedNextHop?: true;
};

export type IpVersion = 4 | 6;

/** "10.0.0.2" becomes "10_0_0_2", "fd00::2" becomes "fd00__2". */
export function peeringName(
  prefix: "Mesh" | "Global" | "Node" | "Local_Workload",
  { address, port }: { readonly address: IpAddress; readonly port?: number | undefined },
): string {
  const name = `${prefix}_${address.replaceAll(/[.:]/g, "_")}`;
  return port === undefined ? name : `${name}_port_${port}`;
}

/**
 * Which end opens the connection: the one whose address is the greater text, so that two ends which start together do not
 * collide. A comparison of texts, not of numbers ("10.0.0.9" is greater than "10.0.0.10"): Calico nodes decide the same way,
 * and the two ends must agree.
 */
export function isPassiveTowards(own: IpAddress | undefined, peer: IpAddress): boolean {
  return own !== undefined && peer > own;
}

/** The node's own address of a version. */
export function addressOf(node: NodeView, version: IpVersion): IpAddress | undefined {
  return version === 4 ? node.ipv4 : node.ipv6;
}

/** One session that is to be between two nodes. */
export type NodeSession = {
  readonly address: IpAddress;
  readonly version: IpVersion;
  readonly families: readonly IpVersion[];
  readonly standbyFor?: IpAddress;
  readonly extendedNextHop?: true;
};

/**
 * The sessions between two nodes. Calico runs one daemon a family and so has a session for each; tortie has one, over IPv4 where
 * both ends have it, that carries every family of which both ends have an address. Whether the other end can do that shows in its
 * OPEN: a second session, over IPv6, stands by for those that cannot. "PerFamily" makes it Calico's way.
 */
export function sessionsBetween(
  self: NodeView,
  peer: NodeView,
  sessions: "Shared" | "PerFamily",
): readonly NodeSession[] {
  const common = ([4, 6] as const).flatMap((version) => {
    const address = addressOf(peer, version);
    return address !== undefined && addressOf(self, version) !== undefined
      ? [{ address, version }]
      : [];
  });
  if (sessions === "PerFamily") {
    return common.map(({ address, version }) => ({ address, version, families: [version] }));
  }
  const [first, second] = common;
  if (first === undefined) return [];
  // IPv4 needs no address of its own at either end. RFC 8950 §3. Who does not know that just does not take it up.
  if (first.version === 6) return [{ ...first, families: [4, 6], extendedNextHop: true }];
  const shared = { ...first, families: common.map(({ version }) => version) };
  if (second === undefined) return [shared];
  return [shared, { ...second, families: [second.version], standbyFor: first.address }];
}
