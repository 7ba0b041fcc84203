import type { Argument, Command } from "../command.ts";
import { OUTPUT_FORMATS } from "../output.ts";

/** Sessions and routes. */
export const BGP_ROWS: readonly Command[] = [
  {
    path: ["bgp", "peers"],
    summary: "BGP sessions and how many routes they carry",
    options: [
      { flags: "--check", description: "exit with 1 unless every session is Established" },
      { flags: "--both-ends", description: "with what the other node says of the session" },
    ],
    formats: OUTPUT_FORMATS,
    examples: [
      { command: "bgp peers", does: "one line a peer" },
      { command: "bgp peers -o wide", does: "with names, hold times and last errors" },
      { command: "bgp peers -o json", does: "everything, for programs" },
    ],
    load: async () => (await import("../commands/bgp-peers.ts")).bgpPeers,
  },
  {
    path: ["bgp", "routes"],
    summary: "Routes: all candidates, or what one peer sent or was told",
    arguments: [
      {
        name: "prefix",
        description: "a prefix (exactly this one) or an address (its longest match)",
        required: false,
      },
    ],
    options: [
      {
        flags: "--table <table>",
        description: "loc: all candidates; in: as one peer sent them; out: as one peer was told",
        default: "loc",
        choices: ["loc", "in", "out"],
      },
      { flags: "--peer <peer>", description: "name or address of the peer", completes: "peer" },
      {
        flags: "--family <family>",
        description: "only this family",
        choices: ["ipv4-unicast", "ipv6-unicast"],
      },
      { flags: "--longer", description: "PREFIX and everything more specific" },
      { flags: "--limit <number>", description: "most routes to show", default: "10000" },
    ],
    formats: OUTPUT_FORMATS,
    examples: [
      { command: "bgp routes", does: "every route, the best of each prefix marked" },
      { command: "bgp routes 192.168.0.0/26", does: "all candidates of one prefix" },
      { command: "bgp routes 192.168.0.7", does: "the route that an address takes" },
      { command: "bgp routes --table out --peer 10.0.0.1", does: "what this peer was told" },
    ],
    load: async () => (await import("../commands/bgp-routes.ts")).bgpRoutes,
  },
  {
    path: ["bgp", "neighbor"],
    summary: "Everything about one session: timers, capabilities, counters, last error",
    arguments: [peerArgument()],
    formats: OUTPUT_FORMATS,
    examples: [{ command: "bgp neighbor 10.0.0.1", does: "why is this session down?" }],
    load: async () => (await import("../commands/bgp-neighbor.ts")).bgpNeighbor,
  },
  {
    path: ["bgp", "topology"],
    summary:
      "Who should peer with whom, as the resources have it; warns of one-sided and single points",
    options: [
      {
        flags: "--format <format>",
        description: "dot is for Graphviz",
        default: "table",
        choices: ["table", "dot", "mermaid"],
      },
      { flags: "--check", description: "exit with 1 where there is a warning" },
    ],
    datastore: true,
    formats: OUTPUT_FORMATS,
    examples: [
      { command: "bgp topology", does: "the whole cluster, from any host" },
      { command: "bgp topology --format dot | dot -Tsvg > bgp.svg", does: "a picture" },
    ],
    load: async () => (await import("../commands/bgp-topology.ts")).bgpTopology,
  },
  {
    path: ["bgp", "plan-rr"],
    summary: "From a mesh to route reflectors and back, make before break: the steps that are left",
    options: [
      {
        flags: "--reflectors <nodes>",
        description: "the nodes that shall reflect, with commas",
        completes: "node",
      },
      { flags: "--cluster-id <id>", description: "that the reflectors share (default: 244.0.0.1)" },
      { flags: "--to-mesh", description: "the way back" },
      {
        flags: "--apply",
        description: "make the move, step by step, waiting for sessions in between",
      },
      { flags: "--step", description: "with --apply: one step, and wait for its sessions" },
      { flags: "--timeout <time>", description: "for the sessions of each step (default: 2m)" },
      { flags: "--dry-run", description: "with --apply: only show the steps" },
    ],
    description:
      "From a mesh to route reflectors and back, make before break: the steps that are left. With --apply they are taken: before each, the sessions of the one before must be Established at both ends and End-of-RIB must have come; nodes are asked in CalicoNodeStatus objects, which are taken away again. Exits with 0 when nothing is left to do (or the one step is done), 1 where it cannot be done without a break, 5 or 6 when somebody else wrote at the same time, 7 when sessions did not come up in time, 130 when interrupted; the same command goes on from where it stands.",
    datastore: true,
    examples: [
      { command: "bgp plan-rr --reflectors host-1,host-2", does: "the plan" },
      { command: "bgp plan-rr --reflectors host-1,host-2 --apply", does: "the whole move" },
      { command: "bgp plan-rr --to-mesh --apply --step", does: "one step of the way back" },
    ],
    load: async () => (await import("../commands/bgp-plan-rr.ts")).bgpPlanRr,
  },
  {
    path: ["bgp", "reset"],
    summary: "Ends a session with a Cease; it comes up again by itself (root or group tortie)",
    arguments: [peerArgument()],
    options: [
      { flags: "--message <text>", description: "told to the peer, RFC 9003 (at most 128 octets)" },
    ],
    examples: [{ command: "bgp reset 10.0.0.1 --message 'new cable'", does: "start over" }],
    load: async () => (await import("../commands/bgp-act.ts")).bgpReset,
  },
  {
    path: ["bgp", "refresh"],
    summary: "Asks for a peer's routes again, or sends ours again (root or group tortie)",
    arguments: [peerArgument()],
    options: [
      {
        flags: "--direction <direction>",
        description: "in: the peer sends again (RFC 2918); out: we do",
        default: "both",
        choices: ["in", "out", "both"],
      },
    ],
    examples: [{ command: "bgp refresh 10.0.0.1 --direction in", does: "without a reset" }],
    load: async () => (await import("../commands/bgp-act.ts")).bgpRefresh,
  },
  {
    path: ["explain"],
    summary: "Why a prefix goes where it goes; or what a kind of resource may hold",
    arguments: [
      {
        name: "what",
        description: "a prefix, an address (its longest match), or KIND[.FIELD]",
        required: true,
        completes: "kind",
      },
    ],
    options: [{ flags: "--recursive", description: "of a kind: fields within fields, too" }],
    formats: OUTPUT_FORMATS,
    examples: [
      { command: "explain 192.168.0.0/26", does: "the decision, RFC 4271 §9.1.2" },
      { command: "explain bgppeer.keepOriginalNextHop", does: "what a field means" },
    ],
    load: async () => (await import("../commands/explain.ts")).explain,
  },
];

function peerArgument(): Argument {
  return {
    name: "peer",
    description: "address or name of the peer",
    required: true,
    completes: "peer",
  };
}
