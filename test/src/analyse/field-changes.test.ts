import t from "tap";
import { Speaker } from "../../../protocol/speaker/speaker.ts";
import { Instant } from "../../../protocol/types/instant.ts";
import { type ChangePreview, previewChange } from "../../../src/analyse/preview-change.ts";
import { computeHostState } from "../../../src/calc/calc.ts";
import type { HostState } from "../../../src/calc/host-state.ts";
import { bgpConfigurationSchema } from "../../../src/resources/kind/bgp-configuration.ts";
import { bgpPeerSchema } from "../../../src/resources/kind/bgp-peer.ts";
import type { AnyResource } from "../../../src/resources/schemas.ts";
import { config, dual, filter, peer, workload } from "../calc/calc-support.ts";

/** What a changed field does to sessions: of the router, of the mesh. "replaced": the old one ends, another begins. */
type Effect = "kept" | "refreshed" | "reset" | "removed" | "replaced" | "announced";
type Row = readonly [field: string, change: object, tor: Effect, mesh?: Effect];

/** Each field of a BGPPeer with another value than before. */
const PEER_ROWS: readonly Row[] = [
  ["node", { node: "a" }, "kept"],
  ["nodeSelector", { nodeSelector: "all()" }, "kept"],
  ["nodeSelector, elsewhere", { nodeSelector: "has(x)" }, "removed"],
  ["peerIP", { peerIP: "10.0.0.253" }, "replaced"],
  ["asNumber", { asNumber: 65002 }, "reset"],
  ["localASNumber", { localASNumber: 65009 }, "reset"],
  ["peerSelector", { peerIP: undefined, asNumber: undefined, peerSelector: "has(x)" }, "removed"],
  ["localWorkloadSelector", { peerIP: undefined, localWorkloadSelector: "has(x)" }, "removed"],
  ["keepOriginalNextHop", { keepOriginalNextHop: true }, "refreshed"],
  ["nextHopMode", { nextHopMode: "Self" }, "refreshed"],
  ["password", { password: "key" }, "reset"],
  ["sourceAddress", { sourceAddress: "None" }, "reset"],
  ["maxRestartTime", { maxRestartTime: "60s" }, "kept"],
  ["keepaliveTime", { keepaliveTime: "10s" }, "kept"],
  ["numAllowedLocalASNumbers", { numAllowedLocalASNumbers: 1 }, "refreshed"],
  ["ttlSecurity", { ttlSecurity: 1 }, "reset"],
  ["reachableBy", { reachableBy: "10.0.0.250" }, "kept"],
  ["filters", { filters: ["f"] }, "refreshed"],
  ["reversePeering", { reversePeering: "Manual" }, "kept"],
  ["exportLearned", { exportLearned: true }, "refreshed"],
  ["holdTime", { holdTime: "30s" }, "reset"],
  ["sendHoldTime", { sendHoldTime: "4m" }, "kept"],
  ["connectRetryTime", { connectRetryTime: "9s" }, "kept"],
  ["advertisementInterval", { advertisementInterval: "1s" }, "refreshed"],
  ["maxPrefixes", { maxPrefixes: { ipv4: 10 } }, "refreshed"],
  ["role", { role: "Customer" }, "reset"],
  ["roleStrict", { role: "Customer", roleStrict: true }, "reset"],
  ["acceptDefaultRoute", { acceptDefaultRoute: true }, "refreshed"],
  ["acceptNodeAddresses", { acceptNodeAddresses: true }, "refreshed"],
  ["extendedNextHop", { extendedNextHop: true }, "reset"],
  ["addPath", { addPath: "Both" }, "reset"],
  ["enforceFirstAS", { enforceFirstAS: false }, "refreshed"],
  ["families", { families: ["IPv4"] }, "reset"],
  ["sessions", { sessions: "PerFamily" }, "reset"],
];

/** Accepted, and without effect on a session. */
const WITHOUT_EFFECT = [
  "failureDetectionMode",
  "restartMode",
  "logSeverityScreen",
  "serviceLoadBalancerIPs",
  "serviceExternalIPs",
  "serviceClusterIPs",
  "serviceLoadBalancerAggregation",
  "ignoredInterfaces",
  "localWorkloadPeeringIPV4",
  "localWorkloadPeeringIPV6",
];

const ADVERTISED = [{ cidr: "10.65.0.0/16", communities: ["65000:1"] }];

/** Each field of BGPConfiguration `default`. */
const CONFIG_ROWS: readonly Row[] = [
  ["nodeToNodeMeshEnabled", { nodeToNodeMeshEnabled: false }, "kept", "removed"],
  ["asNumber", { asNumber: 65000 }, "reset", "reset"],
  [
    "communities",
    { communities: [{ name: "n", value: "1:1" }], prefixAdvertisements: ADVERTISED },
    "refreshed",
    "refreshed",
  ],
  ["prefixAdvertisements", { prefixAdvertisements: ADVERTISED }, "refreshed", "refreshed"],
  ["listenPort", { listenPort: 1179 }, "kept", "reset"],
  ["nodeMeshPassword", { nodeMeshPassword: "key" }, "kept", "reset"],
  ["nodeMeshMaxRestartTime", { nodeMeshMaxRestartTime: "60s" }, "kept", "kept"],
  ["bindMode", { bindMode: "NodeIP" }, "kept", "kept"],
  ["programClusterRoutes", { programClusterRoutes: "Disabled" }, "kept", "kept"],
  ["ipv4NormalRoutePriority", { ipv4NormalRoutePriority: 9 }, "announced", "announced"],
  ["ipv6NormalRoutePriority", { ipv6NormalRoutePriority: 9 }, "kept", "kept"],
  ["nodeMeshHoldTime", { nodeMeshHoldTime: "30s" }, "kept", "reset"],
  ["nodeMeshKeepaliveTime", { nodeMeshKeepaliveTime: "9s" }, "kept", "kept"],
  ["nodeMeshConnectRetryTime", { nodeMeshConnectRetryTime: "9s" }, "kept", "kept"],
  ["nodeMeshAdvertisementInterval", { nodeMeshAdvertisementInterval: "1s" }, "kept", "refreshed"],
  ["nodeMeshSessions", { nodeMeshSessions: "PerFamily" }, "kept", "reset"],
];

const TOR = { peerIP: "10.0.0.254", asNumber: 65001 };

function stateWith(torFields: object, configFields: object): HostState {
  const resources: readonly AnyResource[] = [
    dual("a"),
    dual("b"),
    filter("f", { exportV4: [{ action: "Accept" }] }),
    workload("w", { ipNetworks: ["10.65.0.1"] }),
    peer("tor", { ...TOR, ...torFields }),
    config(configFields),
  ];
  return computeHostState({ nodeName: "a", resources });
}

function effectOn(name: RegExp, preview: ChangePreview): Effect {
  const names = (list: "reset" | "refreshed" | "removed" | "added") =>
    preview[list].some(({ peer: each }) => name.test(each));
  if (names("reset")) return "reset";
  if (names("removed"))
    return preview.added.some(({ peer: each }) => each.startsWith("Global"))
      ? "replaced"
      : "removed";
  if (names("refreshed")) return "refreshed";
  const told = preview.announced.some(({ peers }) => peers.some((each) => name.test(each)));
  return told ? "announced" : "kept";
}

t.test(
  "each field of a BGPPeer and of BGPConfiguration: what its change does to which sessions",
  async (t) => {
    const rows = [
      ...PEER_ROWS.map((row) => ({ row, change: stateWith(row[1], {}) })),
      ...CONFIG_ROWS.map((row) => ({ row, change: stateWith({}, row[1]) })),
    ];
    const before = stateWith({}, {});
    for (const { row, change } of rows) {
      const [field, , tor, mesh = "kept"] = row;
      const preview = previewChange(before, change);
      t.equal(effectOn(/^Global_10_0_0_254/, preview), tor, `${field}: the router's session`);
      t.equal(effectOn(/^Mesh_10_0_0_2$/, preview), mesh, `${field}: the mesh`);
      t.strictSame(
        restartsOf(before, change),
        preview.reset.map(({ peer: each }) => each),
        `${field}: a speaker does so`,
      );
    }
    const named = new Set(
      [...PEER_ROWS, ...CONFIG_ROWS].map(([field]) => field.replace(/,.*/, "")),
    );
    const fields = [
      ...Object.keys(bgpPeerSchema.spec.shape),
      ...Object.keys(bgpConfigurationSchema.spec.shape),
    ];
    t.strictSame(
      fields.filter((field) => !named.has(field) && !WITHOUT_EFFECT.includes(field)),
      [],
      "no field is left out",
    );
  },
);

/** The peers that a real Speaker dials again after the change: those whose session it reset. */
function restartsOf(before: HostState, after: HostState): readonly string[] {
  const speaker = new Speaker({ random: () => 0.5 });
  const active = ({ speaker: own }: HostState) => ({
    ...own,
    // All are dialled, so that a reset shows: the attempt is given up and made again.
    peers: own.peers.map(({ standbyFor: _, ...each }) => ({ ...each, passive: false })),
  });
  const names = new Set(before.speaker.peers.map(({ name }) => name));
  speaker.handle({ type: "configure", config: active(before) }, Instant(0));
  speaker.handle({ type: "originated", routes: [], complete: true }, Instant(0));
  const actions = speaker.handle({ type: "configure", config: active(after) }, Instant(1));
  const dialled = actions.flatMap((action) => (action.type === "connect" ? [action.peer] : []));
  return [...new Set(dialled)].filter((name) => names.has(name)).toSorted();
}
