import t from "tap";
import type { SpeakerSnapshot } from "../../../protocol/speaker/speaker-snapshot.ts";
import { IPV4_UNICAST } from "../../../protocol/types/family.ts";
import { metricsText } from "../../../src/api/metrics.ts";
import { formatOpenMetrics } from "../../../src/api/openmetrics.ts";
import { fakeApiSource } from "../../support/fake-api-source.ts";

const SPEAKER: SpeakerSnapshot = {
  asn: 64512,
  routerId: undefined,
  state: "running",
  restarting: false,
  originated: 2,
  peers: { total: 2, established: 1 },
  families: [{ family: IPV4_UNICAST, prefixes: 2, routes: 3, converged: true }],
  memory: {
    prefixes: 65_536,
    prefixIndex: 16_384,
    routes: 98_304,
    changeLog: 16_384,
    attributeSets: 212_992,
    attributes: 262_144,
    sent: 32_768,
  },
};

function exposition(): string {
  const source = fakeApiSource();
  return metricsText({
    status: source.status(),
    speaker: SPEAKER,
    peers: source.peers(),
    counters: {
      transitions: [{ labels: { peer: "a", to: "idle" }, value: 2 }],
      notifications: [{ labels: { direction: "sent", code: 4, subcode: 0 }, value: 1 }],
      malformedAttributes: [],
    },
    lastConfiguredSeconds: 1,
    process: { residentBytes: 1, cpuSeconds: 1 },
    nodeVersion: "v26",
  });
}

t.test("what is exposed follows the rules of OpenMetrics", (t) => {
  const lines = exposition().trimEnd().split("\n");
  t.equal(lines.at(-1), "# EOF");
  const types = new Map<string, string>();
  const series = new Set<string>();
  for (const line of lines.slice(0, -1)) {
    const [, declared, type] =
      /^# TYPE (\S+) (gauge|counter|info|stateset|histogram)$/.exec(line) ?? [];
    if (declared !== undefined && type !== undefined) {
      t.notOk(types.has(declared), `${declared} is declared once`);
      types.set(declared, type);
      continue;
    }
    if (line.startsWith("# HELP ")) continue;
    const [, name = "", labels = "", value = ""] =
      /^([a-z_0-9]+)(\{[^}]*\})? (\S+)$/.exec(line) ?? [];
    t.ok(Number.isFinite(Number(value)) && name !== "", line);
    t.notOk(series.has(name + labels), `${name}${labels} stands once`);
    series.add(name + labels);
    const base = name.replace(/_(total|info|bucket|sum|count)$/, "");
    const kind = types.get(name) ?? types.get(base);
    t.equal(name.endsWith("_total"), kind === "counter", `${name} is a ${kind}`);
    t.equal(name.endsWith("_info"), kind === "info", `${name} is a ${kind}`);
  }
  t.end();
});

t.test("names that dashboards hold on to", (t) => {
  const text = exposition();
  const wanted = [
    'tortie_build_info{version="1.2.3",node_version="v26"} 1',
    'tortie_bgp_peer_up{peer="10.0.0.2",peer_type="mesh",peer_as="64512"} 1',
    'tortie_bgp_peer_up{peer="10.0.0.254",peer_type="node",peer_as="65001"} 0',
    'tortie_bgp_peer_state{peer="10.0.0.254",tortie_bgp_peer_state="active"} 1',
    'tortie_bgp_peer_state{peer="10.0.0.254",tortie_bgp_peer_state="idle"} 0',
    'tortie_bgp_prefixes_received{peer="10.0.0.2",afi="ipv4",safi="unicast"} 3',
    'tortie_bgp_rib_paths{afi="ipv4",safi="unicast"} 3',
    'tortie_bgp_rib_bytes{part="attribute_sets"} 212992',
    'tortie_bgp_session_transitions_total{peer="a",to="idle"} 2',
    "tortie_fib_pending_routes 1",
    'tortie_datastore_up{endpoint="/etc/tortie/cluster"} 1',
    "nodejs_eventloop_lag_p99_seconds 0.0011",
    'tortie_task_duration_seconds_bucket{task="turn",le="0.005"} 2',
    'tortie_task_duration_seconds_bucket{task="turn",le="+Inf"} 3',
    'tortie_task_duration_seconds_count{task="turn"} 3',
    'tortie_task_max_seconds{task="turn"} 0.006',
    'tortie_tasks_over_limit_total{task="turn"} 1',
  ];
  for (const line of wanted) t.ok(text.split("\n").includes(line), line);
  t.notMatch(text, /tortie_bgp_malformed_attributes/, "nothing counted, nothing shown");
  t.end();
});

t.test("labels are escaped", (t) => {
  const text = formatOpenMetrics([
    { name: "a", type: "gauge", help: "x", samples: [{ labels: { l: 'q"\\\n' }, value: 1 }] },
  ]);
  t.match(text, 'a{l="q\\"\\\\\\n"} 1\n');
  t.end();
});

t.test("what is refused is counted: resources, and routes of a peer", (t) => {
  const text = exposition();
  t.match(text, /^tortie_config_last_reload_success 1$/m);
  t.match(
    text,
    /^tortie_bgp_prefixes_filtered\{peer="10\.0\.0\.2",afi="ipv4",safi="unicast"\} 0$/m,
  );
  t.end();
});
