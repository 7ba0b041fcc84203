import type { Family } from "../types/family.ts";
import type { Capability } from "../wire/capability.ts";
import type { WireContext } from "../wire/wire-context.ts";

/** What each end said in its OPEN, for one direction of the session. */
export type Direction = {
  readonly sender: readonly Capability[];
  readonly receiver: readonly Capability[];
  readonly peerType: WireContext["peerType"];
};

/** How the sender's messages to the receiver are written. RFC 6793 §4.1, RFC 7911 §4, RFC 8654 §3, RFC 8950 §4. */
export function agreedContext({ sender, receiver, peerType }: Direction): WireContext {
  const both = (type: Capability["type"]) =>
    hasCapability(sender, type) && hasCapability(receiver, type);
  const receives = new Set(addPathFamilies(receiver, "receive"));
  const understands = new Set(extendedNextHopFamilies(receiver));
  return {
    fourOctetAsn: both("fourOctetAsn"),
    addPath: new Set(addPathFamilies(sender, "send").filter((family) => receives.has(family))),
    extendedMessage: both("extendedMessage"),
    extendedNextHop: new Set(
      extendedNextHopFamilies(sender).filter((family) => understands.has(family)),
    ),
    peerType,
  };
}

export function hasCapability(
  capabilities: readonly Capability[],
  type: Capability["type"],
): boolean {
  return capabilities.some((capability) => capability.type === type);
}

/** The first capability of a type; where one comes twice with other contents, the first is as good as any. RFC 5492 §4. */
export function findCapability<Type extends Capability["type"]>(
  capabilities: readonly Capability[],
  type: Type,
): Extract<Capability, { type: Type }> | undefined {
  return capabilities.find(
    (capability): capability is Extract<Capability, { type: Type }> => capability.type === type,
  );
}

/** Families for which this end said that it sends, or receives, several paths. RFC 7911 §4. */
function addPathFamilies(
  capabilities: readonly Capability[],
  wanted: "send" | "receive",
): readonly Family[] {
  const { families = [] } = findCapability(capabilities, "addPath") ?? {};
  return families
    .filter(({ mode }) => mode === wanted || mode === "both")
    .map(({ family }) => family);
}

/** Families whose routes may have IPv6 next hops, as this end said. RFC 8950 §4. */
function extendedNextHopFamilies(capabilities: readonly Capability[]): readonly Family[] {
  const { entries = [] } = findCapability(capabilities, "extendedNextHop") ?? {};
  return entries.filter(({ nextHopAfi }) => nextHopAfi === 2).map(({ family }) => family);
}
