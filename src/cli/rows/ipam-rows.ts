import type { Command, Option } from "../command.ts";
import { OUTPUT_FORMATS } from "../output.ts";

const DRY_RUN: Option = { flags: "--dry-run", description: "say what would be done, and stop" };
const SETTLE: Option = {
  flags: "--settle <time>",
  description: "between the two looks; 0 looks once, and then nothing is confirmed",
  default: "30s",
};

/** Who has which address. All of them work on the datastore, with or without a daemon. */
export const IPAM_ROWS: readonly Command[] = [
  {
    path: ["ipam", "show"],
    summary: "Pools and how full they are; blocks, borrowed addresses, or one address",
    options: [
      { flags: "--ip <address>", description: "who has this address" },
      { flags: "--show-blocks", description: "the blocks of each pool as well" },
      { flags: "--show-borrowed", description: "addresses from blocks of other hosts" },
      { flags: "--show-configuration", description: "IPAMConfiguration, as it is in force" },
      { flags: "--heatmap", description: "a cell for each block: how full it is, and whose" },
      { flags: "--pool <pool>", description: "only this pool, by name or CIDR" },
    ],
    datastore: true,
    formats: OUTPUT_FORMATS,
    examples: [
      { command: "ipam show --show-blocks", does: "pools, and the blocks that hosts have" },
      { command: "ipam show --ip 192.168.0.17", does: "whose address is this?" },
      { command: "ipam show --heatmap --pool default-v4", does: "where it gets tight" },
    ],
    load: async () => (await import("../commands/ipam-show.ts")).ipamShow,
  },
  {
    path: ["ipam", "check"],
    summary: "Looks for leaks and contradictions, twice, without a lock; exits with 1 for any",
    options: [
      { flags: "--show-all-ips", description: "every address that is allocated" },
      { flags: "--show-problem-ips", description: "every finding, not the first ten of a kind" },
      { flags: "-o, --output <report>", description: "json, or a file for the report" },
      SETTLE,
      {
        flags: "--audit",
        description: "ask the daemon, which looks all the time; --repair apply lets it repair",
      },
      {
        flags: "--repair <what>",
        description: "plan: say what would be done; apply: do it, each if nothing changed since",
        default: "none",
        choices: ["none", "plan", "apply"],
      },
    ],
    datastore: true,
    examples: [
      {
        command: "ipam check --audit",
        does: "what the daemon has found, which looks all the time",
      },
      { command: "ipam check", does: "two looks, half a minute apart" },
      { command: "ipam check -o ipam.json", does: "a report for release --from-report" },
      { command: "ipam check --repair apply", does: "puts right what both looks have found" },
    ],
    load: async () => (await import("../commands/ipam-check.ts")).ipamCheck,
  },
  {
    path: ["ipam", "release"],
    summary: "Releases an address by hand, or the leaks of a report that are leaks still",
    options: [
      { flags: "--ip <address>", description: "this address, whoever has it" },
      {
        flags: "--from-report <files>",
        description: "leaks that all of these reports (a list with commas) confirm",
      },
      {
        flags: "--force",
        description: "an address that is in use; leaks that only one look has seen",
      },
      DRY_RUN,
    ],
    datastore: true,
    examples: [
      { command: "ipam release --ip 192.168.0.17", does: "refused while an endpoint uses it" },
      {
        command: "ipam release --from-report ipam.json",
        does: "what was given to others since is kept",
      },
    ],
    load: async () => (await import("../commands/ipam-release.ts")).ipamRelease,
  },
  {
    path: ["ipam", "reserve"],
    summary: "Keeps addresses back: they are given only to those who ask for them by value",
    arguments: [{ name: "cidr", description: "a range, or one address", required: true }],
    options: [
      { flags: "--note <text>", description: "why" },
      { flags: "--remove", description: "give them free again" },
    ],
    datastore: true,
    examples: [
      { command: "ipam reserve 192.168.0.0/28 --note 'printers'", does: "sixteen addresses" },
      { command: "ipam reserve 192.168.0.0/28 --remove", does: "no longer" },
    ],
    load: async () => (await import("../commands/ipam-reserve.ts")).ipamReserve,
  },
  {
    path: ["ipam", "configure"],
    summary: "Limits for the whole cluster: affinity, blocks a host, cool-down",
    options: [
      {
        flags: "--strict-affinity <boolean>",
        description: "true: hosts take addresses from their own blocks only",
      },
      { flags: "--strictaffinity <boolean>", description: "the same, in calicoctl's spelling" },
      {
        flags: "--max-blocks-per-host <number>",
        description: "0 means 20; another number needs strict affinity",
      },
      {
        flags: "--cooldown <time>",
        description: "how long a released address rests before it is given again",
      },
      { flags: "--ip-cooldown-seconds <number>", description: "the same, in calicoctl's spelling" },
    ],
    datastore: true,
    examples: [
      { command: "ipam configure --strict-affinity true", does: "no borrowing" },
      { command: "ipam configure --cooldown 5m", does: "for peers that remember addresses" },
    ],
    load: async () => (await import("../commands/ipam-configure.ts")).ipamConfigure,
  },
  {
    path: ["ipam", "split"],
    summary: "Splits a pool into equal parts with the same settings, in one step",
    arguments: [{ name: "parts", description: "2, 4, 8, 16 or 32", required: true }],
    options: [
      { flags: "--pool <name>", description: "the pool, by its name" },
      { flags: "--name <name>", description: "the same, in calicoctl's spelling" },
      { flags: "--cidr <cidr>", description: "the pool, by its CIDR" },
      DRY_RUN,
    ],
    datastore: true,
    examples: [
      {
        command: "ipam split 4 --pool default-v4",
        does: "split-default-v4-0 to -3; no address moves",
      },
    ],
    load: async () => (await import("../commands/ipam-split.ts")).ipamSplit,
  },
  {
    path: ["ipam", "history"],
    summary: "Who had an address before, as far back as etcd remembers",
    arguments: [{ name: "address", description: "an IP address", required: true }],
    datastore: true,
    formats: OUTPUT_FORMATS,
    examples: [{ command: "ipam history 192.168.0.17", does: "newest first" }],
    load: async () => (await import("../commands/ipam-history.ts")).ipamHistory,
  },
];
