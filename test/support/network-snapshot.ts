import type { Lab } from "../../src/lab/lab.ts";

/** What a kernel says of one network namespace, by the command that showed it. */
export type NetworkSnapshot = { readonly [command: string]: readonly string[] };

const COMMANDS: readonly (readonly string[])[] = [
  ["ip", "-d", "link", "show"],
  ["ip", "-d", "addr", "show"],
  ["ip", "-d", "-4", "route", "show", "table", "all"],
  ["ip", "-d", "-6", "route", "show", "table", "all"],
  ["ip", "-d", "-4", "rule", "show"],
  ["ip", "-d", "-6", "rule", "show"],
  ["ip", "-d", "nexthop", "show"],
  // Neighbors that the kernel has met by itself come and go.
  ["ip", "-d", "neigh", "show", "nud", "permanent"],
  ["ip", "-d", "neigh", "show", "proxy"],
  ["bridge", "-d", "fdb", "show"],
  ["nft", "-s", "list", "ruleset"],
  ["iptables-save"],
  ["ip6tables-save"],
  ["sysctl", "-a", "--pattern", "^net\\."],
];

/** Counts, and what the kernel writes by itself. */
const VOLATILE =
  /^net\.(netfilter\.nf_conntrack_count|ipv4\.tcp_fastopen_key|core\.netdev_rss_key)\b/;

/**
 * Takes down everything that routing programs leave behind: links, addresses, routes of all tables, rules, neighbors,
 * forwarding entries, nftables, iptables, sysctls. `without` names commands that the kernel at hand cannot answer.
 */
export async function takeSnapshot(
  lab: Lab,
  node: string,
  { without = [] }: { readonly without?: readonly string[] } = {},
): Promise<NetworkSnapshot> {
  const wanted = COMMANDS.filter(([program = ""]) => !without.includes(program));
  const taken: [string, readonly string[]][] = [];
  for (const command of wanted) {
    const { stdout } = await lab.try(node, command);
    const lines = stdout
      .split("\n")
      .map(constant)
      .filter((line) => line !== "" && !VOLATILE.test(line));
    // Of routes and forwarding entries the kernel shows the younger ones later.
    const ordered = /^(ip -d link|ip -d addr|nft|ip6?tables)/.test(command.join(" "));
    taken.push([command.join(" "), ordered ? lines : lines.toSorted()]);
  }
  return Object.fromEntries(taken);
}

/** Without counters, comments with the time, and what is left of a time. */
function constant(line: string): string {
  return line
    .replace(/^#.*/, "")
    .replace(/\[\d+:\d+\]/, "")
    .replace(/expires \d+sec/, "expires")
    .replaceAll(/_timer +[\d.]+/g, "_timer")
    .trimEnd();
}
