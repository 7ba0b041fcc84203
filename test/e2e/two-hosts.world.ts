import t from "tap";
import { allAnswered, ping } from "../../src/lab/reachability.ts";
import { nodeAddress, Rack } from "../support/rack.ts";

t.test(
  "a workload's prefix goes from its endpoint to the other host's kernel, and leaves again",
  async (t) => {
    const rack = await Rack.open({ name: "two", hosts: 2 });
    t.teardown(() => rack.close());
    const [w1, w2] = rack.workloads;
    if (w1 === undefined || w2 === undefined) throw new Error("two workloads");

    rack.write([w1]);
    await rack.start();
    t.pass("the two hosts are Established");

    const { ipv4, ipv6 } = nodeAddress(1);
    await rack.routed(
      "host2",
      new Map([
        [w1.ipv4, `via ${ipv4} dev eth0`],
        [w1.ipv6, `via ${ipv6} dev eth0`],
      ]),
    );
    t.pass("host2's kernel sends the first workload's addresses to host1");
    await rack.routed(
      "host1",
      new Map([
        [w1.ipv4, `dev ${w1.hostInterface}`],
        [w1.ipv6, `dev ${w1.hostInterface}`],
      ]),
    );
    t.pass("host1's kernel delivers them to the workload's interface");

    rack.write([w1, w2]);
    const other = nodeAddress(2);
    await rack.routed(
      "host1",
      new Map([
        [w2.ipv4, `via ${other.ipv4} dev eth0`],
        [w2.ipv6, `via ${other.ipv6} dev eth0`],
      ]),
    );
    t.pass("an endpoint that is added later is announced");

    for (const family of ["ipv4", "ipv6"] as const) {
      for (const [from, to] of [
        [w1, w2],
        [w2, w1],
      ] as const) {
        const result = await ping(rack.lab, from, to, family);
        t.ok(
          allAnswered(result),
          `${from.name} pings ${to.name} over ${family}: ${result.received} of ${result.sent}`,
        );
      }
    }

    rack.write([w2]);
    await rack.notRouted("host2", [w1.ipv4, w1.ipv6]);
    t.pass("an endpoint that is deleted is withdrawn from the other host's kernel");
    await rack.notRouted("host1", [w1.ipv4, w1.ipv6]);
    t.pass("and from its own");
  },
);
