import type { Argument, Command, Option } from "./command.ts";
import { OUTPUT_FORMATS } from "./output.ts";

/** Every command. To add one, add a row; parser, help, completion and man page follow. */
export const COMMANDS: readonly Command[] = [
  {
    path: ["status"],
    summary: "Health of this host: sessions, routes, kernel, datastore, and what is wrong",
    options: [{ flags: "--check", description: "exit with 1 unless all is well" }],
    formats: OUTPUT_FORMATS,
    examples: [
      { command: "status", does: "one screen for this host" },
      { command: "status --check && echo well", does: "for scripts" },
    ],
    load: async () => (await import("./commands/status.ts")).status,
  },
  {
    path: ["bgp", "peers"],
    summary: "BGP sessions and how many routes they carry",
    options: [{ flags: "--check", description: "exit with 1 unless every session is Established" }],
    formats: OUTPUT_FORMATS,
    examples: [
      { command: "bgp peers", does: "one line a peer" },
      { command: "bgp peers -o wide", does: "with names, hold times and last errors" },
      { command: "bgp peers -o json", does: "everything, for programs" },
    ],
    load: async () => (await import("./commands/bgp-peers.ts")).bgpPeers,
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
      { flags: "--peer <peer>", description: "name or address of the peer" },
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
    load: async () => (await import("./commands/bgp-routes.ts")).bgpRoutes,
  },
  {
    path: ["bgp", "neighbor"],
    summary: "Everything about one session: timers, capabilities, counters, last error",
    arguments: [peerArgument()],
    formats: OUTPUT_FORMATS,
    examples: [{ command: "bgp neighbor 10.0.0.1", does: "why is this session down?" }],
    load: async () => (await import("./commands/bgp-neighbor.ts")).bgpNeighbor,
  },
  {
    path: ["bgp", "reset"],
    summary: "Ends a session with a Cease; it comes up again by itself (root or group tortie)",
    arguments: [peerArgument()],
    options: [
      { flags: "--message <text>", description: "told to the peer, RFC 9003 (at most 128 octets)" },
    ],
    examples: [{ command: "bgp reset 10.0.0.1 --message 'new cable'", does: "start over" }],
    load: async () => (await import("./commands/bgp-act.ts")).bgpReset,
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
    load: async () => (await import("./commands/bgp-act.ts")).bgpRefresh,
  },
  {
    path: ["explain"],
    summary: "Why a prefix goes where it goes: every path, and the step that decided",
    arguments: [
      {
        name: "prefix",
        description: "a prefix, or an address (its longest match)",
        required: true,
      },
    ],
    formats: OUTPUT_FORMATS,
    examples: [{ command: "explain 192.168.0.0/26", does: "the decision, RFC 4271 §9.1.2" }],
    load: async () => (await import("./commands/explain.ts")).explain,
  },
  {
    path: ["events"],
    summary: "What happened lately",
    options: [
      { flags: "--peer <peer>", description: "name of the peer" },
      { flags: "--limit <number>", description: "most events to show", default: "50" },
    ],
    formats: OUTPUT_FORMATS,
    examples: [{ command: "events --peer tor-1", does: "the life of one session" }],
    load: async () => (await import("./commands/events.ts")).events,
  },
  {
    path: ["get"],
    summary: "Resources, as the daemon has read them",
    arguments: [
      { name: "kind", description: "node, bgppeer, bgpconfig, ippool, wep, …", required: true },
      { name: "name", description: "one object", required: false },
    ],
    formats: OUTPUT_FORMATS,
    examples: [
      { command: "get nodes -o wide", does: "hosts with their AS numbers and addresses" },
      { command: "get bgppeer tor-1 -o yaml", does: "one object, as it was written" },
    ],
    load: async () => (await import("./commands/get.ts")).get,
  },
  {
    path: ["apply"],
    summary: "Creates or changes resources in the directory datastore",
    options: [fileOption(), directoryOption()],
    examples: [{ command: "apply -f tor.yaml", does: "create what is new, change what differs" }],
    load: async () => (await import("./commands/datastore-write.ts")).apply,
  },
  {
    path: ["create"],
    summary: "Creates resources; one that exists is an error",
    options: [fileOption(), directoryOption()],
    examples: [{ command: "create -f pool.yaml", does: "a new pool" }],
    load: async () => (await import("./commands/datastore-write.ts")).create,
  },
  {
    path: ["delete"],
    summary: "Deletes a resource",
    arguments: [
      { name: "kind", description: "node, bgppeer, bgpconfig, ippool, wep, …", required: true },
      {
        name: "name",
        description: "the object; a workload endpoint as NAMESPACE/NAME",
        required: true,
      },
    ],
    options: [directoryOption()],
    examples: [{ command: "delete bgppeer tor-1", does: "end a peering" }],
    load: async () => (await import("./commands/datastore-write.ts")).remove,
  },
  {
    path: ["datastore", "validate"],
    summary: "Checks YAML files without a daemon; exits with 3 when something is wrong",
    arguments: [
      {
        name: "file",
        description: "files or directories; - is standard input",
        required: true,
        variadic: true,
      },
    ],
    examples: [
      { command: "datastore validate /etc/tortie/cluster", does: "before it is in force" },
    ],
    load: async () => (await import("./commands/datastore-validate.ts")).datastoreValidate,
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
    ],
    examples: [
      { command: "node stop", does: "before this host goes out of service" },
      { command: "node stop --cleanup", does: "leave nothing behind" },
    ],
    load: async () => (await import("./commands/node-stop.ts")).nodeStop,
  },
  {
    path: ["decode"],
    summary: "BGP messages of a packet capture (pcap, pcapng), one line each",
    arguments: [{ name: "file", description: "the capture; - is standard input", required: true }],
    options: [
      {
        flags: "--format <format>",
        description: "text or jsonl",
        default: "text",
        choices: ["text", "jsonl"],
      },
    ],
    examples: [
      { command: "decode bgp.pcap", does: "the conversation, message by message" },
      { command: "decode bgp.pcap --format jsonl | jq .", does: "for programs" },
    ],
    load: async () => (await import("./commands/decode.ts")).decode,
  },
  {
    path: ["completion"],
    summary: "A completion script for your shell",
    arguments: [{ name: "shell", description: "bash, zsh or fish", required: true }],
    examples: [
      { command: "completion bash > /etc/bash_completion.d/tortie", does: "for bash" },
      { command: "completion fish > ~/.config/fish/completions/tortie.fish", does: "for fish" },
    ],
    load: async () => (await import("./commands/completion.ts")).completion,
  },
  {
    path: ["version"],
    summary: "Version of this program and of the daemon",
    formats: OUTPUT_FORMATS,
    examples: [{ command: "version", does: "both, where a daemon runs" }],
    load: async () => (await import("./commands/version.ts")).versionCommand,
  },
];

function peerArgument(): Argument {
  return { name: "peer", description: "address or name of the peer", required: true };
}

function fileOption(): Option {
  return { flags: "-f, --file <file>", description: "YAML or JSON; - is standard input" };
}

function directoryOption(): Option {
  return {
    flags: "--directory <path>",
    description: "the directory datastore (default: $TORTIE_DATASTORE_DIR, or /etc/tortie/cluster)",
  };
}
