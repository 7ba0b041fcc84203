import type { SpecOf } from "../resources/schemas.ts";
import type { Cluster } from "./cluster.ts";
import type { Value } from "./derive/derivation.ts";

/** FelixConfiguration as it counts on this host: what is said of the node alone comes before what is said of all. */
export type FelixSettings = SpecOf<"FelixConfiguration">;

/** Merges FelixConfiguration "default" and "node.NAME". */
export function deriveFelixSettings({
  derivation,
  resources,
  nodeName,
}: Cluster): Value<FelixSettings> {
  return derivation.value("felix settings", (read) => ({
    ...read.at(resources.FelixConfiguration, "default")?.spec,
    ...read.at(resources.FelixConfiguration, `node.${nodeName}`)?.spec,
  }));
}
