import type { SpeakerMemory } from "../../protocol/speaker/speaker-snapshot.ts";
import type { MetricFamily } from "./openmetrics.ts";

/** What a route costs, and what a peer that leaves gives back. */
export function memoryFamilies(memory: SpeakerMemory | undefined): MetricFamily[] {
  if (memory === undefined) return [];
  const parts = {
    prefixes: memory.prefixes,
    prefix_index: memory.prefixIndex,
    routes: memory.routes,
    change_log: memory.changeLog,
    attribute_sets: memory.attributeSets,
    attributes: memory.attributes,
    sent: memory.sent,
  };
  return [
    {
      name: "tortie_bgp_rib_bytes",
      type: "gauge",
      help: "Memory of routes by part. Process memory falls later: with the next collection of garbage.",
      samples: Object.entries(parts).map(([part, value]) => ({ labels: { part }, value })),
    },
  ];
}
