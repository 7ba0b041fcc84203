import type { RuleViolation } from "../kind-schema.ts";

/** Configurations are for the whole cluster ("default") or for one node ("node.NAME"). */
export function instanceNameViolations(name: string): readonly RuleViolation[] {
  if (name === "default" || /^node\../.test(name)) return [];
  return [
    {
      path: ["metadata", "name"],
      message: `${JSON.stringify(name)} has no meaning`,
      fix: 'name it "default" for the whole cluster, or "node.NAME" for one node',
    },
  ];
}
