import { ACCEPT_ALL } from "../../../../protocol/policy/policy.ts";
import type { ExportProfile } from "../../../../protocol/speaker/export/export-profile.ts";
import { UpdateGroups } from "../../../../protocol/speaker/export/update-groups.ts";
import { Asn } from "../../../../protocol/types/asn.ts";
import { type Family, IPV4_UNICAST } from "../../../../protocol/types/family.ts";
import { Instant } from "../../../../protocol/types/instant.ts";
import { IpAddress } from "../../../../protocol/types/ip-address.ts";
import { RouterId } from "../../../../protocol/types/router-id.ts";
import type { AttributeSet } from "../../../../protocol/wire/attribute-set.ts";
import { DEFAULT_WIRE_CONTEXT } from "../../../../protocol/wire/wire-context.ts";
import { World } from "../../rib/world.ts";

export const PREFIX = "10.1.0.0/16";
export const NOW = Instant(0);
/** The peers that routes come from; the target is peer 9. */
export const SOURCES = { local: 0, ebgp: 1, client: 2, nonClient: 3 } as const;
export type Source = keyof typeof SOURCES;

export const BASE: ExportProfile = {
  target: "ebgp",
  localAsn: Asn(65000),
  routerId: RouterId(99),
  nextHopMode: "auto",
  nextHopSelf: IpAddress("10.0.0.99"),
  exportLearned: false,
  exportPolicy: ACCEPT_ALL,
  wireContext: DEFAULT_WIRE_CONTEXT,
  enhancedRefresh: true,
  advertisementIntervalSeconds: 0,
};
export const EBGP = BASE;
export const EBGP_LEARNED: ExportProfile = { ...BASE, exportLearned: true };
export const EBGP_REFLECTOR: ExportProfile = { ...BASE, clusterId: RouterId(77) };
export const CLIENT: ExportProfile = { ...BASE, target: "client", clusterId: RouterId(77) };
export const NON_CLIENT: ExportProfile = { ...BASE, target: "nonClient", clusterId: RouterId(77) };

export const SET: AttributeSet = {
  nextHop: IpAddress("10.9.0.1"),
  origin: "igp",
  asPath: [{ type: "sequence", asns: [Asn(64512)] }],
};
export const path = (...asns: number[]): AttributeSet["asPath"] => [
  { type: "sequence", asns: asns.map((asn) => Asn(asn)) },
];

export function bench(options: { readonly family?: Family; readonly prefix?: string } = {}) {
  const world = new World(undefined, options);
  for (const [name, peer] of Object.entries(SOURCES)) {
    if (peer > 0)
      world.setPeer(peer, { type: name === "ebgp" ? "ebgp" : "ibgp", client: name === "client" });
  }
  world.setPeer(9);
  for (const nextHop of ["10.9.0.1", "fd00::9:1"])
    world.nextHop(nextHop, { reachable: true, metric: 1 });
  const groups = new UpdateGroups(world.rib);
  const key = { peerIndex: 9, family: options.family ?? IPV4_UNICAST };
  return { world, groups, key };
}
