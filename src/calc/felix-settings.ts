import { type FelixSettings, mergeFelixSettings } from "../resources/felix-settings.ts";
import type { Cluster } from "./cluster.ts";
import type { Value } from "./derive/derivation.ts";

/** Merges FelixConfiguration "default" and "node.NAME". */
export function deriveFelixSettings({
  derivation,
  resources,
  nodeName,
}: Cluster): Value<FelixSettings> {
  return derivation.value("felix settings", (read) =>
    mergeFelixSettings(nodeName, (name) => read.at(resources.FelixConfiguration, name)?.spec),
  );
}
