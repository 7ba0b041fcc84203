import { createInterface } from "node:readline";
import { demoHosts, waitForKernelRoutes, waitForSessions } from "./demo-hosts.ts";
import { buildDemoNetwork, topOfRack } from "./demo-network.ts";
import { DEMO_HOSTS, TOR } from "./demo-plan.ts";
import { bringDemoDown, claimDemo, demoLink, releaseDemo, runningDemo } from "./demo-registry.ts";
import { showPings, showState, showTraceroutes } from "./demo-report.ts";
import { Lab } from "./lab.ts";
import { type Progress, terminalProgress } from "./progress.ts";

const USAGE = `usage: npm run demo [-- --check | --down]
  --check   do not wait for Enter; exit 0 only if every ping was answered
  --down    end the demo that is up, and sweep what a killed one left`;

/**
 * `npm run demo`: three hosts, a real top-of-rack router and six workloads in network namespaces; tortied builds the network, pings
 * prove it. The lab stays up until Enter or --down. Without a terminal nothing waits.
 */
async function main(words: readonly string[]): Promise<number> {
  const unknown = words.filter((word) => !["--check", "--down"].includes(word));
  if (unknown.length > 0) {
    process.stderr.write(`unknown: ${unknown.join(" ")}\n${USAGE}\n`);
    return 2;
  }
  const progress = terminalProgress((text) => process.stdout.write(text));
  if (words.includes("--down")) {
    progress.say(await bringDemoDown());
    return 0;
  }
  const waits = process.stdin.isTTY === true && process.stdout.isTTY === true;
  return runDemo(progress, { wait: waits && !words.includes("--check") });
}

async function runDemo(progress: Progress, { wait }: { readonly wait: boolean }): Promise<number> {
  const other = runningDemo();
  if (other !== undefined) {
    process.stderr.write(
      `a demo is up already (process ${other}); npm run demo -- --down ends it\n`,
    );
    return 1;
  }
  const started = performance.now();
  const stopped = stopSignal();
  const lab = await Lab.open("demo");
  try {
    claimDemo(lab.folder);
    const work = showDemo(lab, progress);
    const passed = await Promise.race([work, stopped]);
    if (passed === "stopped") return 130;
    const seconds = ((performance.now() - started) / 1000).toFixed(1);
    progress.say(
      `\n${passed ? "Every ping was answered" : "Not every ping was answered"} (${seconds} s in all).`,
    );
    if (wait) {
      progress.say(whatNext(lab));
      await Promise.race([enter(), stopped]);
    }
    return passed ? 0 : 1;
  } finally {
    await progress.step("taking everything down", () => lab.close());
    releaseDemo();
  }
}

/** Builds, waits and shows; answers whether every ping was answered. */
async function showDemo(lab: Lab, progress: Progress): Promise<boolean> {
  progress.say("Three hosts in two racks, a router (BIRD) between them, two workloads a host:");
  await progress.step("namespaces, links, addresses, workloads", () => buildDemoNetwork(lab));
  const tor = topOfRack(lab);
  await progress.step("BIRD on the top-of-rack router (AS 65000)", () => tor.start());
  const hosts = demoHosts(lab);
  await progress.step("tortied on host1, host2, host3 (AS 64512)", () =>
    Promise.all(hosts.map((host) => host.start())),
  );
  await progress.step("BGP: hosts with one another and with the router", () =>
    waitForSessions(lab, hosts, 30),
  );
  await progress.step("routes to all workloads in four kernels", () =>
    Promise.all(
      [TOR, ...DEMO_HOSTS.map(({ name }) => name)].map((node) =>
        waitForKernelRoutes(lab, node, 20),
      ),
    ),
  );
  await showState(lab, progress, hosts, tor);
  progress.say("");
  const passed = await showPings(lab, progress);
  await showTraceroutes(lab, progress);
  return passed;
}

function whatNext(lab: Lab): string {
  return `
The lab stays up. From another terminal:
  src/bin/tortie --demo host1 status
  src/bin/tortie --demo host1 bgp peers
  src/bin/tortie --demo host3 bgp routes
  src/bin/tortie --demo host1 explain 192.168.3.1/32
  ip netns exec ${lab.namespace("web1")} ping 192.168.3.1
  ip -n ${lab.namespace("host1")} monitor route      then edit ${demoLink()}/resources/workloads.yaml
  npm run demo -- --down

Press Enter to take it down. `;
}

function enter(): Promise<void> {
  const lines = createInterface({ input: process.stdin });
  return new Promise((resolve) => {
    lines.once("line", () => {
      lines.close();
      resolve();
    });
    lines.once("close", resolve);
  });
}

/** Resolves at the first signal that asks us to end, so that the lab is taken down in any case. */
function stopSignal(): Promise<"stopped"> {
  return new Promise((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
      process.on(signal, () => resolve("stopped"));
    }
  });
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`\n${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
// A terminal's standard input would keep the process; everything has been taken down by now.
process.stdin.unref?.();
