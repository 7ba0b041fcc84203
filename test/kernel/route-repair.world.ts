import { execFileSync } from "node:child_process";
import t, { type Test } from "tap";
import { IPV4_UNICAST, IPV6_UNICAST } from "../../protocol/types/family.ts";
import { Prefix } from "../../protocol/types/prefix.ts";
import { KernelHost } from "./kernel-host.ts";

type Target = ReturnType<KernelHost["via"]>;

function wish(prefix: string, target: Target, metric = 1024) {
  return { prefix: Prefix(prefix), metric, target };
}

async function newHost(t: Test, options: { readonly monitorOctets?: number } = {}) {
  const host = await KernelHost.create(options);
  t.teardown(() => host.remove());
  host.driver.adopt();
  host.driver.sweep(IPV4_UNICAST);
  host.driver.sweep(IPV6_UNICAST);
  return host;
}

t.test(
  "an interface goes down and comes back: its routes do too, though IPv4 ones went without a message",
  async (t) => {
    const host = await newHost(t);
    host.driver.setOwnRoutes("static", [
      wish("10.80.0.0/24", host.via("a 10.0.1.2")),
      wish("fd80::/64", host.via("a fd00:1::2")),
      wish("10.81.0.0/24", host.via("b 10.0.2.2")),
    ]);
    host.apply();
    host.ip("link set dev a down");
    await host.until("the loss to be noticed", () => host.pending().length === 2);
    t.match(host.pending().sort(), [
      /^10\.80\.0\.0\/24 metric 1024: E/,
      /^fd80::\/64 metric 1024: E/,
    ]);
    t.strictSame(host.routes(), ["10.81.0.0/24 via 10.0.2.2 dev b metric 1024"]);
    host.ip("link set dev a up");
    host.ip("addr replace fd00:1::1/64 dev a nodad");
    await host.until("both to be back", () => host.pending().length === 0);
    t.equal(host.routes(4).length, 2);
    t.equal(host.routes(6).length, 1);
  },
);

t.test("the last address of an interface is removed and comes back", async (t) => {
  const host = await newHost(t);
  host.driver.setOwnRoutes("static", [wish("10.80.0.0/24", host.via("a 10.0.1.2"))]);
  host.apply();
  host.ip("addr del 10.0.1.1/24 dev a");
  await host.until("the loss to be noticed", () => host.pending().length === 1);
  t.match(host.pending()[0], /Nexthop has invalid gateway/, "with the kernel's own words");
  t.strictSame(host.routes(), []);
  host.ip("addr add 10.0.1.1/24 dev a");
  await host.until("the route to be back", () => host.routes().length === 1);
  t.strictSame(host.pending(), []);
});

for (const version of [4, 6] as const) {
  const [prefix, first, second] =
    version === 4
      ? (["10.82.0.0/24", "a 10.0.1.2", "b 10.0.2.2"] as const)
      : (["fd82::/64", "a fd00:1::2", "b fd00:2::2"] as const);

  t.test(
    `IPv${version}: a leg of a multipath route dies with its interface, and lives again`,
    async (t) => {
      const host = await newHost(t);
      host.driver.setOwnRoutes("static", [wish(prefix, host.via(first, second))]);
      host.apply();
      t.match(host.routes(version)[0], /dev a weight 1 .*dev b weight 1/);
      host.ip("link set dev a down");
      await host.until("the dead leg to be noticed", () => host.pending().length === 1);
      host.ip("link set dev a up");
      if (version === 6) host.ip("addr replace fd00:1::1/64 dev a nodad");
      await host.until("both legs", () => host.pending().length === 0);
      t.match(host.routes(version)[0], /dev a weight 1 .*dev b weight 1/);
      t.notMatch(host.routes(version)[0], /dead/);
    },
  );

  t.test(
    `IPv${version}: a leg's interface is deleted: the route goes on over the other when it is told so`,
    async (t) => {
      const host = await newHost(t);
      host.driver.defineGatewaySets([{ index: 5, target: host.via(first, second) }]);
      learn(host, { version, set: 5 });
      host.apply();
      const other = host.via(second);
      host.ip("link del dev a");
      await host.until("the loss to be noticed", () => host.pending().length === 1);
      host.driver.defineGatewaySets([{ index: 5, target: other }]);
      host.apply();
      t.strictSame(host.pending(), []);
      t.match(host.routes(version), [/dev b metric 1024/]);
      host.driver.audit();
      t.equal(host.apply(), 0, "and the audit agrees");
    },
  );

  t.test(
    `IPv${version}: from one gateway to several to fewer to another kind, each exactly`,
    async (t) => {
      const host = await newHost(t);
      const third = version === 4 ? "b 10.0.2.3" : "b fd00:2::3";
      const steps: readonly (readonly [Target, RegExp, number])[] = [
        [host.via(first), /via \S+2 dev a metric 1024/, 0],
        [host.via(first, second, third), /1024.*nexthop/, 3],
        [host.via(third, first), /1024.*nexthop/, 2],
        [{ type: "blackhole" }, /^blackhole/, 0],
        [host.via(second), /via \S+2 dev b/, 0],
        [{ type: "interface", interfaceIndex: host.link("a") }, / dev a (scope link )?metric/, 0],
        [host.via(first, second), /nexthop/, 2],
      ];
      for (const [i, [target, form, legs]] of steps.entries()) {
        host.driver.setOwnRoutes("static", [wish(prefix, target)]);
        t.equal(host.apply(), 1, `step ${i}`);
        const routes = host.routes(version);
        t.equal(routes.length, 1, routes.join("; "));
        t.match(routes[0], form);
        t.equal(routes[0]?.match(/nexthop/g)?.length ?? 0, legs);
        host.driver.audit();
        t.equal(host.apply(), 0, "the audit finds what was meant");
      }
      host.driver.setOwnRoutes("static", []);
      t.equal(host.apply(), 1, "one message takes all legs away");
      t.strictSame(host.routes(version), []);
    },
  );
}

t.test("a change of metric adds before it deletes", async (t) => {
  const host = await newHost(t);
  host.driver.setOwnRoutes("static", [wish("10.83.0.0/24", host.via("a 10.0.1.2"), 1024)]);
  host.apply();
  const monitored = await host.watch();
  host.driver.setOwnRoutes("static", [wish("10.83.0.0/24", host.via("a 10.0.1.2"), 512)]);
  host.apply();
  t.match(await monitored(), [/^10\.83.* metric 512/, /^Deleted 10\.83.* metric 1024/]);
});

t.test(
  "for one key a local workload comes before a blackhole before a learned route",
  async (t) => {
    const host = await newHost(t);
    const local = wish("10.1.2.3/32", { type: "interface", interfaceIndex: host.link("a") });
    host.driver.defineGatewaySets([{ index: 1, target: host.via("b 10.0.2.2") }]);
    learn(host, { version: 4, set: 1, address: 0x0a010203, length: 32 });
    host.driver.setOwnRoutes("local", [local]);
    host.driver.setOwnRoutes("blackhole", [wish("10.1.2.3/32", { type: "blackhole" })]);
    host.apply();
    t.strictSame(host.routes(), ["10.1.2.3 dev a scope link metric 1024"]);
    host.driver.setOwnRoutes("local", []);
    host.apply();
    t.strictSame(host.routes(), ["blackhole 10.1.2.3 metric 1024"]);
    host.driver.setOwnRoutes("blackhole", []);
    host.apply();
    t.strictSame(host.routes(), ["10.1.2.3 via 10.0.2.2 dev b metric 1024"]);
  },
);

t.test(
  "a gateway set that no longer resolves takes its routes away, and gives them back",
  async (t) => {
    const host = await newHost(t);
    host.driver.defineGatewaySets([{ index: 3, target: host.via("a 10.0.1.2") }]);
    learn(host, { version: 4, set: 3 });
    host.apply();
    host.driver.defineGatewaySets([{ index: 3, target: undefined }]);
    host.apply();
    t.strictSame(host.routes(), []);
    t.strictSame(host.pending(), ["10.82.0.0/24 metric 1024: the next hop does not resolve"]);
    host.driver.defineGatewaySets([{ index: 3, target: host.via("b 10.0.2.2") }]);
    host.apply();
    t.strictSame(host.routes(), ["10.82.0.0/24 via 10.0.2.2 dev b metric 1024"]);
  },
);

t.test("in a batch each refusal has its own reason, and the rest is installed", async (t) => {
  const host = await newHost(t);
  const wishes = Array.from({ length: 250 }, (_, i) =>
    wish(`10.90.${i}.0/24`, host.via(i % 50 === 7 ? "a 10.99.0.1" : "a 10.0.1.2")),
  );
  host.driver.setOwnRoutes("static", wishes);
  const progress = host.driver.apply();
  t.strictSame(progress, { written: 250, failed: 5, remaining: 0 });
  const pending = host.pending();
  t.strictSame(
    pending,
    [7, 57, 107, 157, 207].map(
      (i) => `10.90.${i}.0/24 metric 1024: ENETUNREACH: Nexthop has invalid gateway`,
    ),
  );
  t.equal(host.routes().length, 245);
  host.ip("addr add 10.99.0.2/24 dev a");
  await host.until("the address to be noticed", () => host.pending().length === 0);
  t.equal(host.routes().length, 250);
});

t.test("limits are kept, and what is over comes next", async (t) => {
  const host = await newHost(t);
  host.driver.setOwnRoutes(
    "static",
    Array.from({ length: 25 }, (_, i) => wish(`10.90.${i}.0/24`, host.via("a 10.0.1.2"))),
  );
  t.strictSame(host.driver.apply({ maxRoutes: 10 }), { written: 10, failed: 0, remaining: 15 });
  t.strictSame(host.driver.apply({ maxRoutes: 10 }), { written: 10, failed: 0, remaining: 5 });
  host.driver.setOwnRoutes("static", []);
  t.strictSame(host.driver.apply({ maxRoutes: 15 }), { written: 15, failed: 0, remaining: 5 });
  t.strictSame(host.driver.apply({ maxRoutes: 15 }), { written: 5, failed: 0, remaining: 0 });
  t.strictSame(host.routes(), []);
});

t.test("lost notifications are noticed, and what happened meanwhile is repaired", async (t) => {
  const host = await newHost(t, { monitorOctets: 8192 });
  const wishes = Array.from({ length: 250 }, (_, i) =>
    wish(`10.90.${i}.0/24`, host.via("a 10.0.1.2")),
  );
  host.driver.setOwnRoutes("static", wishes);
  host.apply();
  // All in one go, while this process does not read.
  const batch = wishes.slice(0, 200).map(({ prefix }) => `route del ${prefix} metric 1024\n`);
  execFileSync("ip", ["-n", host.name, "-batch", "-"], { input: batch.join("") });
  t.equal(host.routes().length, 50);
  await host.until("the overrun", () => host.overruns > 0);
  await host.until("the repair", () => host.routes().length === 250);
  const before = host.events.length;
  host.ip("route del 10.90.3.0/24 metric 1024");
  await host.until("the new monitor to work", () => host.events.length > before);
  t.equal(host.routes().length, 250);
});

t.test("100,000 routes", async (t) => {
  const host = await newHost(t);
  const count = 100_000;
  host.driver.defineGatewaySets([
    { index: 1, target: host.via("a 10.0.1.2") },
    { index: 2, target: host.via("a 10.0.1.2", "b 10.0.2.2") },
  ]);
  const batch = {
    family: IPV4_UNICAST,
    metric: 1024,
    count,
    addresses: Uint32Array.from({ length: count }, (_, i) => 0x1400_0000 + i),
    lengths: new Uint8Array(count).fill(32),
    gatewaySets: Uint32Array.from({ length: count }, (_, i) => (i % 10 === 0 ? 2 : 1)),
  };
  host.driver.beginLearnedGeneration(IPV4_UNICAST);
  host.driver.setLearnedRoutes(batch);
  host.driver.endLearnedGeneration(IPV4_UNICAST);
  t.equal(host.apply(), count);
  t.strictSame(host.driver.status({ pendingLimit: 1 }), {
    desired: count,
    installed: count,
    pendingCount: 0,
    pending: [],
  });
  const lines = execFileSync("ip", ["-n", host.name, "-o", "route", "show", "proto", "116"], {
    maxBuffer: 1 << 26,
  })
    .toString()
    .trim()
    .split("\n");
  t.equal(lines.length, count);
  t.equal(lines.filter((line) => line.includes("nexthop")).length, count / 10);

  host.restart();
  t.equal(host.driver.adopt().ipv4, count);
  host.driver.defineGatewaySets([
    { index: 1, target: host.via("a 10.0.1.2") },
    { index: 2, target: host.via("b 10.0.2.2", "a 10.0.1.2") },
  ]);
  host.driver.beginLearnedGeneration(IPV4_UNICAST);
  host.driver.setLearnedRoutes({ ...batch, count: count - 7 });
  host.driver.endLearnedGeneration(IPV4_UNICAST);
  t.equal(host.apply(), 0, "a restart writes nothing");
  host.driver.sweep(IPV4_UNICAST);
  t.equal(host.apply(), 7, "the sweep takes what nobody wanted");
  host.ip("route add blackhole 192.0.2.1");
  const news = () => host.events.filter(({ type }) => type === "route");
  await host.until("another's doings to be news", () => news().length > 0);
  t.equal(news().length, 1, "but not our own");
});

/** One learned route by a gateway set. */
function learn(
  host: KernelHost,
  route: {
    readonly version: 4 | 6;
    readonly set: number;
    readonly address?: number;
    readonly length?: number;
  },
): void {
  const addresses = route.version === 4 ? [route.address ?? 0x0a52_0000] : [0xfd82_0000, 0, 0, 0];
  host.driver.setLearnedRoutes({
    family: route.version === 4 ? IPV4_UNICAST : IPV6_UNICAST,
    metric: 1024,
    count: 1,
    addresses: Uint32Array.from(addresses),
    lengths: Uint8Array.of(route.length ?? (route.version === 4 ? 24 : 64)),
    gatewaySets: Uint32Array.of(route.set),
  });
}
