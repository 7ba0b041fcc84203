import type { MetricFamily } from "./openmetrics.ts";
import type { RulesReport } from "./rules-report.ts";

/** Whether policy is in force, how large it is, and who has touched it. */
export function rulesFamilies(rules: RulesReport | undefined): readonly MetricFamily[] {
  if (rules === undefined) return [];
  return [
    gauge(
      "tortie_rules_in_force",
      "1 while the kernel enforces the policy that resources ask for. If 0, run: tortie doctor.",
      rules.state === "in-force" ? 1 : 0,
    ),
    gauge("tortie_rules_chains", "Chains of ours in nftables.", rules.chains),
    gauge("tortie_rules_rules", "Rules of ours in nftables.", rules.rules),
    gauge("tortie_rules_set_elements", "Elements of our sets in nftables.", rules.elements),
    counter("tortie_rules_applied", "Transactions that changed our tables.", rules.applied),
    counter(
      "tortie_rules_repaired",
      "Times that others had changed our tables and it was undone. If it grows, look at: tortie events.",
      rules.repaired,
    ),
    counter(
      "tortie_rules_refusals",
      "Transactions that the kernel refused. If it grows, run: tortie doctor.",
      rules.refusals,
    ),
    gauge(
      "tortie_rules_apply_seconds",
      "What the last change took, from the resources' wish to the kernel's answer.",
      rules.applyMilliseconds / 1000,
    ),
    gauge(
      "tortie_rules_foreign_drops",
      "Forward chains of other programs that drop, and into which we could put no exception. If not 0, run: tortie doctor.",
      rules.foreignForwards.filter(({ remedy }) => remedy.type === "refused").length,
    ),
  ];
}

function gauge(name: string, help: string, value: number): MetricFamily {
  return { name, type: "gauge", help, samples: [{ labels: {}, value }] };
}

function counter(name: string, help: string, value: number): MetricFamily {
  return { name, type: "counter", help, samples: [{ labels: {}, value }] };
}
