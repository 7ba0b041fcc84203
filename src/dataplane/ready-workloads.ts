import type { Prefix } from "../../protocol/types/prefix.ts";
import type { WorkloadRoute } from "./workload-interfaces.ts";

/** Interfaces of workloads that became ready, or are no longer. */
export type ReadyChange = { readonly ready: readonly string[]; readonly lost: readonly string[] };

/**
 * Knows which workloads this host delivers to: their interface is up, and the kernel has the route to each of their
 * addresses. Nothing else may be announced: peers would send us traffic before there is a place for it.
 */
export class ReadyWorkloads {
  #ready: ReadonlySet<string> | undefined;

  /** Answers what changed since the last call; the first time, everything; undefined when nothing did. */
  update(
    routes: readonly WorkloadRoute[],
    kernel: {
      readonly isInstalled: (prefix: Prefix) => boolean;
      readonly nameOf: (interfaceIndex: number) => string | undefined;
    },
  ): ReadyChange | undefined {
    const waiting = new Set<number>();
    const indexes = new Set<number>();
    for (const { prefix, interfaceIndex } of routes) {
      indexes.add(interfaceIndex);
      if (!kernel.isInstalled(prefix)) waiting.add(interfaceIndex);
    }
    const now = new Set<string>();
    for (const index of indexes) {
      const name = waiting.has(index) ? undefined : kernel.nameOf(index);
      if (name !== undefined) now.add(name);
    }
    const before = this.#ready;
    this.#ready = now;
    const ready = [...now].filter((name) => !before?.has(name));
    const lost = [...(before ?? [])].filter((name) => !now.has(name));
    const isNews = before === undefined || ready.length + lost.length > 0;
    return isNews ? { ready, lost } : undefined;
  }
}
