import type { SpeakerSnapshot } from "../../protocol/speaker/speaker-snapshot.ts";
import { afiOf, formatFamily } from "../../protocol/types/family.ts";
import type { KernelReport, PeerFamilyReport, PeerReport, StatusReport } from "./api-types.ts";
import type { IpamAuditReport } from "./ipam-audit-report.ts";
import { ipamFamilies } from "./ipam-metrics.ts";
import { memoryFamilies } from "./memory-metrics.ts";
import { formatOpenMetrics, type Labels, type MetricFamily, type Sample } from "./openmetrics.ts";
import { rulesFamilies } from "./rules-metrics.ts";
import type { RulesReport } from "./rules-report.ts";
import { taskFamilies } from "./task-metrics.ts";

/** What the metrics are made of: the same reports that the API shows, and counters that the daemon keeps. */
export type MetricsInput = {
  readonly status: StatusReport;
  readonly speaker: SpeakerSnapshot;
  readonly peers: readonly PeerReport[];
  readonly counters: EventCounters;
  readonly lastConfiguredSeconds: number | undefined;
  readonly process: { readonly residentBytes: number; readonly cpuSeconds: number };
  readonly nodeVersion: string;
  readonly ipam?: IpamAuditReport;
  readonly rules?: RulesReport;
};

/** Counted where events pass by. */
export type EventCounters = {
  readonly transitions: readonly Sample[];
  readonly notifications: readonly Sample[];
  readonly malformedAttributes: readonly Sample[];
};

const STATES = ["idle", "connect", "active", "opensent", "openconfirm", "established"];

/** Everything at /metrics. Names are those that dashboards will hold on to: they never change. */
export function metricsText(input: MetricsInput): string {
  return formatOpenMetrics([
    ...buildFamilies(input),
    ...sessionFamilies(input),
    ...counterFamilies(input.counters),
    ...trafficFamilies(input.peers),
    ...prefixFamilies(input.peers),
    ...ribFamilies(input.speaker),
    ...memoryFamilies(input.speaker.memory),
    ...fibFamilies(input.status.kernel),
    ...rulesFamilies(input.rules),
    ...ipamFamilies(input.ipam),
    ...daemonFamilies(input),
    ...taskFamilies(input.status.loop.tasks),
  ]);
}

function buildFamilies({
  status,
  nodeVersion,
  lastConfiguredSeconds,
}: MetricsInput): MetricFamily[] {
  const { state, loss } = status.datastore;
  const unreachable = state === "in-sync" || loss?.atStart === true ? 0 : 1;
  const stale = state === "in-sync" && loss === undefined ? 0 : 1;
  return [
    one("tortie_build", "info", "Which build runs.", 1, {
      version: status.version,
      node_version: nodeVersion,
    }),
    one(
      "tortie_config_stale",
      "gauge",
      "1 while this host runs on older resources than are stored. Look at: tortie status.",
      stale,
    ),
    one(
      "tortie_config_last_reload_success",
      "gauge",
      "0 while a stored resource is refused. Look at: tortie status.",
      status.problems.some(({ component }) => component === "resources") ? 0 : 1,
    ),
    {
      name: "tortie_config_last_reload_timestamp_seconds",
      type: "gauge",
      help: "When resources last changed what this host does.",
      samples: optional(lastConfiguredSeconds),
    },
    one(
      "tortie_datastore_up",
      "gauge",
      "1 while the datastore is reachable and its watch is current. Look at: tortie status.",
      1 - unreachable,
      { endpoint: status.datastore.location },
    ),
    one(
      "tortie_datastore_lost_objects",
      "gauge",
      "Objects that vanished from the datastore at once and stay in force. If not 0, look at: tortie status.",
      loss?.lost ?? 0,
    ),
    one("tortie_endpoints", "gauge", "Workloads of this host.", status.workloads, {
      state: "active",
    }),
  ];
}

function sessionFamilies({ peers, status }: MetricsInput): MetricFamily[] {
  return [
    each("tortie_bgp_peer", "info", "Identity of a session.", peers, (peer) => ({
      labels: {
        peer: peer.address,
        peer_name: peer.name,
        peer_as: peer.peerAsn,
        local_as: peer.localAsn,
        peer_type: peerType(peer),
        router_id: peer.routerId ?? "",
        node: status.node,
      },
      value: 1,
    })),
    each(
      "tortie_bgp_peer_up",
      "gauge",
      "1 while Established. If 0, run: tortie bgp neighbor IP.",
      peers.filter(({ standsBy }) => standsBy === undefined),
      (peer) => ({
        labels: { peer: peer.address, peer_type: peerType(peer), peer_as: peer.peerAsn },
        value: isUp(peer) ? 1 : 0,
      }),
    ),
    {
      name: "tortie_bgp_peer_state",
      type: "stateset",
      help: "State of the session, RFC 4271 §8.2.2; exactly one is 1.",
      samples: peers.flatMap((peer) =>
        STATES.map((state) => ({
          labels: { peer: peer.address, tortie_bgp_peer_state: state },
          value: peer.state.toLowerCase() === state ? 1 : 0,
        })),
      ),
    },
    {
      name: "tortie_bgp_peers",
      type: "gauge",
      help: "Peers by state.",
      samples: peerCounts(peers),
    },
    each(
      "tortie_bgp_peer_established_timestamp_seconds",
      "gauge",
      "When the session came up; its age is time() minus this.",
      peers.filter(isUp),
      (peer) => ({ labels: { peer: peer.address }, value: Date.parse(peer.stateSince) / 1000 }),
    ),
    each(
      "tortie_bgp_peer_last_error",
      "info",
      "The last NOTIFICATION or local error of the session.",
      peers.filter(({ lastError }) => lastError !== undefined),
      ({ address, lastError }) => ({
        labels: {
          peer: address,
          direction: lastError?.direction ?? "",
          code: lastError?.code ?? "",
          subcode: lastError?.subcode ?? "",
          text: lastError?.text ?? "",
        },
        value: 1,
      }),
    ),
    each(
      "tortie_bgp_hold_time_seconds",
      "gauge",
      "Negotiated hold time; 0 is none.",
      peers.filter(({ holdTimeSeconds }) => holdTimeSeconds !== undefined),
      (peer) => ({ labels: { peer: peer.address }, value: peer.holdTimeSeconds ?? 0 }),
    ),
  ];
}

function counterFamilies(counters: EventCounters): MetricFamily[] {
  return [
    {
      name: "tortie_bgp_session_transitions",
      type: "counter",
      help: 'Sessions that came up or went down. A rising to="idle" is flapping: tortie bgp neighbor IP.',
      samples: counters.transitions,
    },
    {
      name: "tortie_bgp_notifications",
      type: "counter",
      help: "NOTIFICATIONs, RFC 4271 §4.5.",
      samples: counters.notifications,
    },
    {
      name: "tortie_bgp_malformed_attributes",
      type: "counter",
      help: "Faults in UPDATEs that the session survived, RFC 7606. The peer has a bug.",
      samples: counters.malformedAttributes,
    },
  ];
}

function trafficFamilies(peers: readonly PeerReport[]): MetricFamily[] {
  const messages = (updates: (peer: PeerReport) => number, all: (peer: PeerReport) => number) =>
    peers.flatMap((peer) => [
      { labels: { peer: peer.address, type: "update" }, value: updates(peer) },
      { labels: { peer: peer.address, type: "other" }, value: all(peer) - updates(peer) },
    ]);
  return [
    {
      name: "tortie_bgp_messages_received",
      type: "counter",
      help: "BGP messages from the peer.",
      samples: messages(
        (peer) => peer.updatesReceived,
        (peer) => peer.messagesReceived,
      ),
    },
    {
      name: "tortie_bgp_messages_sent",
      type: "counter",
      help: "BGP messages to the peer.",
      samples: messages(
        (peer) => peer.updatesSent,
        (peer) => peer.messagesSent,
      ),
    },
    {
      name: "tortie_bgp_bytes",
      type: "counter",
      help: "TCP payload of the sessions.",
      samples: peers.flatMap((peer) => [
        { labels: { peer: peer.address, direction: "received" }, value: peer.bytesReceived },
        { labels: { peer: peer.address, direction: "sent" }, value: peer.bytesSent },
      ]),
    },
  ];
}

function prefixFamilies(peers: readonly PeerReport[]): MetricFamily[] {
  const gauge = (name: string, help: string, value: (family: PeerFamilyReport) => number) => ({
    name,
    type: "gauge" as const,
    help,
    samples: peers.flatMap((peer) =>
      peer.families
        .filter(({ negotiated, stale }) => negotiated || stale)
        .map((family) => ({
          labels: { peer: peer.address, ...familyLabels(family.family) },
          value: value(family),
        })),
    ),
  });
  return [
    gauge("tortie_bgp_prefixes_received", "Routes in the Adj-RIB-In.", ({ received }) => received),
    gauge(
      "tortie_bgp_prefixes_accepted",
      "Routes that the import policy let in.",
      ({ accepted }) => accepted,
    ),
    gauge(
      "tortie_bgp_prefixes_filtered",
      "Routes that are kept, and that the import policy or a check refuses.",
      ({ received, accepted }) => received - accepted,
    ),
    gauge(
      "tortie_bgp_prefixes_advertised",
      "Routes announced to the peer.",
      ({ advertised }) => advertised,
    ),
    gauge(
      "tortie_bgp_stale_routes",
      "Routes kept for a peer that restarts, RFC 4724 §4.2.",
      ({ stale, received }) => (stale ? received : 0),
    ),
  ];
}

function ribFamilies({ families }: SpeakerSnapshot): MetricFamily[] {
  return [
    each("tortie_bgp_rib_destinations", "gauge", "Prefixes with a route.", families, (family) => ({
      labels: familyLabels(formatFamily(family.family)),
      value: family.prefixes,
    })),
    each("tortie_bgp_rib_paths", "gauge", "Candidate routes.", families, (family) => ({
      labels: familyLabels(formatFamily(family.family)),
      value: family.routes,
    })),
    each(
      "tortie_bgp_converged",
      "gauge",
      "0 while selection waits for End-of-RIB after a restart, RFC 4724 §4.1.",
      families,
      (family) => ({
        labels: { afi: afiOf(family.family) === 1 ? "ipv4" : "ipv6" },
        value: family.converged ? 1 : 0,
      }),
    ),
  ];
}

function fibFamilies(kernel: KernelReport | undefined): MetricFamily[] {
  if (kernel === undefined) return [];
  const gauge = (name: string, help: string, value: number) => one(name, "gauge", help, value);
  return [
    gauge("tortie_fib_routes", "Routes of ours in the kernel.", kernel.installed),
    gauge("tortie_fib_desired_routes", "Routes that should be in the kernel.", kernel.desired),
    gauge(
      "tortie_fib_pending_routes",
      "Routes that the kernel has not taken. If it stays above 0: tortie status.",
      kernel.pendingCount,
    ),
    gauge(
      "tortie_fib_unresolved_next_hops",
      "Next hops without a way to them.",
      kernel.unresolvedNextHops.length,
    ),
    gauge(
      "tortie_fib_lag_seconds",
      "From a change of the best route to the kernel's answer.",
      kernel.lagMilliseconds / 1000,
    ),
  ];
}

function daemonFamilies({ status: { loop }, process }: MetricsInput): MetricFamily[] {
  const lag = "How late the event loop is: late is how hold timers are missed.";
  return [
    one("nodejs_eventloop_lag_p50_seconds", "gauge", lag, loop.lagP50Milliseconds / 1000),
    one("nodejs_eventloop_lag_p99_seconds", "gauge", lag, loop.lagP99Milliseconds / 1000),
    one("nodejs_eventloop_lag_max_seconds", "gauge", lag, loop.lagMaxMilliseconds / 1000),
    one("tortie_long_slices", "counter", "Slices of work over 10 ms.", loop.longSlices),
    one("process_resident_memory_bytes", "gauge", "Memory in use.", process.residentBytes),
    one("process_cpu_seconds", "counter", "Processor time used.", process.cpuSeconds),
  ];
}

function peerCounts(peers: readonly PeerReport[]): Sample[] {
  const counts = new Map<string, { labels: Labels; value: number }>();
  for (const peer of peers) {
    const labels = {
      status: peer.state.toLowerCase(),
      afi: peer.address.includes(":") ? "ipv6" : "ipv4",
      peer_type: peerType(peer),
    };
    const key = Object.values(labels).join(" ");
    const count = counts.get(key) ?? { labels, value: 0 };
    count.value++;
    counts.set(key, count);
  }
  return [...counts.values()];
}

function isUp({ state }: PeerReport): boolean {
  return state === "Established";
}

function peerType(peer: PeerReport): string {
  return peer.routeReflectorClient ? "rr_client" : peer.origin;
}

/** "ipv4-unicast" as two labels, as FRR and Cilium have them. */
function familyLabels(family: string): Labels {
  const [afi = family, safi = ""] = family.split("-");
  return { afi, safi };
}

function one(
  name: string,
  type: MetricFamily["type"],
  help: string,
  value: number,
  labels: Labels = {},
): MetricFamily {
  return { name, type, help, samples: [{ labels, value }] };
}

function each<Item>(
  name: string,
  type: MetricFamily["type"],
  help: string,
  items: readonly Item[],
  sample: (item: Item) => Sample,
): MetricFamily {
  return { name, type, help, samples: items.map(sample) };
}

function optional(value: number | undefined): Sample[] {
  return value === undefined ? [] : [{ labels: {}, value }];
}
