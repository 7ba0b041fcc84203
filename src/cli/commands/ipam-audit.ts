import { ApiClient } from "../../api/client.ts";
import type { IpamAuditReport } from "../../api/ipam-audit-report.ts";
import type { CommandContext } from "../command.ts";
import { ExitCode } from "../exit-code.ts";
import { prettyJson } from "../output.ts";
import { formatSince } from "../time-text.ts";

/** `tortie ipam check --audit`: what the daemon knows, and what it is asked to put right. */
export async function showAudit(context: CommandContext): Promise<number> {
  const { options, socket, stdout, stderr, now } = context;
  const client = new ApiClient(socket);
  if (options["repair"] === "apply") {
    const { items } = await client.repairIpam();
    for (const { text, result } of items) stderr.write(`${result}: ${text}\n`);
    if (items.length === 0) stderr.write("nothing is confirmed, so nothing was repaired\n");
  }
  const report = await client.ipam();
  stdout.write(options["output"] === "json" ? `${prettyJson(report)}\n` : textOf(report, now));
  return report.items.length === 0 ? ExitCode.done : ExitCode.failed;
}

function textOf({ lookedAt, failure, ...report }: IpamAuditReport, now: Date): string {
  if (lookedAt === undefined) {
    return failure === undefined
      ? "The daemon has not looked yet; it does within some minutes of its start.\n"
      : `The daemon could not look: ${failure}\n`;
  }
  const { blocks, allocations, inUse, items } = report;
  const lines = [
    `The daemon looked ${formatSince(lookedAt, now)} ago: blocks ${blocks}  allocations ${allocations}  in use ${inUse}`,
    ...items.map(
      ({ text, firstSeenAt, confirmed }) =>
        ` ${confirmed ? "confirmed" : "suspect  "} for ${formatSince(firstSeenAt, now)}: ${text}`,
    ),
  ];
  if (items.length === 0) lines.push("Everything agrees.");
  if (failure !== undefined) lines.push(`The last look failed: ${failure}`);
  return `${lines.join("\n")}\n`;
}
