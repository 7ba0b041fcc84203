import type { Problem, StatusReport } from "../../api/api-types.ts";
import { ApiClient, DaemonUnreachable } from "../../api/client.ts";
import { clusterTable, readClusterStatus } from "../cluster-status.ts";
import type { CommandContext } from "../command.ts";
import { ExitCode } from "../exit-code.ts";
import { formatOutput } from "../output.ts";
import { namesDatastore } from "../resource-reader.ts";
import { formatPairs } from "../text-table.ts";
import { formatSince } from "../time-text.ts";

/** `tortie status` */
export async function status(context: CommandContext): Promise<number> {
  if (context.options["legacy"] === true) {
    return (await import("./legacy/status.ts")).legacyStatus(context);
  }
  if (namesDatastore(context)) return clusterOnly(context);
  let report: StatusReport;
  try {
    report = await new ApiClient(context.socket).status();
  } catch (error) {
    if (!(error instanceof DaemonUnreachable)) throw error;
    return clusterOnly(context);
  }
  const nodes = needsNodes(context) ? await readClusterStatus(context) : [];
  const text = await formatOutput(context.output, report, (view) => {
    const own = statusText(report, { wide: view.wide, now: context.now });
    // A cluster of one is told already.
    return nodes.length < 2 ? own : `${own}\n${clusterTable(nodes, { ...context, view })}`;
  });
  context.stdout.write(text);
  return context.options["check"] === true && report.health !== "ok"
    ? ExitCode.failed
    : ExitCode.done;
}

function needsNodes({ output }: CommandContext): boolean {
  return output === "table" || output === "wide";
}

/** From a host without a daemon: what the datastore knows of all nodes. Without a datastore either, the daemon is missing. */
async function clusterOnly(context: CommandContext): Promise<number> {
  const nodes = await readClusterStatus(context);
  const value = { apiVersion: "tortie/v1", kind: "NodeStatusList", items: nodes };
  const text = await formatOutput(context.output, value, (view) =>
    nodes.length === 0 ? "No nodes.\n" : clusterTable(nodes, { ...context, view }),
  );
  context.stdout.write(text);
  const isWell = nodes.every(({ told }) => told !== undefined && told.established === told.total);
  return context.options["check"] === true && !isWell ? ExitCode.failed : ExitCode.done;
}

function statusText(
  report: StatusReport,
  { wide, now }: { readonly wide: boolean; readonly now: Date },
): string {
  const { node, asn, routerId, version, pid, startedAt, health, datastore, sessions } = report;
  const pairs = formatPairs([
    ["Node", `${node}  AS ${asn ?? "-"}  router id ${routerId ?? "-"}`],
    ["Daemon", `tortied ${version}  pid ${pid}  up ${formatSince(startedAt, now)}`],
    ["Health", report.draining === true ? `${health}, draining` : health],
    ["Datastore", `${datastore.type} ${datastore.location}  ${datastore.state}`],
    ["Sessions", `${sessions.established}/${sessions.total} up`],
    ["Routes", `${report.originated} originated  ${report.workloads} local workloads`],
    ["Kernel", kernelText(report.kernel)],
    ["Long turns", longTurnsText(report.loop)],
    ...(wide ? wideLines(report) : []),
  ]);
  return pairs + problemsText(report.problems);
}

function kernelText(kernel: StatusReport["kernel"]): string | undefined {
  if (kernel === undefined) return undefined;
  const { state, installed, desired, pendingCount } = kernel;
  return `${installed}/${desired} installed  ${pendingCount} pending  (${state})`;
}

/** Turns of the BGP driver that kept the event loop longer than they should; undefined when there are none. */
function longTurnsText({ tasks }: StatusReport["loop"]): string | undefined {
  const turns = tasks.find(({ task }) => task === "turn");
  if (turns === undefined || turns.overLimit === 0) return undefined;
  const [longest] = tasks
    .filter((task) => task !== turns)
    .toSorted((a, b) => b.maxMilliseconds - a.maxMilliseconds);
  const part = longest && `  (of its parts: ${longest.task} ${tenths(longest.maxMilliseconds)} ms)`;
  const { overLimit, count, maxMilliseconds } = turns;
  return `${overLimit} of ${count} over 5 ms, the longest ${tenths(maxMilliseconds)} ms${part ?? ""}`;
}

function wideLines({ loop, kernel }: StatusReport): [string, string | undefined][] {
  const links = kernel?.interfaces.map(
    ({ name, carrier }) => `${name}${carrier ? "" : " (no carrier)"}`,
  );
  return [
    [
      "Event loop",
      `p50 ${tenths(loop.lagP50Milliseconds)} ms  p99 ${tenths(loop.lagP99Milliseconds)} ms  max ${tenths(loop.lagMaxMilliseconds)} ms  long slices ${loop.longSlices}`,
    ],
    [
      "Kernel pace",
      kernel &&
        `${Math.round(kernel.routesPerSecond)} routes/s  lag ${Math.round(kernel.lagMilliseconds)} ms`,
    ],
    ["Unresolved", kernel && (kernel.unresolvedNextHops.join(" ") || "none")],
    ["Interfaces", links?.join("  ")],
  ];
}

function tenths(milliseconds: number): number {
  return Math.round(milliseconds * 10) / 10;
}

function problemsText(problems: readonly Problem[]): string {
  if (problems.length === 0) return "";
  const lines = problems.map(({ component, what, cause, fix }) =>
    [`  ${component}: ${what}`, cause && `    cause: ${cause}`, fix && `    fix: ${fix}`]
      .filter((line) => line !== undefined)
      .join("\n"),
  );
  return `\n${problems.length} ${problems.length === 1 ? "problem" : "problems"}\n${lines.join("\n")}\n`;
}
