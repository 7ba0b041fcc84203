import type { Policy, PolicyMatch, PolicyRule } from "../../../../protocol/policy/policy.ts";
import type { ExportProfile } from "../../../../protocol/speaker/export/export-profile.ts";
import type { Asn } from "../../../../protocol/types/asn.ts";
import {
  type Community,
  type LargeCommunity,
  WELL_KNOWN,
} from "../../../../protocol/types/community.ts";
import { type Prefix, prefixContains, prefixLength } from "../../../../protocol/types/prefix.ts";
import { RouterId } from "../../../../protocol/types/router-id.ts";
import type { AttributeSet } from "../../../../protocol/wire/attribute-set.ts";
import type { ModelRib, ModelRoute } from "../../rib/model.ts";

/**
 * What a peer should have been told, worked out route by route and peer by peer from values: the oracle for update groups.
 * Shares no code with protocol/speaker/export or protocol/policy.
 */
export function expectedAdjRibOut(
  model: ModelRib,
  peer: number,
  profile: ExportProfile,
  options: { readonly addPath: boolean },
): readonly (readonly [Prefix, AttributeSet])[] {
  return model.prefixes().flatMap((prefix) => {
    const best = model.best(prefix);
    const told = options.addPath ? model.eligible(prefix) : best ? [best] : [];
    return told.flatMap((route) => {
      const set = route.peer === peer ? undefined : exported(model, route, profile);
      return set === undefined ? [] : [[prefix, set] as const];
    });
  });
}

export function exported(
  model: ModelRib,
  route: ModelRoute,
  profile: ExportProfile,
): AttributeSet | undefined {
  const set = route.accepted as AttributeSet;
  const facts = model.peers.get(route.peer);
  const source =
    facts === undefined
      ? "local"
      : facts.type === "ebgp"
        ? "ebgp"
        : facts.routeReflectorClient
          ? "client"
          : "nonClient";
  const has = (community: Community) => set.communities?.includes(community) === true;
  if (has(WELL_KNOWN.noAdvertise)) return undefined;
  const ebgp = profile.target === "ebgp";
  if (ebgp && (has(WELL_KNOWN.noExport) || has(WELL_KNOWN.noExportSubconfed))) return undefined;
  if (ebgp && source === "ebgp" && !profile.exportLearned) return undefined;
  if (ebgp && (source === "client" || source === "nonClient")) {
    if (!profile.exportLearned && profile.clusterId === undefined) return undefined;
  }
  if (profile.target === "nonClient" && source === "nonClient") return undefined;
  const kind = source === "local" || source === "ebgp" ? source : "ibgp";
  const filtered = applyPolicy(
    profile.exportPolicy,
    route.prefix,
    set,
    kind,
    ebgp ? strip(set, source) : set,
  );
  if (filtered === undefined) return undefined;
  const self =
    source === "local" ||
    profile.nextHopMode === "self" ||
    (ebgp && profile.nextHopMode === "auto");
  const out = { ...filtered, nextHop: self ? profile.nextHopSelf : filtered.nextHop };
  if (ebgp) {
    const { localPref: _, ...rest } = out;
    return { ...rest, asPath: prepend(out.asPath, [profile.localAsn]) };
  }
  const internal = { ...out, localPref: out.localPref ?? 100 };
  if (source === "local" || source === "ebgp") return internal;
  return {
    ...internal,
    originatorId: out.originatorId ?? RouterId(facts?.routerId ?? 0),
    clusterList: [profile.clusterId ?? profile.routerId, ...(out.clusterList ?? [])],
  };
}

function strip(set: AttributeSet, source: string): AttributeSet {
  const { localPref: _l, originatorId: _o, clusterList: _c, med, ...rest } = set;
  return source === "local" && med !== undefined ? { ...rest, med } : rest;
}

/** What a policy makes of a route, rule by rule; undefined when it refuses it. */
export function applyPolicy(
  policy: Policy,
  prefix: Prefix,
  matched: AttributeSet,
  source: "local" | "ebgp" | "ibgp",
  base: AttributeSet,
): AttributeSet | undefined {
  const rule = policy.rules.find(({ match }) => matches(match, prefix, matched, source));
  if ((rule?.action ?? policy.otherwise) === "reject") return undefined;
  return (rule?.operations ?? []).reduce(operate, base);
}

function operate(
  set: AttributeSet,
  operation: NonNullable<PolicyRule["operations"]>[number],
): AttributeSet {
  switch (operation.type) {
    case "setMed":
      return { ...set, med: operation.med };
    case "setLocalPref":
      return { ...set, localPref: operation.localPref };
    case "prependAsPath":
      return { ...set, asPath: prepend(set.asPath, operation.asns) };
    case "addCommunity":
      if (typeof operation.community === "string") {
        const large = (set.largeCommunities ?? []) as readonly LargeCommunity[];
        return large.includes(operation.community)
          ? set
          : { ...set, largeCommunities: [...large, operation.community] };
      }
      return set.communities?.includes(operation.community)
        ? set
        : { ...set, communities: [...(set.communities ?? []), operation.community] };
  }
}

function matches(match: PolicyMatch, prefix: Prefix, set: AttributeSet, source: string): boolean {
  const asns = set.asPath[0]?.type === "sequence" ? set.asPath[0].asns : [];
  return (
    (match.source === undefined || (match.source === "local") === (source === "local")) &&
    (match.peerType === undefined || match.peerType === source) &&
    (match.localPref === undefined || match.localPref === (set.localPref ?? 100)) &&
    (match.community === undefined ||
      set.communities?.includes(match.community as Community) === true) &&
    (match.asPathPrefix === undefined || match.asPathPrefix.every((asn, i) => asns[i] === asn)) &&
    (match.prefix === undefined || matchesPrefix(match.prefix, prefix))
  );
}

function matchesPrefix(match: NonNullable<PolicyMatch["prefix"]>, prefix: Prefix): boolean {
  const length = prefixLength(prefix);
  if (length < (match.minLength ?? 0) || length > (match.maxLength ?? 128)) return false;
  const [equal, inside] = [prefix === match.cidr, prefixContains(match.cidr, prefix)];
  return { equal, notEqual: !equal, in: inside, notIn: !inside }[match.operator];
}

function prepend(path: AttributeSet["asPath"], asns: readonly Asn[]): AttributeSet["asPath"] {
  const [first, ...rest] = path;
  if (first?.type !== "sequence") return [{ type: "sequence", asns }, ...path];
  return [{ type: "sequence", asns: [...asns, ...first.asns] }, ...rest];
}
