/*
 * How fast routes come into the kernel and out of it: our driver, and `ip -batch` in the same run, in a network namespace of
 * their own. Prints one JSON line a measurement, of the driver the best of several rounds. Needs root.
 */
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Family, IPV4_UNICAST, IPV6_UNICAST } from "../../protocol/types/family.ts";
import { IpAddress } from "../../protocol/types/ip-address.ts";
import { listLinks } from "../../src/kernel/kernel-lists.ts";
import { enterNetworkNamespace } from "../../src/kernel/native/network-namespace.ts";
import { NetlinkSocket } from "../../src/kernel/netlink/netlink-socket.ts";
import { type LearnedRouteBatch, RouteDriver } from "../../src/kernel/route-driver.ts";
import { TORTIE_ROUTE_PROTOCOL } from "../../src/kernel/route-protocol.ts";
import type { RouteTarget } from "../../src/kernel/route-target.ts";

const ROUTES = 100_000;
/** `ip` takes so much longer that fewer must do; its rate does not depend on how many there are. */
const IP_ROUTES = 10_000;
const ROUNDS = 3;
const NAMESPACE = `tt${process.pid}bench`;
/** As many routes as the dataplane hands over at once. */
const HAND_OVER = 10_000;

function main(): void {
  execFileSync("ip", ["netns", "add", NAMESPACE]);
  try {
    setUpLinks();
    enterNetworkNamespace(`/run/netns/${NAMESPACE}`);
    for (const family of [IPV4_UNICAST, IPV6_UNICAST]) {
      const ours = best(() => measureDriver(family));
      report(family, { what: "driver", routes: ROUTES, times: ours });
      const theirs = measureIp(family);
      report(family, { what: "ip-batch", routes: IP_ROUTES, times: theirs });
    }
  } finally {
    spawnSync("ip", ["netns", "del", NAMESPACE]);
  }
}

function setUpLinks(): void {
  const commands = [
    "link add name va type veth peer name vb",
    "link set dev va up",
    "link set dev vb up",
    "addr add 10.0.1.1/24 dev va",
    "addr add fd00:1::1/64 dev va nodad",
  ];
  for (const command of commands) execFileSync("ip", ["-n", NAMESPACE, ...command.split(" ")]);
}

/** Seconds of each step. */
type Times = { readonly [step: string]: number };

function best(measure: () => Times): Times {
  const rounds = Array.from({ length: ROUNDS }, measure);
  const steps = Object.keys(rounds[0] ?? {});
  return Object.fromEntries(
    steps.map((step) => [step, Math.min(...rounds.map((times) => times[step] ?? Number.NaN))]),
  );
}

function report(
  family: Family,
  {
    what,
    routes,
    times,
  }: { readonly what: string; readonly routes: number; readonly times: Times },
): void {
  for (const [step, seconds] of Object.entries(times)) {
    const line = {
      bench: "kernel",
      what,
      family: family === IPV4_UNICAST ? "ipv4" : "ipv6",
      step,
      routes,
      seconds: Number(seconds.toFixed(4)),
      routesPerSecond: Math.round(routes / seconds),
    };
    process.stdout.write(`${JSON.stringify(line)}\n`);
  }
}

function measureDriver(family: Family): Times {
  const socket = new NetlinkSocket();
  const options = { socket, protocol: TORTIE_ROUTE_PROTOCOL, table: 254 };
  const driver = new RouteDriver(options);
  const device = listLinks(socket).find(({ name }) => name === "va")?.index ?? 0;
  const via = (last: number): RouteTarget => ({
    type: "gateways",
    legs: [{ gateway: gatewayOf(family, last), interfaceIndex: device }],
  });
  driver.adopt();
  driver.defineGatewaySets([{ index: 1, target: via(2) }]);
  const batches = batchesOf(family);
  const add = seconds(() => {
    for (const batch of batches) {
      driver.setLearnedRoutes(batch);
      applyAll(driver);
    }
  });
  const dump = seconds(() => new RouteDriver(options).adopt());
  const unchanged = seconds(() => {
    driver.audit();
    if (driver.apply().written > 0) throw new Error("the audit found a difference");
  });
  const replace = seconds(() => {
    driver.defineGatewaySets([{ index: 1, target: via(3) }]);
    applyAll(driver);
  });
  const remove = seconds(() => {
    driver.removeAll();
    applyAll(driver);
  });
  socket.close();
  return { add, dump, audit: unchanged, replace, delete: remove };
}

function applyAll(driver: RouteDriver): void {
  const { failed, remaining } = driver.apply();
  if (failed > 0 || remaining > 0) throw new Error(`${failed} failed, ${remaining} remain`);
}

function batchesOf(family: Family): LearnedRouteBatch[] {
  const words = family === IPV4_UNICAST ? 1 : 4;
  return Array.from({ length: ROUTES / HAND_OVER }, (_, batch) => {
    const addresses = new Uint32Array(HAND_OVER * words);
    for (let i = 0; i < HAND_OVER; i++) {
      addresses[i * words] = words === 1 ? FIRST_IPV4 + batch * HAND_OVER + i : FIRST_IPV6;
      if (words === 4) addresses[i * words + 3] = batch * HAND_OVER + i;
    }
    return {
      family,
      metric: 1024,
      count: HAND_OVER,
      addresses,
      lengths: new Uint8Array(HAND_OVER).fill(words === 1 ? 32 : 128),
      gatewaySets: new Uint32Array(HAND_OVER).fill(1),
    };
  });
}

const FIRST_IPV4 = 0x1400_0000;
const FIRST_IPV6 = 0xfd10_0000;

function gatewayOf(family: Family, last: number): IpAddress {
  return IpAddress(family === IPV4_UNICAST ? `10.0.1.${last}` : `fd00:1::${last}`);
}

/** The same routes by `ip -batch`, which this process starts inside the namespace that it has entered. */
function measureIp(family: Family): Times {
  const folder = mkdtempSync(join(tmpdir(), "tortie-bench-"));
  const file = join(folder, "batch");
  const run = (verb: string) => {
    const lines = Array.from({ length: IP_ROUTES }, (_, i) => ipLine(family, verb, i));
    writeFileSync(file, lines.join("\n"));
    return seconds(() => execFileSync("ip", ["-batch", file]));
  };
  try {
    const add = run("add");
    const dump = seconds(() =>
      execFileSync("ip", ["route", "show", "proto", "117"], { maxBuffer: 1 << 28 }),
    );
    const remove = run("del");
    return family === IPV4_UNICAST ? { add, dump, delete: remove } : { add, delete: remove };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function ipLine(family: Family, verb: string, i: number): string {
  const prefix =
    family === IPV4_UNICAST
      ? `20.${i >>> 16}.${(i >>> 8) & 255}.${i & 255}/32`
      : `fd10::${(i >>> 16).toString(16)}:${(i & 0xffff).toString(16)}/128`;
  return `route ${verb} ${prefix} via ${gatewayOf(family, 2)} dev va proto 117 metric 1024`;
}

function seconds(act: () => unknown): number {
  const start = performance.now();
  act();
  return (performance.now() - start) / 1000;
}

main();
