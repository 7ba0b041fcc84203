import { ApiClient } from "../../api/client.ts";
import type { RulesReport } from "../../api/rules-report.ts";
import type { CommandContext } from "../command.ts";
import { ExitCode } from "../exit-code.ts";
import { formatOutput } from "../output.ts";
import { formatTable, type TableColumn, type TableView } from "../text-table.ts";

/** `tortie doctor` */
export async function doctor(context: CommandContext): Promise<number> {
  const rules = await new ApiClient(context.socket).rules();
  const items = [policyFinding(rules), ...foreignFindings(rules)];
  const report = { apiVersion: rules.apiVersion, kind: "FindingList", items } as const;
  const text = await formatOutput(context.output, report, (view) => table(items, view, context));
  context.stdout.write(text);
  return items.some(({ verdict }) => verdict === "bad") ? ExitCode.failed : ExitCode.done;
}

/** Something that was looked at. "note" is nobody's fault, but good to know. */
type Finding = {
  readonly verdict: "good" | "note" | "bad";
  readonly what: string;
  readonly finding: string;
  /** What to do about it. */
  readonly remedy?: string;
};

function table(
  findings: readonly Finding[],
  view: TableView,
  { width }: Pick<CommandContext, "width">,
): string {
  return formatTable(COLUMNS, findings, { ...view, width });
}

const COLUMNS: readonly TableColumn<Finding>[] = [
  { header: "VERDICT", value: ({ verdict }) => verdict },
  { header: "WHAT", value: ({ what }) => what },
  {
    header: "FINDING",
    value: ({ finding, remedy }) => (remedy === undefined ? finding : `${finding}; ${remedy}`),
  },
];

const POLICY = "policy and NAT";

function policyFinding({ state, refused, rules }: RulesReport): Finding {
  switch (state) {
    case "in-force":
      return { verdict: "good", what: POLICY, finding: `in force, ${rules} rules` };
    case "refused":
      return {
        verdict: "bad",
        what: POLICY,
        finding: `the kernel refused: ${refused ?? "no reason"}`,
        remedy: "the rules of before are in force; it is tried again",
      };
    case "closed":
      return {
        verdict: "bad",
        what: POLICY,
        finding: "the datastore has not been read yet: workloads can talk to nobody",
        remedy: "see tortie status",
      };
    case "kept":
      return {
        verdict: "note",
        what: POLICY,
        finding: "the datastore has not been read yet: an earlier process's rules are in force",
        remedy: "see tortie status",
      };
    default:
      return { verdict: "note", what: POLICY, finding: "starting" };
  }
}

/** Chains of others through which every forwarded packet must pass. */
function foreignFindings({ foreignForwards }: RulesReport): readonly Finding[] {
  return foreignForwards.map(({ chain, reason, remedy }): Finding => {
    const what = `chain ${chain}`;
    if (remedy.type === "accepted") {
      const finding = `drops what is forwarded (${reason}); accept rules in ${remedy.in} let workloads pass`;
      return { verdict: "note", what, finding };
    }
    return {
      verdict: "bad",
      what,
      finding: `drops what is forwarded (${reason}), and no exception could be made: ${remedy.reason}`,
      remedy: "accept there what comes from and goes to workloads' interfaces",
    };
  });
}
