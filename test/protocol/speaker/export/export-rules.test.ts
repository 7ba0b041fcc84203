import t from "tap";
import type { ExportProfile } from "../../../../protocol/speaker/export/export-profile.ts";
import { Asn } from "../../../../protocol/types/asn.ts";
import {
  Community,
  type ExtendedCommunity,
  WELL_KNOWN,
} from "../../../../protocol/types/community.ts";
import { type Family, IPV4_UNICAST, IPV6_UNICAST } from "../../../../protocol/types/family.ts";
import { IpAddress } from "../../../../protocol/types/ip-address.ts";
import { Prefix } from "../../../../protocol/types/prefix.ts";
import { RouterId } from "../../../../protocol/types/router-id.ts";
import type { AttributeSet } from "../../../../protocol/wire/attribute-set.ts";
import { DEFAULT_WIRE_CONTEXT } from "../../../../protocol/wire/wire-context.ts";
import {
  BASE,
  bench,
  CLIENT,
  EBGP,
  EBGP_LEARNED,
  EBGP_REFLECTOR,
  NON_CLIENT,
  NOW,
  PREFIX,
  path,
  SET,
  SOURCES,
  type Source,
} from "./export-bench.ts";
import { Receiver } from "./receiver.ts";

/** What peer 9 gets of one route, and why not. */
function told(
  profile: ExportProfile,
  source: Source,
  set: AttributeSet,
  options: { readonly family?: Family; readonly prefix?: string } = {},
): AttributeSet | string | undefined {
  const { world, groups, key } = bench(options);
  const prefix = options.prefix ?? PREFIX;
  world.announce(
    SOURCES[source],
    prefix,
    source === "local" ? { ...set, nextHop: undefined } : set,
  );
  world.settle();
  groups.join(key, profile);
  const receiver = new Receiver(profile.wireContext);
  receiver.receive(groups.pull(9, 1 << 20, NOW));
  const [route] = receiver.routes.values();
  return route?.set ?? groups.whyNot(key, Prefix(prefix));
}

const EXPORTED: readonly (readonly [string, ExportProfile, Source, boolean | RegExp])[] = [
  ["eBGP is told what this host originates", EBGP, "local", true],
  ["eBGP is not told what came over iBGP", EBGP, "nonClient", /exportLearned/],
  ["eBGP is not told what came over eBGP", EBGP, "ebgp", /exportLearned/],
  ["eBGP is told what came over iBGP with exportLearned", EBGP_LEARNED, "nonClient", true],
  ["eBGP is told what came over eBGP with exportLearned", EBGP_LEARNED, "ebgp", true],
  ["eBGP is told by a reflector what came from a client", EBGP_REFLECTOR, "client", true],
  ["eBGP is told by a reflector what came from a non-client", EBGP_REFLECTOR, "nonClient", true],
  ["eBGP is not told by a reflector what came over eBGP", EBGP_REFLECTOR, "ebgp", /exportLearned/],
  ["a client is told of local routes", CLIENT, "local", true],
  ["a client is told of eBGP routes", CLIENT, "ebgp", true],
  ["a client is told of clients' routes", CLIENT, "client", true],
  ["a client is told of non-clients' routes", CLIENT, "nonClient", true],
  ["a non-client is told of local routes", NON_CLIENT, "local", true],
  ["a non-client is told of eBGP routes", NON_CLIENT, "ebgp", true],
  ["a non-client is told of clients' routes", NON_CLIENT, "client", true],
  ["a non-client is not told of non-clients' routes", NON_CLIENT, "nonClient", /RFC 4456 §6/],
];

for (const [what, profile, source, expected] of EXPORTED) {
  t.test(what, (t) => {
    const result = told(profile, source, SET);
    if (expected === true) t.equal(typeof result, "object");
    else t.match(result, expected);
    t.end();
  });
}

const tagged = (community: Community): AttributeSet => ({ ...SET, communities: [community] });
const REFUSED: readonly (readonly [string, ExportProfile, Source, Community, boolean])[] = [
  ["NO_EXPORT stops at eBGP", EBGP_LEARNED, "nonClient", WELL_KNOWN.noExport, false],
  ["NO_EXPORT passes iBGP", CLIENT, "nonClient", WELL_KNOWN.noExport, true],
  [
    "NO_EXPORT_SUBCONFED stops at eBGP",
    EBGP_LEARNED,
    "nonClient",
    WELL_KNOWN.noExportSubconfed,
    false,
  ],
  ["NO_EXPORT_SUBCONFED passes iBGP", CLIENT, "nonClient", WELL_KNOWN.noExportSubconfed, true],
  ["NO_ADVERTISE stops at eBGP", EBGP_LEARNED, "nonClient", WELL_KNOWN.noAdvertise, false],
  ["NO_ADVERTISE stops at iBGP", CLIENT, "nonClient", WELL_KNOWN.noAdvertise, false],
  ["NO_ADVERTISE stops local routes", EBGP, "local", WELL_KNOWN.noAdvertise, false],
  ["another community passes", EBGP_LEARNED, "nonClient", Community(0xffff_0505), true],
];
for (const [what, profile, source, community, expected] of REFUSED) {
  t.test(`${what} (RFC 1997)`, (t) => {
    t.equal(typeof told(profile, source, tagged(community)) === "object", expected);
    t.end();
  });
}

const INTERNAL = { originatorId: RouterId(5), clusterList: [RouterId(6)], localPref: 300, med: 4 };
const aigp = Uint8Array.of(1, 0, 11, 0, 0, 0, 0, 0, 0, 0, 9);
const transitive = "0002fde800000001" as ExtendedCommunity;
const nonTransitive = "4002fde800000001" as ExtendedCommunity;

/** What goes in, what must come out; absent members of `expected` must be absent. */
const CHANGED: readonly (readonly [string, ExportProfile, Source, AttributeSet, AttributeSet])[] = [
  [
    "a local route to eBGP: our next hop, our AS, MED kept, no LOCAL_PREF (RFC 4271 §5)",
    EBGP,
    "local",
    { ...SET, asPath: [], localPref: 200, med: 5 },
    { ...SET, nextHop: BASE.nextHopSelf, asPath: path(65000), med: 5 },
  ],
  [
    "a learned route to eBGP: our AS in front, MED and iBGP attributes gone (RFC 4271 §5.1.4, RFC 4456 §8)",
    EBGP_LEARNED,
    "nonClient",
    { ...SET, ...INTERNAL, aigp },
    { ...SET, nextHop: BASE.nextHopSelf, asPath: path(65000, 64512) },
  ],
  [
    "non-transitive extended communities stay in the AS (RFC 4360 §6)",
    EBGP_LEARNED,
    "nonClient",
    { ...SET, extendedCommunities: [nonTransitive, transitive] },
    {
      ...SET,
      nextHop: BASE.nextHopSelf,
      asPath: path(65000, 64512),
      extendedCommunities: [transitive],
    },
  ],
  [
    "next hop keep to eBGP",
    { ...EBGP_LEARNED, nextHopMode: "keep" },
    "nonClient",
    SET,
    { ...SET, asPath: path(65000, 64512) },
  ],
  [
    "local-as: the local AS and no other (RFC 7705 §3.2)",
    { ...EBGP, localAsn: Asn(64999) },
    "local",
    { ...SET, asPath: [] },
    { ...SET, nextHop: BASE.nextHopSelf, asPath: path(64999) },
  ],
  [
    "a local route to iBGP: our next hop, LOCAL_PREF 100, path untouched",
    NON_CLIENT,
    "local",
    { ...SET, asPath: [] },
    { ...SET, asPath: [], nextHop: BASE.nextHopSelf, localPref: 100 },
  ],
  [
    "an eBGP route to iBGP: next hop kept, LOCAL_PREF 100, MED kept, no reflection",
    NON_CLIENT,
    "ebgp",
    { ...SET, med: 7 },
    { ...SET, med: 7, localPref: 100 },
  ],
  [
    "an eBGP route to iBGP with next hop self",
    { ...NON_CLIENT, nextHopMode: "self" },
    "ebgp",
    SET,
    { ...SET, nextHop: BASE.nextHopSelf, localPref: 100 },
  ],
  [
    "reflection names the originator and adds the cluster (RFC 4456 §8)",
    CLIENT,
    "nonClient",
    { ...SET, localPref: 100 },
    { ...SET, localPref: 100, originatorId: RouterId(3), clusterList: [RouterId(77)] },
  ],
  [
    "reflection keeps the originator and puts the cluster in front (RFC 4456 §8)",
    NON_CLIENT,
    "client",
    { ...SET, ...INTERNAL },
    { ...SET, ...INTERNAL, clusterList: [RouterId(77), RouterId(6)] },
  ],
  [
    "reflection without a configured cluster id uses the router id (RFC 4456 §7)",
    { ...BASE, target: "client" },
    "nonClient",
    { ...SET, localPref: 100 },
    { ...SET, localPref: 100, originatorId: RouterId(3), clusterList: [RouterId(99)] },
  ],
  [
    "OTC is added towards a customer (RFC 9234 §5)",
    { ...EBGP, role: "provider" },
    "local",
    { ...SET, asPath: [] },
    { ...SET, nextHop: BASE.nextHopSelf, asPath: path(65000), onlyToCustomer: Asn(65000) },
  ],
  [
    "OTC that is there is kept towards a customer (RFC 9234 §5)",
    { ...EBGP_LEARNED, role: "provider" },
    "ebgp",
    { ...SET, onlyToCustomer: Asn(64512) },
    { ...SET, nextHop: BASE.nextHopSelf, asPath: path(65000, 64512), onlyToCustomer: Asn(64512) },
  ],
  [
    "unknown optional transitive attributes pass (RFC 4271 §5)",
    EBGP_LEARNED,
    "nonClient",
    { ...SET, unknown: [{ code: 99, flags: 0xe0, value: Uint8Array.of(1, 2) }] },
    {
      ...SET,
      nextHop: BASE.nextHopSelf,
      asPath: path(65000, 64512),
      unknown: [{ code: 99, flags: 0xe0, value: Uint8Array.of(1, 2) }],
    },
  ],
];
for (const [what, profile, source, set, expected] of CHANGED) {
  t.test(what, (t) => {
    t.strictSame(told(profile, source, set), expected);
    t.end();
  });
}

for (const role of ["customer", "peer", "routeServerClient"] as const) {
  t.test(`a route with OTC is not told by a ${role} (RFC 9234 §5)`, (t) => {
    const set = { ...SET, onlyToCustomer: Asn(64512) };
    t.match(told({ ...EBGP_LEARNED, role }, "ebgp", set), /RFC 9234/);
    t.equal(typeof told({ ...EBGP_LEARNED, role }, "ebgp", SET), "object");
    t.end();
  });
}

t.test("IPv6 has our global and link-local next hop (RFC 2545 §3)", (t) => {
  const options = { family: IPV6_UNICAST, prefix: "2001:db8::/32" };
  const profile: ExportProfile = {
    ...EBGP,
    nextHopSelf: IpAddress("fd00::99"),
    linkLocalNextHopSelf: IpAddress("fe80::99"),
  };
  const result = told(profile, "local", { ...SET, asPath: [] }, options);
  t.match(result, { nextHop: "fd00::99", linkLocalNextHop: "fe80::99" });
  t.end();
});

t.test("an IPv6 next hop goes with IPv4 prefixes only where it was negotiated (RFC 8950)", (t) => {
  const set = { ...SET, nextHop: IpAddress("fd00::9:1"), localPref: 100 };
  t.match(told(CLIENT, "nonClient", set), /next hop does not suit/);
  const wireContext = { ...DEFAULT_WIRE_CONTEXT, extendedNextHop: new Set([IPV4_UNICAST]) };
  t.match(told({ ...CLIENT, wireContext }, "nonClient", set), { nextHop: "fd00::9:1" });
  t.end();
});
