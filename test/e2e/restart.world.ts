import t from "tap";
import { PingStream } from "../../src/lab/ping-stream.ts";
import { RouteMonitor } from "../../src/lab/route-monitor.ts";
import { bird, frr } from "../support/interop-makes.ts";
import { nodeAddress, Rack } from "../support/rack.ts";

const RESTARTS = 20;

t.test(
  `tortied is killed and started ${RESTARTS} times: no ping is lost, no kernel route changes anywhere`,
  async (t) => {
    const rack = await Rack.open({
      name: "kill",
      hosts: 2,
      tors: [
        { name: "torbird", make: bird, asn: 65_001 },
        { name: "torfrr", make: frr, asn: 65_002 },
      ],
    });
    t.teardown(() => rack.close());
    const { lab, workloads } = rack;
    const [w1, w2] = workloads;
    const [first, second] = rack.hosts;
    if (w1 === undefined || w2 === undefined || first === undefined || second === undefined)
      throw new Error("two hosts");

    await rack.start();
    const own = nodeAddress(1);
    for (const node of ["host2", "torbird", "torfrr"]) {
      await rack.routed(
        node,
        new Map([
          [w1.ipv4, `via ${own.ipv4}`],
          [w1.ipv6, `via ${own.ipv6}`],
        ]),
      );
    }
    const other = nodeAddress(2);
    await rack.routed(
      "host1",
      new Map([
        [w2.ipv4, `via ${other.ipv4}`],
        [w2.ipv6, `via ${other.ipv6}`],
      ]),
    );
    t.pass("hosts and routers have all routes");

    const streams = [
      await PingStream.start(lab, w1.name, w2.ipv4),
      await PingStream.start(lab, w1.name, w2.ipv6),
      await PingStream.start(lab, w2.name, w1.ipv4),
      await PingStream.start(lab, w2.name, w1.ipv6),
    ];
    const monitors = [];
    for (const node of ["host1", "host2", "torbird", "torfrr"])
      monitors.push(await RouteMonitor.start(lab, node));

    for (let restart = 1; restart <= RESTARTS; restart += 1) {
      const started = performance.now();
      // Of two nodes the one with the higher address dials, as in Calico's mesh: both sides of it are restarted.
      const host = restart % 2 === 1 ? first : second;
      await host.kill();
      await host.start();
      await rack.sessionsUp([host]);
      t.comment(
        `restart ${restart}, of ${host.node}: all sessions up again after ${((performance.now() - started) / 1000).toFixed(1)} s`,
      );
    }
    await rack.sessionsUp();

    for (const { node, changes } of await Promise.all(monitors.map(read))) {
      if (changes.length > 0) t.comment(`daemons of ${node}:\n${lab.logTails(400, node)}`);
      t.same(changes, [], `no kernel route of ${node} changed`);
    }
    for (const stream of streams) {
      const { sent, received, lost } = await stream.stop();
      t.ok(sent > 100, `${stream.title}: ${sent} requests, ${received} answers`);
      t.same(lost, [], `${stream.title}: none lost`);
    }
  },
);

async function read(monitor: RouteMonitor) {
  return { node: monitor.node, changes: await monitor.changes() };
}
