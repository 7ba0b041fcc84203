import type { Command } from "../command.ts";
import { OUTPUT_FORMATS } from "../output.ts";
import { LEGACY_NODE_ROW } from "./legacy-rows.ts";

/** Hosts and their daemons. */
export const NODE_ROWS: readonly Command[] = [
  {
    path: ["status"],
    summary:
      "Health of this host and its cluster: sessions, routes, kernel, datastore, what is wrong",
    options: [
      { flags: "--check", description: "exit with 1 unless all is well" },
      { flags: "--legacy", description: "the tables of BGP sessions of 2015" },
    ],
    datastore: true,
    formats: OUTPUT_FORMATS,
    examples: [
      { command: "status", does: "one screen for this host" },
      { command: "status --check && echo well", does: "for scripts" },
    ],
    load: async () => (await import("../commands/status.ts")).status,
  },
  {
    path: ["events"],
    summary: "What happened lately",
    options: [
      { flags: "--peer <peer>", description: "name of the peer", completes: "peer" },
      { flags: "--limit <number>", description: "most events to show", default: "50" },
    ],
    formats: OUTPUT_FORMATS,
    examples: [{ command: "events --peer tor-1", does: "the life of one session" }],
    load: async () => (await import("../commands/events.ts")).events,
  },
  LEGACY_NODE_ROW,
  {
    path: ["node", "run"],
    summary: "Makes this host a node and starts its daemon (root); what 'calicoctl node' did",
    options: LEGACY_NODE_ROW.options ?? [],
    datastore: true,
    examples: [
      { command: "node run --ip=172.17.8.101", does: "in the background" },
      {
        command: "node run --ip=172.17.8.101 --detach=false --runtime=none",
        does: "in the foreground, docker left alone",
      },
    ],
    load: LEGACY_NODE_ROW.load,
  },
  {
    path: ["node", "status"],
    summary: "BGP sessions of this host, in the tables of calicoctl",
    formats: OUTPUT_FORMATS,
    examples: [{ command: "node status", does: "exits with 1 when no daemon runs" }],
    load: async () => (await import("../commands/node-status.ts")).nodeStatus,
  },
  {
    path: ["node", "list"],
    summary: "Every node of the cluster, as it says of itself and as it looks from here",
    datastore: true,
    formats: OUTPUT_FORMATS,
    examples: [{ command: "node list", does: "from any host, without root" }],
    load: async () => (await import("../commands/node-status.ts")).nodeList,
  },
  {
    path: ["node", "show"],
    summary: "One node, and what it says of its sessions",
    arguments: [
      {
        name: "name",
        description: "the node (default: this host)",
        required: false,
        completes: "node",
      },
    ],
    datastore: true,
    formats: OUTPUT_FORMATS,
    examples: [{ command: "node show host-2", does: "another host" }],
    load: async () => (await import("../commands/node-status.ts")).nodeShow,
  },
  {
    path: ["node", "checksystem"],
    summary:
      "Whether this host can be a node: kernel, modules, sysctls, ports, clocks; exits with 1 when not",
    formats: ["table", "json", "yaml", "jsonl"],
    examples: [{ command: "node checksystem", does: "each with what to do" }],
    load: async () => (await import("../commands/checksystem.ts")).checkSystem,
  },
  {
    path: ["node", "detect-ip"],
    summary: "Which address this host would peer from, and why not another",
    options: [
      {
        flags: "--method <method>",
        description:
          "first-found, can-reach=ADDRESS, interface=REGEX, skip-interface=REGEX, cidr=PREFIX",
        default: "first-found",
      },
      { flags: "--explain", description: "every candidate, and why it lost" },
    ],
    examples: [
      { command: "node detect-ip --explain", does: "every candidate" },
      { command: "node detect-ip --method can-reach=10.0.0.1", does: "as the route goes" },
    ],
    load: async () => (await import("../commands/detect-ip.ts")).detectIp,
  },
  {
    path: ["node", "drain"],
    summary:
      "Asks peers to take other ways than through this host, RFC 8326 (root or group tortie)",
    examples: [{ command: "node drain", does: "then wait a little, then node stop" }],
    load: async () => (await import("../commands/node-drain.ts")).nodeDrain,
  },
  {
    path: ["node", "undrain"],
    summary: "Takes a drain back (root or group tortie)",
    examples: [{ command: "node undrain", does: "this host is as good a way as before" }],
    load: async () => (await import("../commands/node-drain.ts")).nodeUndrain,
  },
  {
    path: ["node", "stop"],
    summary:
      "Withdraws this host's routes, says goodbye to every peer, stops the daemon (root or group tortie)",
    options: [
      { flags: "--cleanup", description: "also remove routes from the kernel and restore sysctls" },
      {
        flags: "--message <text>",
        description: "told to the peers, RFC 9003 (at most 128 octets)",
      },
      { flags: "--force", description: "calicoctl: even while containers are connected" },
    ],
    examples: [
      { command: "node stop", does: "before this host goes out of service" },
      { command: "node stop --cleanup", does: "leave nothing behind" },
    ],
    load: async () => (await import("../commands/node-stop.ts")).nodeStop,
  },
];
