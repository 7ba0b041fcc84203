import type { Command, Option } from "../command.ts";

/*
 * The commands of 2015 and 2016, whose arguments stand between their words ("profile NAME tag add TAG"): each row takes all
 * the words, and its command reads them.
 */

const WORDS = [
  { name: "words", description: "as the examples show", required: false, variadic: true },
] as const;

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
];

function atOption(): Option {
  return { flags: "--at <number>", description: "place of the rule, from 1 on" };
}
