import type { ExplainReport, RouteReport } from "../../api/api-types.ts";
import { ApiClient } from "../../api/client.ts";
import { findKind } from "../../resources/kinds.ts";
import type { CommandContext } from "../command.ts";
import { ExitCode } from "../exit-code.ts";
import { formatOutput } from "../output.ts";
import { requireKind } from "../resource-names.ts";
import { formatTable, type TableColumn } from "../text-table.ts";
import { ROUTE_COLUMNS } from "./bgp-routes.ts";

/** `tortie explain PREFIX`, and `tortie explain KIND[.field]`: no kind is called as a prefix is. */
export async function explain(context: CommandContext): Promise<number> {
  const [word = "", ...path] = (context.arguments[0] ?? "").split(".");
  const kind = findKind(word);
  if (kind !== undefined) {
    return (await import("./explain-kind.ts")).explainKind(context, kind.kind, path);
  }
  // No prefix is without a digit or a colon.
  if (!/[\d:]/.test(context.arguments[0] ?? "")) requireKind(word);
  const report = await new ApiClient(context.socket).explain(context.arguments[0] ?? "");
  const text = await formatOutput(context.output, report, (view) =>
    explainText(report, { ...view, width: context.width }),
  );
  context.stdout.write(text);
  return ExitCode.done;
}

function explainText(
  { prefix, paths, kernel }: ExplainReport,
  options: { readonly wide: boolean; readonly width: number | undefined },
): string {
  const count = `${paths.length} ${paths.length === 1 ? "path" : "paths"}`;
  const head = `${prefix}  ${count}${kernel === undefined ? "" : `  ${kernel}`}\n`;
  return head + formatTable(EXPLAIN_COLUMNS, paths, options);
}

const EXPLAIN_COLUMNS: readonly TableColumn<RouteReport>[] = [
  ...ROUTE_COLUMNS.filter(({ header }) => header !== "PREFIX" && header !== "NOTE"),
  { header: "RESULT", value: resultText },
];

/** The words are those of the decision process, RFC 4271 §9.1.2. */
function resultText({ best, multipath, eligible, reason, eliminatedBy }: RouteReport): string {
  if (best) return "BEST";
  if (!eligible) return `not eligible: ${reason ?? "unknown"}`;
  if (multipath) return "used together with the best";
  return `lost${eliminatedBy === undefined ? "" : ` to ${eliminatedBy}`}: ${reason ?? "unknown"}`;
}
