import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import t from "tap";
import { IPV4_UNICAST, IPV6_UNICAST } from "../../protocol/types/family.ts";
import { Prefix } from "../../protocol/types/prefix.ts";
import { KernelHost } from "./kernel-host.ts";

const METRIC = 1024;

/** Routes of every form, as a daemon would want them. */
function wantEverything(host: KernelHost): void {
  const route = (prefix: string, target: Parameters<typeof wish>[1]) => wish(prefix, target);
  host.driver.setOwnRoutes("local", [
    route("10.65.0.1/32", { type: "interface", interfaceIndex: host.link("a") }),
    route("fd65::1/128", { type: "interface", interfaceIndex: host.link("a") }),
  ]);
  host.driver.setOwnRoutes("blackhole", [
    route("10.65.0.0/26", { type: "blackhole" }),
    route("fd65::/122", { type: "blackhole" }),
  ]);
  host.driver.setOwnRoutes("static", [
    route("10.66.0.0/16", host.via("a 10.0.1.2")),
    route("10.67.0.0/16", host.via("a 10.0.1.2", "b 10.0.2.2")),
    route("0.0.0.0/0", host.via("b 10.0.2.9")),
    route("10.68.0.0/16", {
      type: "gateways",
      legs: [{ gateway: "192.168.77.1" as never, interfaceIndex: host.link("a"), onLink: true }],
    }),
    route("fd66::/64", host.via("a fd00:1::2")),
    route("fd67::/64", host.via("a fd00:1::2", "b fd00:2::2")),
    route("fd68::/64", host.via("b fe80::99")),
    route("10.69.0.0/16", host.via("a fe80::7")),
  ]);
}

function wish(prefix: string, target: ReturnType<KernelHost["via"]>) {
  return { prefix: Prefix(prefix), metric: METRIC, target };
}

t.test(
  "a restart that wants the same causes no netlink message at all, and a sweep only what it must",
  async (t) => {
    const host = await KernelHost.create();
    t.teardown(() => host.remove());
    host.driver.adopt();
    wantEverything(host);
    t.equal(host.apply(), 12);
    t.strictSame(host.pending(), []);
    t.equal(host.routes(4).length, 7);
    t.equal(host.routes(6).length, 5);
    t.match(host.routes(4).join("\n"), /10\.69\.0\.0\/16 via inet6 fe80::7 dev a/);

    host.ip("route add 10.70.0.0/16 via 10.0.1.2 proto 116 metric 7");
    host.restart();
    const monitored = await host.watch();
    t.strictSame(host.driver.adopt(), { ipv4: 8, ipv6: 5 });
    wantEverything(host);
    t.equal(host.apply(), 0, "nothing is written");
    t.strictSame(host.pending(), []);
    t.equal(host.driver.status({ pendingLimit: 0 }).installed, 12);
    t.strictSame(await monitored(), [], "ip monitor route is silent");

    const sweep = await host.watch();
    host.driver.sweep(IPV6_UNICAST);
    t.equal(host.apply(), 0, "the other family's sweep does not count");
    host.driver.sweep(IPV4_UNICAST);
    t.equal(host.apply(), 1);
    const lines = await sweep();
    t.equal(lines.length, 1);
    t.match(lines[0], /^Deleted 10\.70\.0\.0\/16 via 10\.0\.1\.2/);

    host.driver.removeAll();
    t.equal(host.apply(), 12, "cleanup takes all of ours");
    t.strictSame([...host.routes(4), ...host.routes(6)], []);
    t.match(host.ip("route show"), /10\.0\.1\.0\/24 dev a/, "and nothing else");
  },
);

t.test("an adopted route that is wanted otherwise is replaced, never absent", async (t) => {
  const host = await KernelHost.create();
  t.teardown(() => host.remove());
  host.ip("route add 10.66.0.0/16 via 10.0.1.9 proto 116 metric 1024");
  host.ip(
    "-6 route add fd67::/64 proto 116 metric 1024 nexthop via fd00:1::8 nexthop via fd00:2::8",
  );
  host.driver.adopt();
  const monitored = await host.watch();
  wantEverything(host);
  host.apply();
  const lines = await monitored();
  t.notOk(
    lines.some((line) => line.startsWith("Deleted 10.66.0.0/16")),
    lines.join("\n"),
  );
  t.match(host.routes(4).join("\n"), /10\.66\.0\.0\/16 via 10\.0\.1\.2 dev a metric 1024/);
  t.match(
    host.routes(6).join("\n"),
    /fd67::\/64 metric 1024 pref medium nexthop via fd00:1::2 dev a weight 1 nexthop via fd00:2::2 dev b weight 1$/m,
  );
});

for (const version of [4, 6] as const) {
  const prefix = version === 4 ? "10.80.0.0/24" : "fd80::/64";
  const gateway = version === 4 ? "10.0.1" : "fd00:1:";
  const end = version === 4 ? "." : ":";
  const ipCommand = `-${version} route`;

  t.test(
    `IPv${version}: another's route is refused, named, left alone, and followed when it goes`,
    async (t) => {
      const host = await KernelHost.create();
      t.teardown(() => host.remove());
      host.driver.adopt();
      host.ip(`${ipCommand} add ${prefix} via ${gateway}${end}7 metric ${METRIC} proto static`);
      host.driver.setOwnRoutes("static", [wish(prefix, host.via(`a ${gateway}${end}2`))]);
      host.apply();
      t.strictSame(host.pending(), [`${prefix} metric 1024: a route of static is already there`]);
      t.strictSame(host.routes(version), []);
      t.match(host.ip(`${ipCommand} show ${prefix}`), /proto static/);

      host.ip(`${ipCommand} del ${prefix} metric ${METRIC}`);
      await host.until("our turn", () => host.routes(version).length === 1);
      t.strictSame(host.pending(), []);

      host.ip(`${ipCommand} replace ${prefix} via ${gateway}${end}8 metric ${METRIC} proto static`);
      await host.until("the take-over to be noticed", () => host.pending().length === 1);
      t.strictSame(host.pending(), [`${prefix} metric 1024: a route of static is already there`]);
      t.match(host.ip(`${ipCommand} show ${prefix}`), /proto static/, "theirs stays");

      host.driver.setOwnRoutes("static", []);
      host.apply();
      t.match(
        host.ip(`${ipCommand} show ${prefix}`),
        /proto static/,
        "our retreat does not take it along",
      );
      t.strictSame(host.pending(), []);
    },
  );

  t.test(`IPv${version}: our route, deleted by someone, comes back`, async (t) => {
    const host = await KernelHost.create();
    t.teardown(() => host.remove());
    host.driver.adopt();
    host.driver.setOwnRoutes("static", [wish(prefix, host.via(`a ${gateway}${end}2`))]);
    host.apply();
    const before = host.events.length;
    host.ip(`${ipCommand} del ${prefix} metric ${METRIC}`);
    await host.until("the news", () =>
      host.events.slice(before).some(({ type }) => type === "route"),
    );
    t.equal(host.routes(version).length, 1);
  });
}

t.test(
  "BIRD's route is refused while BIRD runs, and ours follows when BIRD withdraws it",
  async (t) => {
    const host = await KernelHost.create();
    const folder = mkdtempSync(join(tmpdir(), "tortie-bird-"));
    writeFileSync(
      join(folder, "bird.conf"),
      `router id 10.0.1.1;
protocol device { }
protocol kernel { ipv4 { export all; import none; }; metric ${METRIC}; }
protocol static { ipv4; route 10.81.0.0/24 via 10.0.1.7; }
`,
    );
    const bird = spawn(
      "ip",
      [
        "netns",
        "exec",
        host.name,
        "bird",
        "-f",
        "-c",
        join(folder, "bird.conf"),
        "-s",
        join(folder, "ctl"),
        "-P",
        join(folder, "pid"),
      ],
      { stdio: "ignore" },
    );
    const ended = new Promise((resolve) => bird.once("exit", resolve));
    t.teardown(async () => {
      bird.kill();
      await ended;
      host.remove();
      rmSync(folder, { recursive: true });
    });
    await host.until("BIRD's route", () =>
      host.ip("route show 10.81.0.0/24").includes("proto bird"),
    );
    host.driver.adopt();
    host.driver.setOwnRoutes("static", [wish("10.81.0.0/24", host.via("a 10.0.1.2"))]);
    host.apply();
    t.strictSame(host.pending(), ["10.81.0.0/24 metric 1024: a route of bird is already there"]);
    bird.kill();
    await ended;
    await host.until("our turn", () => host.routes().length === 1);
    t.strictSame(host.pending(), []);
  },
);

t.test("another's route put before ours at the same key is never replaced by us", async (t) => {
  const host = await KernelHost.create();
  t.teardown(() => host.remove());
  host.driver.adopt();
  host.driver.setOwnRoutes("static", [wish("10.82.0.0/24", host.via("a 10.0.1.2"))]);
  host.apply();
  const before = host.events.length;
  host.ip(`route prepend 10.82.0.0/24 via 10.0.1.7 metric ${METRIC} proto static`);
  await host.until("the news", () => host.events.length > before);
  t.strictSame(host.pending(), [], "ours is still there");
  host.driver.setOwnRoutes("static", [wish("10.82.0.0/24", host.via("a 10.0.1.3"))]);
  host.apply();
  const shown = host.ip("route show 10.82.0.0/24").trim();
  t.match(shown, /^10\.82\.0\.0\/24 via 10\.0\.1\.7 dev a proto static metric 1024$/);
  t.strictSame(host.pending(), ["10.82.0.0/24 metric 1024: a route of static is already there"]);
  host.ip(`route del 10.82.0.0/24 metric ${METRIC} proto static`);
  await host.until("our turn", () => host.pending().length === 0);
  t.match(host.routes(), ["10.82.0.0/24 via 10.0.1.3 dev a metric 1024"]);
});
