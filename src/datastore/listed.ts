import type { Resource } from "../resources/resource.ts";
import type { ListOptions } from "./datastore.ts";

/** Whether a listing with these options holds the object. */
export function isListed(
  { kind, spec }: Resource,
  { kinds, without, affinitiesOf }: ListOptions,
): boolean {
  if (kinds !== undefined && !kinds.includes(kind)) return false;
  if (without?.includes(kind)) return false;
  if (kind !== "BlockAffinity" || affinitiesOf === undefined) return true;
  return spec["node"] === affinitiesOf && spec["type"] !== "virtual";
}
