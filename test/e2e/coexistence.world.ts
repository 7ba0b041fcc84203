import { writeFileSync } from "node:fs";
import t from "tap";
import type { Lab } from "../../src/lab/lab.ts";
import { runProgram } from "../../src/lab/program.ts";
import { waitUntil } from "../../src/lab/wait-until.ts";
import { nodeAddress, Rack } from "../support/rack.ts";

t.test("BIRD and static routes live on the same host", async (t) => {
  const rack = await Rack.open({ name: "coexist", hosts: 2 });
  t.teardown(() => rack.close());
  const { lab, workloads } = rack;
  const [w1, w2] = workloads;
  const [host1] = rack.hosts;
  if (w1 === undefined || w2 === undefined || host1 === undefined) throw new Error("two hosts");
  const other = nodeAddress(2);

  // Before we come: static routes, and one for the very (prefix, metric) that we shall learn.
  const clash = `${w2.ipv4} via ${other.ipv4} dev eth0 proto static metric 1024`;
  await lab.ip(
    "host1",
    "route add 203.0.113.0/24 via 10.98.0.2 proto static metric 1024",
    "route add 203.0.114.0/24 dev eth0 scope link",
    "route add 2001:db8:1::/64 via fd98::2 proto static metric 1024",
    `route add ${clash}`,
  );
  await startBird(lab);
  t.pass("BIRD on host1 has installed its static routes");
  const before = await othersRoutes(lab);

  await rack.start();
  await rack.routed("host1", new Map([[w2.ipv6, `via ${other.ipv6} dev eth0 proto 116`]]));
  t.pass("what we learn for IPv6 is installed beside theirs");

  const refused = await waitUntil(
    "the taken route is refused and named",
    async () => {
      const status = JSON.stringify(await host1.get("/v1/kernel"));
      return status.includes(`${w2.ipv4}/32`) ? status : undefined;
    },
    { deadlineSeconds: 60, whenLate: () => lab.logTails() },
  );
  t.match(refused, /"pendingCount":1/, "exactly that one is pending");
  t.same(await rack.routesTo("host1", w2.ipv4), [clash], "the static route stands as it was");
  t.same(await othersRoutes(lab), before, "no route of others changed");

  await lab.ip("host1", `route del ${clash}`);
  await rack.routed("host1", new Map([[w2.ipv4, `via ${other.ipv4} dev eth0 proto 116`]]));
  t.pass("when the static route goes, ours takes its place without being asked");

  const without = before.filter((line) => line !== clash);
  await host1.kill();
  await host1.start();
  await rack.sessionsUp();
  t.same(await othersRoutes(lab), without, "a restart touches no route of others");

  rack.write([w1]);
  await rack.notRouted("host1", [w2.ipv4, w2.ipv6]);
  t.same(await othersRoutes(lab), without, "a withdrawal touches no route of others");

  await host1.post("/v1/stop", { mode: "shutdown", cleanup: true });
  await rack.notRouted("host1", [w1.ipv4, w1.ipv6]);
  t.same(await othersRoutes(lab), without, "a clean stop takes our routes and no others");
});

/** BIRD as a neighbour on the same host: it puts static routes into the kernel, learns what others put there, and scans often. */
async function startBird(lab: Lab): Promise<void> {
  const folder = lab.nodeFolder("host1");
  writeFileSync(
    `${folder}/bird.conf`,
    `router id 10.98.0.1;
log stderr all;
protocol device { scan time 1; }
protocol static { ipv4; route 198.51.100.0/24 via 10.98.0.2; route 198.51.101.0/24 blackhole; }
protocol static { ipv6; route 2001:db8:2::/64 via fd98::2; }
protocol kernel { scan time 1; learn; persist; ipv4 { import all; export where source = RTS_STATIC; }; }
protocol kernel { scan time 1; learn; persist; ipv6 { import all; export where source = RTS_STATIC; }; }
`,
  );
  const daemon = lab.start(
    "host1",
    ["bird", "-f", "-c", `${folder}/bird.conf`, "-s", `${folder}/bird.ctl`],
    { log: "bird" },
  );
  await waitUntil(
    "BIRD has installed its routes",
    async () => {
      await runProgram(["birdc", "-s", `${folder}/bird.ctl`, "show", "status"]);
      const routes = await othersRoutes(lab);
      return routes.filter((line) => line.includes("proto bird")).length === 3;
    },
    { deadlineSeconds: 60, whenLate: () => daemon.logTail() },
  );
}

/** host1's routes that are neither ours nor the kernel's own. */
async function othersRoutes(lab: Lab): Promise<readonly string[]> {
  const ipv4 = await lab.run("host1", ["ip", "-4", "route"]);
  const ipv6 = await lab.run("host1", ["ip", "-6", "route"]);
  const lines = `${ipv4}${ipv6}`.split("\n").map((line) => line.trim());
  return lines.filter((line) => line !== "" && !/proto (116|kernel)/.test(line)).sort();
}
