import { prependAsns, uint32Octets } from "../../policy/attribute-value.ts";
import { ATTRIBUTE, type CanonicalEditor } from "../../policy/canonical-editor.ts";
import {
  DEFAULT_LOCAL_PREF,
  SET_HAS_OTC,
  SET_NO_ADVERTISE,
  SET_NO_EXPORT,
  SET_NO_EXPORT_SUBCONFED,
} from "../../rib/attribute-set-facts.ts";
import type { AttributeSetTable } from "../../rib/attribute-set-table.ts";
import type { SourceClass } from "../../rib/peer-table.ts";
import type { Asn } from "../../types/asn.ts";
import { type Family, IPV4_UNICAST } from "../../types/family.ts";
import { ipAddressToBytes } from "../../types/ip-address.ts";
import type { BgpRole } from "../../wire/capability.ts";
import type { ExportProfile } from "./export-profile.ts";

/** Why a route is not told to a peer, as a sentence with its RFC; undefined when nothing forbids it (a policy still may). */
export function refusal(
  profile: ExportProfile,
  source: SourceClass,
  sets: AttributeSetTable,
  set: number,
): string | undefined {
  if (sets.hasFlag(set, SET_NO_ADVERTISE)) return "NO_ADVERTISE (RFC 1997)";
  if (profile.target !== "ebgp") return internalRefusal(profile, source);
  if (sets.hasFlag(set, SET_NO_EXPORT)) return "NO_EXPORT (RFC 1997)";
  if (sets.hasFlag(set, SET_NO_EXPORT_SUBCONFED)) return "NO_EXPORT_SUBCONFED (RFC 1997)";
  if (isLeak(profile.role) && sets.hasFlag(set, SET_HAS_OTC)) {
    return "Only to Customer is present (RFC 9234 §5)";
  }
  return externalRefusal(profile, source);
}

/** iBGP routes go to other iBGP peers only by reflection. RFC 4271 §9.2, RFC 4456 §6. */
function internalRefusal(profile: ExportProfile, source: SourceClass): string | undefined {
  if (source !== "nonClient" || profile.target === "client") return undefined;
  return "learned from a non-client iBGP peer, not told to another (RFC 4456 §6)";
}

/**
 * An eBGP peer is told what this host originates. Routes learned over iBGP go out from a route reflector or where
 * `exportLearned` says so; routes learned over eBGP only there, for a host is no transit between its uplinks.
 */
function externalRefusal(profile: ExportProfile, source: SourceClass): string | undefined {
  if (source === "local" || profile.exportLearned) return undefined;
  if (source === "ebgp") return "learned over eBGP, and exportLearned is off";
  if (profile.clusterId !== undefined) return undefined;
  return "learned over iBGP, and exportLearned is off";
}

/** Towards providers, peers and route servers a route with OTC would be a leak. RFC 9234 §5. */
function isLeak(ownRole: BgpRole | undefined): boolean {
  return ownRole === "customer" || ownRole === "peer" || ownRole === "routeServerClient";
}

/** Towards customers, peers and route-server clients OTC is added with our AS. RFC 9234 §5. */
function addsOtc(ownRole: BgpRole | undefined): boolean {
  return ownRole === "provider" || ownRole === "peer" || ownRole === "routeServer";
}

/** Rewrites attribute sets for one profile: what the rules of RFC 4271 §5 and RFC 4456 §8 make of a set on its way out. */
export class ExportTransform {
  readonly #profile: ExportProfile;
  readonly #family: Family;
  readonly #nextHopSelf: Uint8Array;
  readonly #ownAsns: readonly Asn[];
  readonly #localPref = uint32Octets(DEFAULT_LOCAL_PREF);
  /** What stands in front of CLUSTER_LIST in what we reflect. RFC 4456 §7. */
  readonly clusterId: number;
  readonly #clusterId: Uint8Array;
  #originator = 0;
  #originatorId = uint32Octets(0);

  constructor(profile: ExportProfile, family: Family) {
    this.#profile = profile;
    this.#family = family;
    this.#nextHopSelf = nextHopOctets(profile);
    this.#ownAsns = [profile.localAsn];
    this.clusterId = profile.clusterId ?? profile.routerId;
    this.#clusterId = uint32Octets(this.clusterId);
  }

  /** What must happen before the export policy: attributes that do not leave. */
  before(editor: CanonicalEditor, source: SourceClass): void {
    if (this.#profile.target !== "ebgp") return;
    editor.remove(ATTRIBUTE.localPref);
    editor.remove(ATTRIBUTE.originatorId);
    editor.remove(ATTRIBUTE.clusterList);
    editor.remove(ATTRIBUTE.aigp);
    // A MED learned from one neighbouring AS is not passed on to another. RFC 4271 §5.1.4.
    if (source !== "local") editor.remove(ATTRIBUTE.multiExitDisc);
    this.#keepTransitiveCommunities(editor);
  }

  /** What the policy cannot undo. `originator` is the router id of the peer that the route came from. */
  after(editor: CanonicalEditor, source: SourceClass, originator: number): void {
    if (this.#changesNextHop(source)) editor.setNextHop(this.#nextHopSelf);
    if (this.#profile.target === "ebgp") this.#leaveAs(editor);
    else this.#stayInAs(editor, source, originator);
  }

  /** The next hop lies behind this host: for others we are the way to it, unless they are to see it as it is. */
  standBefore(editor: CanonicalEditor): void {
    if (this.#profile.nextHopMode !== "keep") editor.setNextHop(this.#nextHopSelf);
  }

  /** Whether routes of such peers get ORIGINATOR_ID and CLUSTER_LIST, and change in nothing else if they have a LOCAL_PREF. */
  onlyReflects(source: SourceClass): boolean {
    const isInternal = source === "client" || source === "nonClient";
    return isInternal && this.#profile.target !== "ebgp" && !this.#changesNextHop(source);
  }

  /** Whether the next hop of a canonical set can be written in this family of this session. RFC 4271 §5.1.3, RFC 8950. */
  canCarryNextHop(canonical: Uint8Array, start = 0): boolean {
    const length = canonical[start] as number;
    if (this.#family !== IPV4_UNICAST) return length === 16 || length === 32;
    return (
      length === 4 || (length >= 16 && this.#profile.wireContext.extendedNextHop.has(IPV4_UNICAST))
    );
  }

  #leaveAs(editor: CanonicalEditor): void {
    editor.remove(ATTRIBUTE.localPref);
    const path = prependAsns(editor.value(ATTRIBUTE.asPath), this.#ownAsns);
    editor.put(ATTRIBUTE.asPath, path);
    if (addsOtc(this.#profile.role) && !editor.has(ATTRIBUTE.onlyToCustomer)) {
      editor.put(ATTRIBUTE.onlyToCustomer, uint32Octets(this.#profile.localAsn));
    }
  }

  #stayInAs(editor: CanonicalEditor, source: SourceClass, originator: number): void {
    if (!editor.has(ATTRIBUTE.localPref)) {
      editor.put(ATTRIBUTE.localPref, this.#localPref);
    }
    if (source === "local" || source === "ebgp") return;
    // Reflection. RFC 4456 §8: the first reflector names the originator, each one adds its cluster in front.
    if (!editor.has(ATTRIBUTE.originatorId)) {
      editor.put(ATTRIBUTE.originatorId, this.#originatorOctets(originator));
    }
    const list = editor.value(ATTRIBUTE.clusterList);
    if (list === undefined) editor.put(ATTRIBUTE.clusterList, this.#clusterId);
    else {
      const longer = new Uint8Array(list.length + 4);
      longer.set(this.#clusterId);
      longer.set(list, 4);
      editor.put(ATTRIBUTE.clusterList, longer);
    }
  }

  /** Routes of one peer mostly come together. */
  #originatorOctets(originator: number): Uint8Array {
    if (originator !== this.#originator) {
      this.#originator = originator;
      this.#originatorId = uint32Octets(originator);
    }
    return this.#originatorId;
  }

  /** RFC 4271 §5.1.3: iBGP keeps the next hop, eBGP puts our own; a route of ours always has our own. */
  #changesNextHop(source: SourceClass): boolean {
    if (source === "local" || this.#profile.nextHopMode === "self") return true;
    return this.#profile.nextHopMode === "auto" && this.#profile.target === "ebgp";
  }

  /** Non-transitive extended communities stay within the AS. RFC 4360 §6. */
  #keepTransitiveCommunities(editor: CanonicalEditor): void {
    const list = editor.value(ATTRIBUTE.extendedCommunities);
    if (list === undefined) return;
    const kept: number[] = [];
    for (let at = 0; at + 8 <= list.length; at += 8) {
      if (((list[at] as number) & 0x40) === 0) kept.push(...list.subarray(at, at + 8));
    }
    if (kept.length === list.length) return;
    if (kept.length === 0) editor.remove(ATTRIBUTE.extendedCommunities);
    else editor.put(ATTRIBUTE.extendedCommunities, Uint8Array.from(kept));
  }
}

function nextHopOctets(profile: ExportProfile): Uint8Array {
  const global = ipAddressToBytes(profile.nextHopSelf);
  if (profile.linkLocalNextHopSelf === undefined || global.length === 4) return global;
  const both = new Uint8Array(32);
  both.set(global);
  both.set(ipAddressToBytes(profile.linkLocalNextHopSelf), 16);
  return both;
}
