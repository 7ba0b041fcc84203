import type { Origination } from "../../protocol/speaker/speaker-config.ts";
import { hostPrefix } from "../../protocol/types/prefix.ts";
import type { HostState } from "../calc/host-state.ts";
import type { InterfaceState } from "../dataplane/route-worker-messages.ts";

/**
 * What this host may announce: a workload's address only while its interface exists. Peers would send us its traffic
 * otherwise, and we would have nowhere to put it.
 */
export function presentOriginations(
  { originations, workloads }: Pick<HostState, "originations" | "workloads">,
  interfaces: readonly Pick<InterfaceState, "name">[],
): readonly Origination[] {
  const names = new Set(interfaces.map(({ name }) => name));
  const absent = new Set(
    workloads
      .filter((workload) => !names.has(workload.interface))
      .flatMap(({ addresses }) => addresses.map(hostPrefix)),
  );
  return absent.size === 0
    ? originations
    : originations.filter(({ prefix }) => !absent.has(prefix));
}
