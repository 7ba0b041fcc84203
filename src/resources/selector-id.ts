import { createHash } from "node:crypto";
import { formatSelector, type Selector } from "./selector.ts";

/** Calico's short name of a selector: equal selectors have equal ids, whatever their spelling. */
export function selectorId(selector: Selector): string {
  const hash = createHash("sha224")
    .update(`s:${formatSelector(selector)}`)
    .digest("base64url");
  return `s:${hash}`;
}
