import type { Origination } from "../../protocol/speaker/speaker-config.ts";
import { hostPrefix, prefixContains } from "../../protocol/types/prefix.ts";
import type { HostState } from "../calc/host-state.ts";
import type { HostStateSource } from "./host-follower.ts";

/**
 * What this host may announce: a workload's address only while its route is in the kernel. Peers would send us its traffic
 * otherwise, and we would have nowhere to put it.
 * A remembered state may be old, and its blocks another host's by now: of them, only those that hold such a workload.
 */
export function presentOriginations(
  { originations, workloads }: Pick<HostState, "originations" | "workloads">,
  ready: ReadonlySet<string>,
  source: HostStateSource = "datastore",
): readonly Origination[] {
  const present = workloads.filter((workload) => ready.has(workload.interface));
  const absent = new Set(
    workloads
      .filter((workload) => !ready.has(workload.interface))
      .flatMap(({ addresses }) => addresses.map(hostPrefix)),
  );
  const used = present.flatMap(({ addresses }) => addresses.map(hostPrefix));
  return originations.filter(({ prefix, kind }) => {
    if (kind !== "block" || source === "datastore") return !absent.has(prefix);
    return used.some((address) => prefixContains(prefix, address));
  });
}
