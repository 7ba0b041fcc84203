import type { ResourceOf } from "../resources/schemas.ts";
import { matchesSelector, parseSelector, type Selector } from "../resources/selector.ts";
import type { NodeView } from "./node-view.ts";

export type BgpPeer = ResourceOf<"BGPPeer">;

/** Which nodes have a peering. */
export type PeerScope =
  | { readonly type: "node"; readonly name: string }
  | { readonly type: "selected"; readonly selector: Selector };

/** `node` and `nodeSelector` say which nodes have the peering; neither means every node. */
export function scopeOf({ spec }: BgpPeer): PeerScope {
  if (spec.node) return { type: "node", name: spec.node };
  return { type: "selected", selector: selectorOf(spec.nodeSelector || "all()") };
}

export function isInScope(scope: PeerScope, node: NodeView): boolean {
  return scope.type === "node"
    ? scope.name === node.name
    : matchesSelector(scope.selector, node.labels);
}

/** Of every node: the most deliberate of peerings. */
export function isGlobal({ spec }: BgpPeer): boolean {
  return !spec.node && !spec.nodeSelector;
}

/** One that cannot be parsed selects nothing; validation has told of it. */
export function selectorOf(text: string): Selector {
  const parsed = parseSelector(text);
  return parsed.ok ? parsed.selector : { type: "not", operand: { type: "all" } };
}
