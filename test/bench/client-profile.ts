import { ACCEPT_ALL } from "../../protocol/policy/policy.ts";
import type { ExportProfile } from "../../protocol/speaker/export/export-profile.ts";
import { Asn } from "../../protocol/types/asn.ts";
import { IpAddress } from "../../protocol/types/ip-address.ts";
import { RouterId } from "../../protocol/types/router-id.ts";
import { DEFAULT_WIRE_CONTEXT } from "../../protocol/wire/wire-context.ts";

/** What the clients of a reflector that is measured have in common. */
export const CLIENT_PROFILE: ExportProfile = {
  target: "client",
  localAsn: Asn(65000),
  routerId: RouterId(99),
  clusterId: RouterId(99),
  nextHopMode: "auto",
  nextHopSelf: IpAddress("10.0.0.99"),
  exportLearned: false,
  exportPolicy: ACCEPT_ALL,
  wireContext: { ...DEFAULT_WIRE_CONTEXT, peerType: "internal" },
  enhancedRefresh: true,
  advertisementIntervalSeconds: 0,
};
