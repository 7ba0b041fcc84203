import { type Prefix, parsePrefix } from "../../protocol/types/prefix.ts";
import { DEFAULTS } from "../resources/defaults.ts";
import type { Cluster } from "./cluster.ts";
import type { Value } from "./derive/derivation.ts";

/** A range of addresses of workloads. */
export type Pool = {
  readonly name: string;
  readonly cidr: Prefix;
  /** Nothing in it is told to any peer. */
  readonly hidden: boolean;
};

/** All pools by name, also those that are disabled: that stops new assignments, not the traffic of old ones. */
export function derivePools({ derivation, resources }: Cluster): Value<readonly Pool[]> {
  return derivation.list(
    derivation.table("pools", resources.IPPool, ({ spec }, name) => {
      const cidr = parsePrefix(spec.cidr);
      const hidden = spec.disableBGPExport ?? DEFAULTS.ipPool.disableBGPExport;
      return cidr && { name, cidr, hidden };
    }),
  );
}
