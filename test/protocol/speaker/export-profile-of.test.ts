import t from "tap";
import { exportProfileOf } from "../../../protocol/speaker/export-profile-of.ts";
import { type Family, IPV4_UNICAST, IPV6_UNICAST } from "../../../protocol/types/family.ts";
import { IpAddress } from "../../../protocol/types/ip-address.ts";
import { DEFAULT_WIRE_CONTEXT } from "../../../protocol/wire/wire-context.ts";
import { benchConfig, internal } from "./bench.ts";

/** What a host has on its interfaces besides its addresses. */
const KERNEL = ["127.0.0.1", "::1", "169.254.1.1", "fe80::1"];

/** Family, our end of the session, configured next hops, addresses of ours, RFC 8950 negotiated; the next hop. */
const ROWS: readonly (readonly [
  Family,
  string,
  { readonly ipv4?: string; readonly ipv6?: string },
  readonly string[],
  boolean,
  string | undefined,
])[] = [
  [IPV4_UNICAST, "10.0.0.1", { ipv4: "10.0.0.9" }, KERNEL, false, "10.0.0.9"],
  [IPV4_UNICAST, "fd00::1", { ipv4: "10.0.0.9", ipv6: "fd00::1" }, KERNEL, true, "10.0.0.9"],
  [IPV4_UNICAST, "fd00::1", { ipv6: "fd00::9" }, KERNEL, true, "fd00::9"],
  [IPV4_UNICAST, "fd00::1", {}, [...KERNEL, "10.0.0.1"], true, "fd00::1"],
  [IPV4_UNICAST, "fd00::1", {}, [...KERNEL, "10.0.0.1"], false, "10.0.0.1"],
  [IPV4_UNICAST, "fd00::1", { ipv6: "fd00::1" }, KERNEL, false, undefined],
  [IPV6_UNICAST, "10.0.0.1", {}, KERNEL, false, undefined],
  [IPV6_UNICAST, "10.0.0.1", {}, [...KERNEL, "fd00::1"], false, "fd00::1"],
  [IPV6_UNICAST, "fe80::2", {}, KERNEL, false, "fe80::2"],
];

t.test("the next hop that we give is one that the peer can reach", async (t) => {
  for (const [family, localAddress, configured, own, extended, expected] of ROWS) {
    const { ipv4, ipv6 } = configured;
    const nextHopSelf = {
      ...(ipv4 !== undefined && { ipv4: IpAddress(ipv4) }),
      ...(ipv6 !== undefined && { ipv6: IpAddress(ipv6) }),
    };
    const peer = { ...internal(2), nextHopSelf };
    const send = {
      ...DEFAULT_WIRE_CONTEXT,
      extendedNextHop: new Set(extended ? [IPV4_UNICAST] : []),
    };
    const profile = exportProfileOf({
      config: peer,
      speaker: benchConfig([peer], { ownAddresses: own.map((address) => IpAddress(address)) }),
      parameters: { send, enhancedRouteRefresh: false },
      family,
      localAddress: IpAddress(localAddress),
    });
    t.equal(profile?.nextHopSelf, expected, `${family} from ${localAddress} ${own.at(-1)}`);
  }
});
