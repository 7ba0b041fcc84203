import type { RouteQuery, RouteSnapshot } from "../../protocol/speaker/speaker-snapshot.ts";
import { Asn } from "../../protocol/types/asn.ts";
import { Community } from "../../protocol/types/community.ts";
import { IPV4_UNICAST } from "../../protocol/types/family.ts";
import { IpAddress } from "../../protocol/types/ip-address.ts";
import { Prefix, prefixContains, prefixFamily } from "../../protocol/types/prefix.ts";
import { routerIdFromText } from "../../protocol/types/router-id.ts";
import type { ApiSource } from "../../src/api/api-source.ts";
import type { PeerReport, StatusReport } from "../../src/api/api-types.ts";
import { FAKE_IPAM } from "./fake-ipam.ts";
import { FAKE_RULES } from "./fake-rules.ts";
import { FAKE_TUNNELS, fakeTunnelTest } from "./fake-tunnels.ts";
import { FakeWorkloads } from "./fake-workloads.ts";

/** The time at which everything below is looked at. */
export const FAKE_NOW = new Date("2026-11-24T08:00:00Z");

const FAMILY_UP = {
  family: "ipv4-unicast",
  negotiated: true,
  received: 3,
  accepted: 3,
  best: 2,
  advertised: 1,
  stale: false,
  endOfRibReceived: true,
  endOfRibSent: true,
};

const MESH_PEER: PeerReport = {
  name: "Mesh_10_0_0_2",
  origin: "mesh",
  address: "10.0.0.2",
  port: 179,
  localAddress: "10.0.0.1",
  localAsn: 64512,
  peerAsn: 64512,
  type: "ibgp",
  routeReflectorClient: false,
  state: "Established",
  stateSince: "2026-11-24T04:48:00Z",
  routerId: "10.0.0.2",
  holdTimeSeconds: 90,
  keepaliveSeconds: 30,
  capabilitiesSent: ["multiprotocol ipv4-unicast", "gracefulRestart 120s ipv4-unicast(F)"],
  capabilitiesReceived: ["multiprotocol ipv4-unicast", "routeRefresh"],
  families: [FAMILY_UP],
  messagesReceived: 400,
  messagesSent: 401,
  updatesReceived: 7,
  updatesSent: 3,
  bytesReceived: 9000,
  bytesSent: 8000,
  establishedCount: 1,
};

const TOR_PEER: PeerReport = {
  ...MESH_PEER,
  name: "Node_10_0_0_254",
  origin: "node",
  address: "10.0.0.254",
  peerAsn: 65001,
  type: "ebgp",
  state: "Active",
  stateSince: "2026-11-24T07:48:00Z",
  families: [],
  lastError: {
    at: "2026-11-24T07:48:00Z",
    text: "hold timer expired (RFC 4271 §6.5)",
    code: 4,
    subcode: 0,
    direction: "sent",
  },
  nextConnectAt: "2026-11-24T08:00:05Z",
};

const STATUS: StatusReport = {
  apiVersion: "tortie/v1",
  kind: "Status",
  node: "core-01",
  version: "1.2.3",
  pid: 4711,
  startedAt: "2026-11-19T06:00:00Z",
  health: "degraded",
  problems: [
    {
      component: "bgp",
      what: "peer Node_10_0_0_254 (10.0.0.254) is Active",
      cause: "hold timer expired (RFC 4271 §6.5)",
      fix: "tortie bgp neighbor 10.0.0.254",
    },
  ],
  asn: 64512,
  routerId: "10.0.0.1",
  datastore: { type: "directory", location: "/etc/tortie/cluster", state: "in-sync" },
  sessions: { total: 2, established: 1 },
  originated: 2,
  workloads: 2,
  kernel: {
    state: "running",
    desired: 3,
    installed: 2,
    pendingCount: 1,
    pending: [{ route: "192.168.0.2/32 via 10.0.0.2", reason: "EEXIST: static has this route" }],
    unresolvedNextHops: [],
    routesPerSecond: 0,
    lagMilliseconds: 4,
    interfaces: [
      { name: "eth0", index: 2, up: true, carrier: true, mtu: 1500, addresses: ["10.0.0.1/24"] },
    ],
  },
  loop: {
    lagP50Milliseconds: 0.2,
    lagP99Milliseconds: 1.1,
    lagMaxMilliseconds: 9,
    longSlices: 0,
    workBudget: 2000,
    tasks: [
      {
        task: "turn",
        count: 3,
        milliseconds: 7.5,
        maxMilliseconds: 6,
        overLimit: 1,
        buckets: [
          { milliseconds: 5, count: 2 },
          { milliseconds: 10, count: 3 },
        ],
      },
    ],
  },
};

const ROUTES: readonly RouteSnapshot[] = [
  {
    prefix: Prefix("192.168.0.1/32"),
    peer: "local",
    attributes: { nextHop: undefined, origin: "igp", asPath: [] },
    best: true,
    multipath: false,
    stale: false,
    eligible: true,
  },
  {
    prefix: Prefix("192.168.0.2/32"),
    peer: "Mesh_10_0_0_2",
    attributes: {
      nextHop: IpAddress("10.0.0.2"),
      origin: "igp",
      asPath: [],
      localPref: 100,
      communities: [Community(0xfde8_0064)],
    },
    best: true,
    multipath: false,
    stale: false,
    eligible: true,
  },
  {
    prefix: Prefix("192.168.0.2/32"),
    peer: "Node_10_0_0_254",
    attributes: {
      nextHop: IpAddress("10.0.0.254"),
      origin: "incomplete",
      asPath: [
        { type: "sequence", asns: [Asn(65001), Asn(65002)] },
        { type: "set", asns: [Asn(65003), Asn(65004)] },
      ],
      med: 5,
      clusterList: [routerIdFromText("10.0.0.9")],
      originatorId: routerIdFromText("10.0.0.8"),
    },
    best: false,
    multipath: false,
    stale: true,
    eligible: true,
    reason: "lower LOCAL_PREF",
    eliminatedBy: "Mesh_10_0_0_2",
  },
];

/** What a fake was asked to do, in order. */
export type Acts = string[];

/** A host with one mesh peer that is up and one top-of-rack router that is down; as honest as its reports. */
export function fakeApiSource(acts: Acts = []): ApiSource {
  const workloads = new FakeWorkloads();
  return {
    status: () => STATUS,
    peers: () => [MESH_PEER, TOR_PEER],
    routes: (query) => pageOf(query),
    resources: (kind) =>
      kind === "Node"
        ? [
            {
              apiVersion: "projectcalico.org/v3",
              kind: "Node",
              metadata: { name: "core-01" },
              spec: { bgp: { ipv4Address: "10.0.0.1/24" } },
            },
          ]
        : [],
    kernel: () => STATUS.kernel,
    workloads: () => workloads,
    events: ({ limit, peer }) =>
      [
        {
          at: "2026-11-24T07:48:00Z",
          name: "peer.down",
          level: "warn" as const,
          peer: "Node_10_0_0_254",
          fields: { reason: "hold timer expired" },
        },
      ]
        .filter((event) => peer === undefined || event.peer === peer)
        .slice(-limit),
    tunnels: () => FAKE_TUNNELS,
    rules: () => FAKE_RULES,
    ipam: () => FAKE_IPAM,
    repairIpam: async () => {
      acts.push("repair IPAM");
      const [{ text } = { text: "" }] = FAKE_IPAM.items;
      return {
        apiVersion: FAKE_IPAM.apiVersion,
        kind: "IPAMRepair",
        items: [{ text, result: "repaired" }],
      };
    },
    testTunnels: async ({ node }) => fakeTunnelTest(node),
    metrics: () => "# EOF\n",
    resetPeer: (peer, message) => acts.push(`reset ${peer} ${message ?? ""}`.trim()),
    refreshPeer: (peer, direction) => acts.push(`refresh ${peer} ${direction}`),
    confirmLoss: async () => {
      acts.push("confirm-loss");
      return { lost: 8, of: 9 };
    },
    drain: (on) => acts.push(`drain ${on}`),
    stop: ({ mode, cleanup }) => acts.push(`stop ${mode} ${cleanup}`),
  };
}

/** Cursors are indexes. */
function pageOf({ family, prefix, limit, cursor }: RouteQuery) {
  const wanted = ROUTES.filter(
    (route) => prefixFamily(route.prefix) === family && (!prefix || matches(route.prefix, prefix)),
  );
  const start = Number(cursor ?? 0);
  const next = start + limit;
  return {
    routes: family === IPV4_UNICAST ? wanted.slice(start, next) : [],
    ...(next < wanted.length && { cursor: String(next) }),
  };
}

function matches(prefix: Prefix, wanted: NonNullable<RouteQuery["prefix"]>): boolean {
  if (wanted.match === "within") return prefixContains(wanted.prefix, prefix);
  return wanted.match === "exact"
    ? prefix === wanted.prefix
    : prefixContains(prefix, wanted.prefix);
}
