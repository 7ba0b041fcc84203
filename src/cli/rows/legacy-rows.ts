import type { Command, Option } from "../command.ts";

/*
 * The commands of 2015 and 2016, whose arguments stand between their words ("profile NAME tag add TAG"): each row takes all
 * the words, and its command reads them.
 */

const WORDS = [
  { name: "words", description: "as the examples show", required: false, variadic: true },
] as const;

const FAMILY_OPTIONS: readonly Option[] = [
  { flags: "--ipv4", description: "show: only IPv4" },
  { flags: "--ipv6", description: "show: only IPv6" },
];

/** `calicoctl node`, which must stand before the rows of the group that it opens. */
export const LEGACY_NODE_ROW: Command = {
  path: ["node"],
  summary: "Makes this host a node and starts its daemon in the background, as in 2015 (root)",
  description:
    "Writes this host's Node into the datastore, creates the pools 192.168.0.0/16 and fd80:24e2:f998:72d6::/64 where there are none, " +
    "and starts tortied with docker's drivers and the docker proxy on port 2377.",
  arguments: WORDS,
  options: [
    { flags: "--ip <address>", description: "IPv4 address that this host peers from" },
    { flags: "--ip6 <address>", description: "the same for IPv6" },
    { flags: "--as <number>", description: "AS number of this host; else BGPConfiguration's" },
    {
      flags: "--docker-proxy <port>",
      description: "port of the docker proxy on loopback, or off (default: 2377)",
    },
    { flags: "--log-dir <folder>", description: "where tortied.log goes (/var/log/tortie)" },
    {
      flags: "--detach <bool>",
      description: "false stays in the foreground",
      choices: ["true", "false"],
    },
    {
      flags: "--runtime <name>",
      description: "none leaves docker alone",
      choices: ["docker", "rkt", "none"],
    },
    { flags: "--no-default-ippools", description: "create no pools" },
    { flags: "--libnetwork", description: "accepted: docker's drivers are always there" },
    { flags: "--node-image <image>", description: "accepted: there is no image" },
    { flags: "--libnetwork-image <image>", description: "accepted: there is no image" },
    { flags: "--no-pull", description: "accepted: there is no image" },
  ],
  datastore: true,
  examples: [
    {
      command: "node --ip=172.17.8.101",
      does: "as in 2015; then export DOCKER_HOST=localhost:2377",
    },
    { command: "node --ip=172.17.8.101 --docker-proxy=off", does: "docker's drivers only" },
  ],
  load: async () => (await import("../commands/legacy/node.ts")).node,
};

/** All others. */
export const LEGACY_ROWS: readonly Command[] = [
  {
    path: ["profile"],
    summary: "Profiles, their tags and rules, in the words of 2015",
    arguments: WORDS,
    options: [
      { flags: "--detailed", description: "show: with the endpoints of each profile" },
      atOption(),
      { flags: "--no-check", description: "remove: even while endpoints use it" },
    ],
    datastore: true,
    examples: [
      { command: "profile add test", does: "members may talk to one another" },
      {
        command: "profile test rule add inbound allow tcp to ports 80,443",
        does: "open two ports",
      },
      { command: "profile test rule show", does: "with numbers, for --at" },
      { command: "profile test tag add WEB", does: "its members match 'from tag WEB'" },
    ],
    load: async () => (await import("../commands/legacy/profile.ts")).profile,
  },
  {
    path: ["endpoint"],
    summary: "Endpoints of workloads and their profiles, in the words of 2015",
    arguments: WORDS,
    options: [
      { flags: "--host <name>", description: "only of this host" },
      { flags: "--orchestrator <id>", description: "only of docker, libnetwork, k8s, …" },
      { flags: "--workload <id>", description: "only of this container" },
      { flags: "--endpoint <id>", description: "only this one" },
      { flags: "--detailed", description: "show: one line an endpoint" },
    ],
    datastore: true,
    examples: [
      { command: "endpoint show --detailed", does: "every endpoint of the cluster" },
      { command: "endpoint 1f2e… profile append test", does: "one more profile" },
    ],
    load: async () => (await import("../commands/legacy/endpoint.ts")).endpoint,
  },
  {
    path: ["container"],
    summary:
      "Connects running containers of this host, in the words of 2015 (root or group tortie)",
    arguments: WORDS,
    options: [
      { flags: "--interface <name>", description: "inside the container (default: eth1)" },
      { flags: "--force", description: "accepted, as in 2015" },
    ],
    datastore: true,
    examples: [
      { command: "container add web 192.168.1.1", does: "an interface of its own" },
      { command: "container add web ipv4", does: "with any free address" },
      { command: "container web ip add 192.168.1.2", does: "one more address" },
      { command: "container web profile append test", does: "by the container's name" },
      { command: "container web endpoint-id show", does: "for 'endpoint …'" },
    ],
    load: async () => (await import("../commands/legacy/container.ts")).container,
  },
  {
    path: ["pool"],
    summary: "Pools of addresses, in the words of 2015",
    arguments: WORDS,
    options: [
      { flags: "--ipip", description: "add: IP-in-IP between all nodes" },
      { flags: "--nat-outgoing", description: "add: masquerade what leaves the pools" },
      ...FAMILY_OPTIONS,
    ],
    datastore: true,
    examples: [
      { command: "pool add 10.1.0.0/16 --nat-outgoing", does: "one more pool" },
      { command: "pool range add 10.2.0.1 10.2.0.10", does: "exactly these addresses" },
      { command: "pool show", does: "all of them" },
    ],
    load: async () => (await import("../commands/legacy/pool.ts")).pool,
  },
  ...[["bgp", "peer"], ["bgppeer"]].map((path) =>
    peerRow(path, {
      summary: "Peers of every node, in the words of 2015",
      load: async () => (await import("../commands/legacy/bgp.ts")).globalPeers,
    }),
  ),
  ...[
    ["node", "bgp", "peer"],
    ["node", "bgppeer"],
  ].map((path) =>
    peerRow(path, {
      summary: "Peers of this node, in the words of 2015",
      load: async () => (await import("../commands/legacy/bgp.ts")).nodePeers,
    }),
  ),
  ...[["bgp", "node-mesh"], ["bgp-node-mesh"]].map(
    (path): Command => ({
      path,
      summary: "Whether every node peers with every other: on or off",
      arguments: WORDS,
      datastore: true,
      examples: [{ command: `${path.join(" ")} off`, does: "where route reflectors take over" }],
      load: async () => (await import("../commands/legacy/bgp.ts")).nodeMesh,
    }),
  ),
  ...[["bgp", "default-node-as"], ["default-node-as"]].map(
    (path): Command => ({
      path,
      summary: "AS number of nodes that have none of their own",
      arguments: WORDS,
      datastore: true,
      examples: [{ command: `${path.join(" ")} 64513`, does: "for all of them" }],
      load: async () => (await import("../commands/legacy/bgp.ts")).defaultNodeAs,
    }),
  ),
  {
    path: ["node", "remove"],
    summary: "Takes a node that is gone out of the cluster, with its blocks of addresses",
    options: [
      { flags: "--hostname <name>", description: "another host than this one" },
      { flags: "--remove-endpoints", description: "and the endpoints that it still has" },
    ],
    datastore: true,
    examples: [{ command: "node remove --hostname=core-02", does: "after it was switched off" }],
    load: async () => (await import("../commands/legacy/node-remove.ts")).nodeRemove,
  },
  {
    path: ["ipam", "info"],
    summary: "Who has an address, as in 2016",
    arguments: [{ name: "ip", description: "the address", required: true }],
    datastore: true,
    examples: [{ command: "ipam info 192.168.0.1", does: "its handle and attributes" }],
    load: async () => (await import("../commands/legacy/ipam-info.ts")).ipamInfo,
  },
  {
    path: ["config"],
    summary: "Fields of FelixConfiguration and BGPConfiguration, in the words of 2016",
    arguments: WORDS,
    options: [
      { flags: "--remove", description: "back to the default" },
      { flags: "--force", description: "even if the value is not known" },
    ],
    datastore: true,
    examples: [
      { command: "config bgp loglevel debug", does: "for all nodes" },
      { command: "config node bgp loglevel", does: "what this node has" },
    ],
    load: async () => (await import("../commands/legacy/config.ts")).config,
  },
  {
    path: ["diags"],
    summary: "One archive with what someone who helps would ask for; nothing is sent",
    options: [
      { flags: "--log-dir <folder>", description: "where tortied.log is (/var/log/tortie)" },
      { flags: "--upload", description: "refused: nothing leaves this host" },
    ],
    datastore: true,
    examples: [{ command: "diags", does: "a file in /tmp, without passwords" }],
    load: async () => (await import("../commands/legacy/diags.ts")).diags,
  },
  {
    path: ["checksystem"],
    summary: "Whether this host can be a node; 'node checksystem'",
    options: [
      { flags: "--fix", description: "accepted: the daemon sets what it needs" },
      { flags: "--libnetwork", description: "accepted" },
      { flags: "--runtime <name>", description: "accepted" },
    ],
    formats: ["table", "json", "yaml", "jsonl"],
    examples: [{ command: "checksystem", does: "exits with 1 when not" }],
    load: async () => (await import("../commands/checksystem.ts")).checkSystem,
  },
  ...["with", "without"].map(
    (word): Command => ({
      path: [`restart-docker-${word}-alternative-unix-socket`],
      summary: "Not needed any more; says what is",
      examples: [{ command: `restart-docker-${word}-alternative-unix-socket`, does: "nothing" }],
      load: async () => (await import("../commands/legacy/docker-socket.ts")).dockerSocket,
    }),
  ),
];

function atOption(): Option {
  return { flags: "--at <number>", description: "place of the rule, from 1 on" };
}

function peerRow(path: readonly string[], row: Pick<Command, "summary" | "load">): Command {
  const words = path.join(" ");
  return {
    ...row,
    path,
    arguments: WORDS,
    options: FAMILY_OPTIONS,
    datastore: true,
    examples: [
      { command: `${words} add 10.0.0.1 as 64512`, does: "a peering" },
      { command: `${words} show`, does: "all of them" },
    ],
  };
}
