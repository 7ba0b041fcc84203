import type { NodeView } from "./node-view.ts";
import type { BgpPeer } from "./peer-scope.ts";
import { addressOf, type IpVersion } from "./peering.ts";

/** The session's own family, and the other one where we have an address for its next hop and may assume that the peer has. */
export function familiesWith(
  self: NodeView,
  {
    version,
    node,
    peer,
  }: { readonly version: IpVersion; readonly node: NodeView | undefined; readonly peer: BgpPeer },
): readonly IpVersion[] {
  const offered = ([4, 6] as const).filter(
    (each) =>
      each === version ||
      carriesBoth(peer, version) ||
      (peer.spec.sessions !== "PerFamily" &&
        addressOf(self, each) !== undefined &&
        (node === undefined || addressOf(node, each) !== undefined)),
  );
  return wantedFamilies(peer, offered);
}

/** IPv4 over IPv6 next hops needs no IPv4 address at either end. RFC 8950 §3. */
export function carriesBoth({ spec }: BgpPeer, version: IpVersion): boolean {
  return spec.extendedNextHop === true && version === 6 && spec.sessions !== "PerFamily";
}

/** `families` takes away, and adds nothing. */
export function wantedFamilies(
  { spec }: BgpPeer,
  offered: readonly IpVersion[],
): readonly IpVersion[] {
  const wanted = spec.families?.map((family) => (family === "IPv4" ? 4 : 6));
  return wanted ? offered.filter((each) => wanted.includes(each)) : offered;
}
