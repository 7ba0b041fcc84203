import { isSet } from "../kind-schema.ts";
import type { Kind } from "../kinds.ts";
import type { Resource } from "../resource.ts";
import { matchesSelector, parseSelector } from "../selector.ts";

/** Resources by kind, in the order of their names, so that the same cluster always reads the same. */
export class ClusterSnapshot {
  readonly #byKind = new Map<string, Resource[]>();

  constructor(resources: Iterable<Resource>) {
    for (const resource of resources) {
      const known = this.#byKind.get(resource.kind);
      if (known === undefined) this.#byKind.set(resource.kind, [resource]);
      else known.push(resource);
    }
    for (const all of this.#byKind.values()) all.sort(byName);
  }

  of(kind: Kind): readonly Resource[] {
    return this.#byKind.get(kind) ?? [];
  }

  names(kind: Kind): readonly string[] {
    return this.of(kind).map(({ metadata }) => metadata.name);
  }

  /** Nodes that take part in BGP. */
  bgpNodes(): readonly Resource[] {
    return this.of("Node").filter((node) => Object.keys(bgpOf(node)).length > 0);
  }

  isMeshOn(): boolean {
    const configuration = this.of("BGPConfiguration").find(
      ({ metadata }) => metadata.name === "default",
    );
    return configuration?.spec["nodeToNodeMeshEnabled"] !== false;
  }
}

/** What a Node says of BGP; an empty object where it says nothing. */
export function bgpOf({ spec }: Resource): Readonly<Record<string, unknown>> {
  const bgp = spec["bgp"];
  return typeof bgp === "object" && bgp !== null ? (bgp as Record<string, unknown>) : {};
}

export function isRouteReflector(node: Resource): boolean {
  return isSet(bgpOf(node)["routeReflectorClusterID"]);
}

/** Whether a selector that somebody wrote selects the object; one that is no selector selects nothing. */
export function selects(selector: unknown, { metadata }: Resource): boolean {
  if (typeof selector !== "string") return false;
  const parsed = parseSelector(selector);
  return parsed.ok && matchesSelector(parsed.selector, metadata.labels ?? {});
}

function byName(a: Resource, b: Resource): number {
  const [left, right] = [a, b].map(
    ({ metadata }) => `${metadata.namespace ?? ""}/${metadata.name}`,
  );
  return (left ?? "") < (right ?? "") ? -1 : 1;
}
