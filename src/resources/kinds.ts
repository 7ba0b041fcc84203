import { IPAM_KINDS } from "./ipam-kinds.ts";
import type { KindInfo } from "./kind-info.ts";
import { POLICY_KINDS } from "./policy-kinds.ts";
import { ROUTING_KINDS } from "./routing-kinds.ts";

/**
 * The table of kinds: what each is called, where it lives and how it looks as a table. It loads no schema, so that commands
 * which only show objects stay quick; the fields of each kind stand in kind/ and are joined to this table in schemas.ts.
 */
export const KINDS = [...ROUTING_KINDS, ...IPAM_KINDS, ...POLICY_KINDS] as const;

/** The kinds that this version knows. */
export type Kind = (typeof KINDS)[number]["kind"];

type KnownKind = KindInfo & { readonly kind: Kind };

/** Finds a kind by its name, plural or alias, whatever the case. */
export function findKind(word: string): KnownKind | undefined {
  const lower = word.toLowerCase();
  return KINDS.find(
    ({ kind, plural, aliases }) =>
      kind.toLowerCase() === lower ||
      plural === lower ||
      (aliases as readonly string[]).includes(lower),
  );
}

const BY_KIND = new Map<string, KnownKind>(KINDS.map((info) => [info.kind, info]));

/** The row of a kind by its exact name; undefined for a kind that this version does not know. */
export function kindInfo(kind: string): KnownKind | undefined {
  return BY_KIND.get(kind);
}
