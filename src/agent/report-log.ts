import type { EventLog } from "./event-log.ts";
import type { HostFollowerReport } from "./host-follower.ts";

/** Logs what is new in a report: the datastore's state, and each problem once while it lasts. */
export function logReport(
  log: EventLog,
  before: HostFollowerReport,
  { state, problems }: HostFollowerReport,
): void {
  if (before.state !== state)
    log.log(state === "in-sync" ? "info" : "warn", "datastore.state", { state });
  const known = new Set(before.problems.map(({ where, message }) => `${where} ${message}`));
  for (const { where, message, severity } of problems) {
    if (known.has(`${where} ${message}`)) continue;
    log.log(severity === "warning" ? "warn" : "error", "resource.problem", { where, message });
  }
}
