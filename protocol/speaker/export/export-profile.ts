import type { Policy } from "../../policy/policy.ts";
import type { Asn } from "../../types/asn.ts";
import type { Family } from "../../types/family.ts";
import type { IpAddress } from "../../types/ip-address.ts";
import type { RouterId } from "../../types/router-id.ts";
import type { BgpRole } from "../../wire/capability.ts";
import type { WireContext } from "../../wire/wire-context.ts";

/** Everything that shapes what a peer is told in one family. Peers whose profiles are equal share an update group. */
export type ExportProfile = {
  readonly target: ExportTarget;
  /** Our AS towards this peer, and all that it sees of us: with another one than the speaker's, that does not appear. RFC 7705 §3.2. */
  readonly localAsn: Asn;
  readonly routerId: RouterId;
  /** Present on a route reflector; it goes into CLUSTER_LIST. RFC 4456 §7. */
  readonly clusterId?: RouterId;
  readonly nextHopMode: "auto" | "self" | "keep";
  /** Our next hop in this family towards this peer; with IPv6 perhaps a link-local one behind it. */
  readonly nextHopSelf: IpAddress;
  readonly linkLocalNextHopSelf?: IpAddress;
  readonly exportLearned: boolean;
  /** Our own role on this session. RFC 9234. */
  readonly role?: BgpRole;
  readonly exportPolicy: Policy;
  /** Towards the peer: what we may send. */
  readonly wireContext: WireContext;
  readonly enhancedRefresh: boolean;
  readonly advertisementIntervalSeconds: number;
};

export type ExportTarget = "ebgp" | "client" | "nonClient";

/** Equal for profiles that lead to equal octets in this family. */
export function profileKey(profile: ExportProfile, family: Family): string {
  const { wireContext, ...rest } = profile;
  return JSON.stringify([
    family,
    rest,
    wireContext.fourOctetAsn,
    wireContext.extendedMessage,
    wireContext.addPath.has(family),
    wireContext.extendedNextHop.has(family),
  ]);
}
