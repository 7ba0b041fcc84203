import type { Command } from "../command.ts";
import { OUTPUT_FORMATS } from "../output.ts";

/** Policy as it is in the kernel. */
export const POLICY_ROWS: readonly Command[] = [
  {
    path: ["doctor"],
    summary: "Looks for what stops workloads: policy not in force, other programs' rules that drop",
    formats: OUTPUT_FORMATS,
    examples: [
      { command: "doctor", does: "one line a finding; exits with 1 if one is bad" },
      { command: "doctor -o json", does: "for programs" },
    ],
    load: async () => (await import("../commands/doctor.ts")).doctor,
  },
];
