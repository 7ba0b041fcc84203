import { DEMO_HOSTS, DEMO_WORKLOADS, TOR } from "./demo-plan.ts";
import type { Lab } from "./lab.ts";
import type { Progress } from "./progress.ts";
import { allAnswered, type PingResult, pingAll, traceroute } from "./reachability.ts";
import type { BirdSpeaker } from "./speakers/bird.ts";
import type { LabFamily } from "./speakers/lab-speaker.ts";
import type { Tortied } from "./tortied.ts";
import type { WorkloadPlan } from "./workload.ts";

/** Shows what BGP and the kernels have agreed on: sessions, routes, tables. */
export async function showState(
  lab: Lab,
  progress: Progress,
  hosts: readonly Tortied[],
  tor: BirdSpeaker,
): Promise<void> {
  const [host1] = hosts;
  if (host1 === undefined) return;
  const { say } = progress;
  say("\nSessions of host1, as it sees them (tortie --demo host1 bgp peers):");
  say(indent(await host1.tortie("bgp", "peers")));
  say("\nIts routes (tortie --demo host1 bgp routes):");
  say(indent(await host1.tortie("bgp", "routes")));
  say("\nSessions of the router (BIRD):");
  say(indent(await tor.birdc("show protocols")));
  for (const node of ["host1", "host3", TOR]) {
    say(`\nKernel of ${node}, workload routes (ip route; ip -6 route):`);
    say(indent(await workloadRoutes(lab, node)));
  }
}

/** Pings between all workloads and shows who reaches whom; answers whether everyone does. */
export async function showPings(lab: Lab, progress: Progress): Promise<boolean> {
  const results = await progress.step("pings from every workload to every other", () =>
    pingAll(lab, DEMO_WORKLOADS),
  );
  for (const family of ["ipv4", "ipv6"] as const) {
    progress.say(`\n${family === "ipv4" ? "IPv4" : "IPv6"} pings, average in ms:`);
    progress.say(indent(matrix(results.filter((result) => result.family === family))));
  }
  const lost = results.filter((result) => !allAnswered(result));
  for (const { from, to, family, sent, received } of lost) {
    progress.say(`  lost: ${from} → ${to} over ${family}: ${received} of ${sent} answered`);
  }
  return lost.length === 0;
}

/** The way between two hosts of one rack, and between racks. */
export async function showTraceroutes(lab: Lab, progress: Progress): Promise<void> {
  const from = workloadOn("host1");
  for (const to of [workloadOn("host2"), workloadOn("host3")]) {
    for (const family of ["ipv4", "ipv6"] as const) {
      progress.say(`\nTraceroute ${from.name} (${from.host}) → ${to.name} (${to.host}):`);
      progress.say(indent(await annotated(lab, from, to, family)));
    }
  }
}

async function workloadRoutes(lab: Lab, node: string): Promise<string> {
  const ipv4 = await lab.run(node, ["ip", "-4", "route"]);
  const ipv6 = await lab.run(node, ["ip", "-6", "route"]);
  const lines = `${ipv4}${ipv6}`.split("\n");
  return lines.filter((line) => /^(192\.168|fd80)/.test(line)).join("\n");
}

/** Adds to each hop of a traceroute who that is. */
async function annotated(
  lab: Lab,
  from: WorkloadPlan,
  to: WorkloadPlan,
  family: LabFamily,
): Promise<string> {
  const names = addressNames(from);
  const text = await traceroute(lab, from, to, family);
  return text.replace(/^( *\d+ {2}(\S+).*)$/gm, (line, _all, address: string) => {
    const name = names.get(address);
    return name === undefined ? line : `${line}  (${name})`;
  });
}

function addressNames(from: WorkloadPlan): ReadonlyMap<string, string> {
  const names = new Map([["169.254.1.1", `${from.host}, the workload's gateway`]]);
  for (const { name, ipv4, ipv6, gateway } of DEMO_HOSTS) {
    names.set(ipv4, name).set(ipv6, name).set(gateway.ipv4, TOR).set(gateway.ipv6, TOR);
  }
  for (const { name, ipv4, ipv6 } of DEMO_WORKLOADS) names.set(ipv4, name).set(ipv6, name);
  return names;
}

/** One row a sender, one column a receiver. */
function matrix(results: readonly PingResult[]): string {
  const names = DEMO_WORKLOADS.map((workload) => workload.name);
  const cell = (text: string) => text.padStart(7);
  const rows = names.map((from) => {
    const cells = names.map((to) => {
      const result = results.find((other) => other.from === from && other.to === to);
      if (result === undefined) return cell("·");
      return cell(allAnswered(result) ? (result.averageMilliseconds ?? 0).toFixed(2) : "LOST");
    });
    return `${from.padEnd(6)}${cells.join("")}`;
  });
  return [`${" ".repeat(6)}${names.map(cell).join("")}`, ...rows].join("\n");
}

function workloadOn(host: string): WorkloadPlan {
  const found = DEMO_WORKLOADS.find((workload) => workload.host === host);
  if (found === undefined) throw new Error(`no workload on ${host}`);
  return found;
}

function indent(text: string): string {
  return text.trimEnd().replace(/^/gm, "  ");
}
