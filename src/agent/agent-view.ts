import { monitorEventLoopDelay } from "node:perf_hooks";
import { formatRouterId } from "../../protocol/types/router-id.ts";
import { ApiError } from "../api/api-error.ts";
import type { ApiSource } from "../api/api-source.ts";
import {
  API_VERSION,
  type DatastoreReport,
  type LoopReport,
  type Problem,
  type StatusReport,
} from "../api/api-types.ts";
import { metricsText } from "../api/metrics.ts";
import { peerReport } from "../api/reports.ts";
import { timeOfDay } from "../bgp/clock.ts";
import { resourcesOfKind } from "../datastore/resource-table.ts";
import { version } from "../lib/version.ts";
import { withoutPasswords } from "../resources/password.ts";
import type { Agent } from "./agent.ts";
import { storeLocation } from "./agent-config.ts";
import { problemsOf } from "./health.ts";
import { rulesReport } from "./rules-view.ts";
import { testTunnels, tunnelsReport } from "./tunnel-view.ts";

/** How exactly the event loop's delay is measured; finer would wake an idle host for nothing. */
const LAG_RESOLUTION_MILLISECONDS = 20;

/** The daemon as its API shows it. */
export function apiSourceOf(agent: Agent): ApiSource {
  const lag = monitorEventLoopDelay({ resolution: LAG_RESOLUTION_MILLISECONDS });
  lag.enable();
  const loop = () => loopReport(agent, lag);
  const status = () => statusReport(agent, loop());
  const peers = () => agent.speaker.peers().map((peer) => peerReport(peer, timeOfDay));
  return {
    status,
    peers,
    routes: (query) => agent.speaker.routes(query),
    resources: (kind) =>
      resourcesOfKind(agent.report.resources, kind).map((resource) => withoutPasswords(resource)),
    kernel: () => agent.kernel.report(),
    workloads: () => {
      refuseWhileStopping(agent);
      return agent.services.workloads.acts();
    },
    tunnels: () => tunnelsReport(agent),
    rules: () => rulesReport(agent.rules),
    ipam: () => agent.services.audit.report(),
    repairIpam: () => {
      refuseWhileStopping(agent);
      return agent.services.audit.repair();
    },
    testTunnels: (what) => {
      refuseWhileStopping(agent);
      return testTunnels(agent, what);
    },
    events: (query) =>
      agent.log.recent(query).map((event) => ({ ...event, at: event.at.toISOString() })),
    metrics: () =>
      metricsText({
        status: status(),
        speaker: agent.speaker.status(),
        peers: peers(),
        counters: agent.log.counters(),
        lastConfiguredSeconds: agent.configuredAt && agent.configuredAt.getTime() / 1000,
        process: processReport(),
        nodeVersion: process.version,
        ipam: agent.services.audit.report(),
        rules: rulesReport(agent.rules),
      }),
    resetPeer: (peer, message) => {
      refuseWhileStopping(agent);
      agent.log.log("info", "operator.reset", { peer });
      const command = {
        type: "resetPeer",
        peer,
        ...(message !== undefined && { message }),
      } as const;
      agent.driver.feed({ type: "operator", command });
    },
    refreshPeer: (peer, direction) => {
      refuseWhileStopping(agent);
      agent.log.log("info", "operator.refresh", { peer, direction });
      agent.driver.feed({ type: "operator", command: { type: "refreshPeer", peer, direction } });
    },
    confirmLoss: async () => {
      refuseWhileStopping(agent);
      if (agent.report.loss === undefined) {
        throw new ApiError({ code: "conflict", what: "nothing is lost", fix: "tortie status" });
      }
      const { lost, of } = await agent.loss.confirm();
      return { lost, of };
    },
    drain: (on) => {
      refuseWhileStopping(agent);
      agent.originations.drain({ on });
    },
    stop: (request) => agent.stopAndEnd(request),
  };
}

function statusReport(agent: Agent, loop: LoopReport): StatusReport {
  const { asn, routerId, peers, originated } = agent.speaker.status();
  const problems = problemsOf(agent);
  return {
    apiVersion: API_VERSION,
    kind: "Status",
    node: agent.config.nodeName,
    version: version(),
    pid: process.pid,
    startedAt: agent.startedAt.toISOString(),
    health: healthOf(agent, problems),
    problems,
    ...(agent.originations.draining && { draining: true as const }),
    ...(asn !== undefined && { asn }),
    ...(routerId !== undefined && { routerId: formatRouterId(routerId) }),
    datastore: datastoreReport(agent),
    sessions: peers,
    originated,
    workloads: agent.host?.workloads.length ?? 0,
    kernel: agent.kernel.report(),
    loop,
  };
}

function healthOf(agent: Agent, problems: readonly Problem[]): StatusReport["health"] {
  if (agent.stopping) return "stopping";
  if (agent.host === undefined) return "starting";
  return problems.length === 0 ? "ok" : "degraded";
}

function datastoreReport({ config, report }: Agent): DatastoreReport {
  const location = storeLocation(config);
  const { loss } = report;
  const detail = report.problems.find(
    ({ where }) => where === "datastore" || where === location,
  )?.message;
  return {
    type: config.datastore.type,
    location,
    state: report.state,
    ...(detail !== undefined && { detail }),
    ...(loss !== undefined && { loss: { ...loss, since: loss.since.toISOString() } }),
  };
}

function loopReport(agent: Agent, lag: ReturnType<typeof monitorEventLoopDelay>): LoopReport {
  const { longSlices, workBudget, tasks } = agent.driver.statistics();
  // The histogram counts the timer's own period.
  const milliseconds = (nanoseconds: number) =>
    Math.max(0, Math.round(nanoseconds / 1e5) / 10 - LAG_RESOLUTION_MILLISECONDS);
  return {
    lagP50Milliseconds: milliseconds(lag.percentile(50)),
    lagP99Milliseconds: milliseconds(lag.percentile(99)),
    lagMaxMilliseconds: milliseconds(lag.max),
    longSlices,
    workBudget,
    tasks,
  };
}

function processReport(): { readonly residentBytes: number; readonly cpuSeconds: number } {
  const { user, system } = process.cpuUsage();
  return { residentBytes: process.memoryUsage.rss(), cpuSeconds: (user + system) / 1e6 };
}

function refuseWhileStopping(agent: Agent): void {
  if (!agent.stopping) return;
  throw new ApiError({ code: "not-ready", what: "the daemon is stopping" });
}
