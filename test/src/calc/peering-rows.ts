import type { AnyResource } from "../../../src/resources/schemas.ts";
import { config, dual, node, nodeV4, peer, resource, workload } from "./calc-support.ts";

/** What it shows, the cluster, the host asked, its peerings. */
export const PEERING_ROWS: readonly (readonly [
  string,
  readonly AnyResource[],
  string,
  readonly string[],
])[] = [
  // The mesh.
  [
    "mesh with every other node; the greater text opens",
    [nodeV4("a"), nodeV4("b"), nodeV4("c")],
    "b",
    [
      "Mesh_10_0_0_1 mesh 10.0.0.1 179 64512-64512 from 10.0.0.2 active v4",
      "Mesh_10_0_0_3 mesh 10.0.0.3 179 64512-64512 from 10.0.0.2 passive v4",
    ],
  ],
  [
    "texts are compared, not numbers: 10.0.0.9 is greater than 10.0.0.10",
    [nodeV4("i"), nodeV4("j")],
    "i",
    ["Mesh_10_0_0_10 mesh 10.0.0.10 179 64512-64512 from 10.0.0.9 active v4"],
  ],
  ["a node without bgp takes no part", [nodeV4("a"), resource("Node", "b", {})], "a", []],
  [
    "a mesh turned off",
    [config({ nodeToNodeMeshEnabled: false }), nodeV4("a"), nodeV4("b")],
    "a",
    [],
  ],
  [
    "one session for both families where both ends have both, and one that stands by",
    [dual("a"), dual("b"), nodeV4("c")],
    "a",
    [
      "Mesh_10_0_0_2 mesh 10.0.0.2 179 64512-64512 from 10.0.0.1 passive v4+6",
      "Mesh_10_0_0_3 mesh 10.0.0.3 179 64512-64512 from 10.0.0.1 passive v4",
      "Mesh_fd00__2 mesh fd00::2 179 64512-64512 from fd00::1 passive v6 standby",
    ],
  ],
  [
    "a session for each family, as calico-node has",
    [config({ nodeMeshSessions: "PerFamily" }), dual("a"), dual("b")],
    "a",
    [
      "Mesh_10_0_0_2 mesh 10.0.0.2 179 64512-64512 from 10.0.0.1 passive v4",
      "Mesh_fd00__2 mesh fd00::2 179 64512-64512 from fd00::1 passive v6",
    ],
  ],
  [
    "over IPv6 alone both families as well (RFC 8950), and nothing where no address is common",
    [node("a", { ipv6Address: "fd00::1" }), dual("b"), nodeV4("c")],
    "a",
    ["Mesh_fd00__2 mesh fd00::2 179 64512-64512 from fd00::1 passive v4+6"],
  ],
  [
    "AS numbers: the node's own, else the cluster's",
    [
      config({ asNumber: 65000 }),
      nodeV4("a", { asNumber: "1.10" }),
      nodeV4("b"),
      nodeV4("c", { asNumber: 65003 }),
    ],
    "a",
    [
      "Mesh_10_0_0_2 mesh 10.0.0.2 179 65546-65000 from 10.0.0.1 passive v4",
      "Mesh_10_0_0_3 mesh 10.0.0.3 179 65546-65003 from 10.0.0.1 passive v4",
    ],
  ],
  [
    "ports: the node's own, else the cluster's",
    [
      config({ listenPort: 1179 }),
      resource("BGPConfiguration", "node.b", { listenPort: 2179 }),
      nodeV4("a"),
      nodeV4("b"),
      nodeV4("c"),
    ],
    "a",
    [
      "Mesh_10_0_0_2 mesh 10.0.0.2 2179 64512-64512 from 10.0.0.1 passive v4",
      "Mesh_10_0_0_3 mesh 10.0.0.3 1179 64512-64512 from 10.0.0.1 passive v4",
    ],
  ],
  [
    "a route reflector leaves the mesh",
    [nodeV4("a"), nodeV4("b", { routeReflectorClusterID: "1.0.0.1" }), nodeV4("c")],
    "a",
    ["Mesh_10_0_0_3 mesh 10.0.0.3 179 64512-64512 from 10.0.0.1 passive v4"],
  ],
  [
    "and has no mesh itself",
    [nodeV4("a"), nodeV4("b", { routeReflectorClusterID: "1.0.0.1" })],
    "b",
    [],
  ],
  // By address.
  [
    "a global peer",
    [nodeV4("a"), peer("tor", { peerIP: "10.0.0.254", asNumber: 65001 })],
    "a",
    ["Global_10_0_0_254 global 10.0.0.254 179 64512-65001 from 10.0.0.1 active v4"],
  ],
  [
    "with a port, which is in the name",
    [nodeV4("a"), peer("tor", { peerIP: "10.0.0.254:1179", asNumber: 65001 })],
    "a",
    ["Global_10_0_0_254_port_1179 global 10.0.0.254 1179 64512-65001 from 10.0.0.1 active v4"],
  ],
  [
    "of one node",
    [nodeV4("a"), peer("tor", { node: "a", peerIP: "10.0.0.254", asNumber: 65001 })],
    "a",
    ["Node_10_0_0_254 node 10.0.0.254 179 64512-65001 from 10.0.0.1 active v4"],
  ],
  [
    "of another node",
    [nodeV4("a"), peer("tor", { node: "b", peerIP: "10.0.0.254", asNumber: 65001 })],
    "a",
    [],
  ],
  [
    "of selected nodes",
    [
      nodeV4("a", {}, { rack: "r1" }),
      peer("r1", { nodeSelector: "rack == 'r1'", peerIP: "10.0.0.254", asNumber: 65001 }),
      peer("r2", { nodeSelector: "rack == 'r2'", peerIP: "10.0.0.253", asNumber: 65001 }),
    ],
    "a",
    ["Node_10_0_0_254 node 10.0.0.254 179 64512-65001 from 10.0.0.1 active v4"],
  ],
  [
    "IPv6, and both families where we have both addresses",
    [dual("a"), peer("tor", { peerIP: "[fd00::fe]:179", asNumber: 65001 })],
    "a",
    ["Global_fd00__fe_port_179 global fd00::fe 179 64512-65001 from fd00::1 active v4+6"],
  ],
  [
    "only the families asked for",
    [dual("a"), peer("tor", { peerIP: "10.0.0.254", asNumber: 65001, families: ["IPv6"] })],
    "a",
    ["Global_10_0_0_254 global 10.0.0.254 179 64512-65001 from 10.0.0.1 active v6"],
  ],
  [
    "only the session's family",
    [dual("a"), peer("tor", { peerIP: "10.0.0.254", asNumber: 65001, sessions: "PerFamily" })],
    "a",
    ["Global_10_0_0_254 global 10.0.0.254 179 64512-65001 from 10.0.0.1 active v4"],
  ],
  [
    "sourceAddress None leaves the choice to the kernel",
    [nodeV4("a"), peer("tor", { peerIP: "10.0.0.254", asNumber: 65001, sourceAddress: "None" })],
    "a",
    ["Global_10_0_0_254 global 10.0.0.254 179 64512-65001 from any active v4"],
  ],
  [
    "localASNumber",
    [nodeV4("a"), peer("tor", { peerIP: "10.0.0.254", asNumber: 65001, localASNumber: 65002 })],
    "a",
    ["Global_10_0_0_254 global 10.0.0.254 179 65002-65001 from 10.0.0.1 active v4"],
  ],
  [
    "a global peer wins over a node's for the same address",
    [
      nodeV4("a"),
      peer("x", { node: "a", peerIP: "10.0.0.254", asNumber: 65002 }),
      peer("y", { peerIP: "10.0.0.254", asNumber: 65001 }),
    ],
    "a",
    ["Global_10_0_0_254 global 10.0.0.254 179 64512-65001 from 10.0.0.1 active v4"],
  ],
  [
    "two ports of one address are two peers",
    [
      nodeV4("a"),
      peer("x", { peerIP: "10.0.0.254:1179", asNumber: 65001 }),
      peer("y", { peerIP: "10.0.0.254", asNumber: 65001 }),
    ],
    "a",
    [
      "Global_10_0_0_254 global 10.0.0.254 179 64512-65001 from 10.0.0.1 active v4",
      "Global_10_0_0_254_port_1179 global 10.0.0.254 1179 64512-65001 from 10.0.0.1 active v4",
    ],
  ],
  // A node of the cluster by its address: it peers back, at its own port.
  [
    "a node by address takes the mesh's place",
    [
      nodeV4("a"),
      nodeV4("b"),
      resource("BGPConfiguration", "node.b", { listenPort: 1179 }),
      peer("p", { peerIP: "10.0.0.2", asNumber: 64512 }),
    ],
    "a",
    ["Global_10_0_0_2 global 10.0.0.2 1179 64512-64512 from 10.0.0.1 passive v4"],
  ],
  [
    "and the opposite comes by itself; there is no peering with oneself",
    [nodeV4("a"), nodeV4("b"), nodeV4("c"), peer("p", { peerIP: "10.0.0.2", asNumber: 64512 })],
    "b",
    [
      "Global_10_0_0_1 reverse 10.0.0.1 179 64512-64512 from 10.0.0.2 active v4",
      "Global_10_0_0_3 reverse 10.0.0.3 179 64512-64512 from 10.0.0.2 passive v4",
    ],
  ],
  [
    "but not with reversePeering Manual",
    [
      config({ nodeToNodeMeshEnabled: false }),
      nodeV4("a"),
      nodeV4("b"),
      peer("p", { peerIP: "10.0.0.2", asNumber: 64512, reversePeering: "Manual" }),
    ],
    "b",
    [],
  ],
  [
    "nor where the AS number is not the node's",
    [
      config({ nodeToNodeMeshEnabled: false }),
      nodeV4("a"),
      nodeV4("b"),
      peer("p", { peerIP: "10.0.0.2", asNumber: 65001 }),
    ],
    "b",
    [],
  ],
  [
    "the opposite expects the AS number that the other shows",
    [
      config({ nodeToNodeMeshEnabled: false }),
      nodeV4("a"),
      nodeV4("b"),
      peer("p", { node: "a", peerIP: "10.0.0.2", asNumber: 64512, localASNumber: 65009 }),
    ],
    "b",
    ["Node_10_0_0_1 reverse 10.0.0.1 179 64512-65009 from 10.0.0.2 active v4"],
  ],
  [
    "a peering of some nodes is passive at neither end",
    [
      config({ nodeToNodeMeshEnabled: false }),
      nodeV4("a"),
      nodeV4("b"),
      peer("p", { node: "a", peerIP: "10.0.0.2", asNumber: 64512 }),
    ],
    "a",
    ["Node_10_0_0_2 node 10.0.0.2 179 64512-64512 from 10.0.0.1 active v4"],
  ],
  // Selected peers and route reflection.
  [
    "nodes to route reflectors",
    [
      config({ nodeToNodeMeshEnabled: false }),
      dual("a"),
      dual("b"),
      dual("r", { routeReflectorClusterID: "1.0.0.1" }, { rr: "" }),
      peer("rr", { peerSelector: "has(rr)", nodeSelector: "!has(rr)" }),
    ],
    "a",
    [
      "Node_10_0_0_18 node 10.0.0.18 179 64512-64512 from 10.0.0.1 active v4+6",
      "Node_fd00__18 node fd00::18 179 64512-64512 from fd00::1 active v6 standby",
    ],
  ],
  [
    "and back: nodes are its clients",
    [
      config({ nodeToNodeMeshEnabled: false }),
      dual("a"),
      dual("b"),
      dual("r", { routeReflectorClusterID: "1.0.0.1" }, { rr: "" }),
      peer("rr", { peerSelector: "has(rr)", nodeSelector: "!has(rr)" }),
    ],
    "r",
    [
      "Node_10_0_0_1 reverse 10.0.0.1 179 64512-64512 from 10.0.0.18 active v4+6 client",
      "Node_10_0_0_2 reverse 10.0.0.2 179 64512-64512 from 10.0.0.18 active v4+6 client",
      "Node_fd00__1 reverse fd00::1 179 64512-64512 from fd00::18 active v6 client standby",
      "Node_fd00__2 reverse fd00::2 179 64512-64512 from fd00::18 active v6 client standby",
    ],
  ],
  [
    "route reflectors of one cluster are plain peers, of two are clients",
    [
      config({ nodeToNodeMeshEnabled: false }),
      nodeV4("q", { routeReflectorClusterID: "1.0.0.1" }, { rr: "" }),
      nodeV4("r", { routeReflectorClusterID: "1.0.0.1" }, { rr: "" }),
      nodeV4("s", { routeReflectorClusterID: "1.0.0.2" }, { rr: "" }),
      peer("rr", { peerSelector: "has(rr)", nodeSelector: "has(rr)" }),
    ],
    "r",
    [
      "Node_10_0_0_17 node 10.0.0.17 179 64512-64512 from 10.0.0.18 active v4",
      "Node_10_0_0_19 node 10.0.0.19 179 64512-64512 from 10.0.0.18 active v4 client",
    ],
  ],
  [
    "a global selection: every node with every reflector, by the passive rule",
    [
      nodeV4("a"),
      nodeV4("b"),
      nodeV4("r", { routeReflectorClusterID: "1.0.0.1" }, { rr: "" }),
      peer("rr", { peerSelector: "has(rr)" }),
    ],
    "a",
    [
      "Global_10_0_0_18 global 10.0.0.18 179 64512-64512 from 10.0.0.1 passive v4",
      "Mesh_10_0_0_2 mesh 10.0.0.2 179 64512-64512 from 10.0.0.1 passive v4",
    ],
  ],
  [
    "an eBGP peer of a route reflector is no client, an iBGP one is",
    [
      nodeV4("r", { routeReflectorClusterID: "1.0.0.1" }),
      peer("e", { peerIP: "10.0.0.254", asNumber: 65001 }),
      peer("i", { peerIP: "10.0.0.253", asNumber: 64512 }),
    ],
    "r",
    [
      "Global_10_0_0_253 global 10.0.0.253 179 64512-64512 from 10.0.0.18 active v4 client",
      "Global_10_0_0_254 global 10.0.0.254 179 64512-65001 from 10.0.0.18 active v4",
    ],
  ],
  [
    "selected peers, a session for each family",
    [
      config({ nodeToNodeMeshEnabled: false }),
      dual("a"),
      dual("b"),
      peer("p", { peerSelector: "all()", sessions: "PerFamily" }),
    ],
    "a",
    [
      "Global_10_0_0_2 global 10.0.0.2 179 64512-64512 from 10.0.0.1 passive v4",
      "Global_fd00__2 global fd00::2 179 64512-64512 from fd00::1 passive v6",
    ],
  ],
  // Workloads.
  [
    "workloads of this host that speak BGP: always passive, from any address",
    [
      nodeV4("a"),
      workload("w", { ipNetworks: ["10.65.0.1"] }, { labels: { bgp: "yes" } }),
      workload("o", { ipNetworks: ["10.65.0.2"] }),
      workload("x", { node: "b", ipNetworks: ["10.65.0.3"] }, { labels: { bgp: "yes" } }),
      peer("p", { localWorkloadSelector: "has(bgp)", asNumber: 65100 }),
    ],
    "a",
    ["Local_Workload_10_65_0_1 localWorkload 10.65.0.1 179 64512-65100 from any passive v4"],
  ],
];
