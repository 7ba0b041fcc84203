import { renameSync } from "node:fs";
import t from "tap";
import type { StatusReport } from "../../src/api/api-types.ts";
import { waitUntil } from "../../src/lab/wait-until.ts";
import { addWorkloads, type WorkloadPlan } from "../../src/lab/workload.ts";
import { nodeAddress, Rack } from "../support/rack.ts";

/** A further workload of host1, in a block of its own. */
function workload(name: string, ipv4: string): WorkloadPlan {
  const last = ipv4.split(".")[2];
  return { name, host: "host1", hostInterface: `cali${name}`, ipv4, ipv6: `fd80:0:0:${last}::1` };
}

function affinity(cidr: string) {
  const spec = { state: "confirmed", type: "host", node: "host1", cidr };
  return { kind: "BlockAffinity", name: `host.${cidr.replaceAll(/[./]/g, "-")}.host1`, spec };
}

t.test(
  "a daemon that starts without its store announces of what it remembers only what is there",
  async (t) => {
    const rack = await Rack.open({ name: "remember", hosts: 2 });
    t.teardown(() => rack.close());
    const { lab } = rack;
    const [w1, w2] = rack.workloads;
    const [host1, host2] = rack.hosts;
    if (!w1 || !w2 || !host1 || !host2) throw new Error("two hosts");
    // Of two with a block and of two without one, one vanishes with its interface while nobody looks.
    const [inBlock, alone, aloneStays] = [
      workload("w3", "192.168.3.1"),
      workload("w4", "192.168.4.1"),
      workload("w5", "192.168.5.1"),
    ];
    const extra = [inBlock, alone, aloneStays];
    await addWorkloads(lab, extra);
    const blocks = ["192.168.1.0/26", "192.168.3.0/26", "192.168.7.0/26"];
    rack.write([w1, w2, ...extra], blocks.map(affinity));
    await rack.start();
    const via = `via ${nodeAddress(1).ipv4} dev eth0`;
    const ways = (...destinations: readonly string[]) =>
      new Map(destinations.map((destination) => [destination, via] as const));
    await rack.routed("host2", ways(...blocks, alone.ipv4, aloneStays.ipv4));
    t.pass("host1 announces three blocks and two addresses outside of them");

    await host1.kill();
    for (const { hostInterface } of [inBlock, alone]) {
      await lab.ip("host1", `link del ${hostInterface}`);
    }
    renameSync(`${lab.folder}/resources`, `${lab.folder}/elsewhere`);
    await host1.start();
    await waitUntil(
      "host1 runs on what it remembers",
      async () =>
        ((await host1.get("/v1/status")) as StatusReport).datastore.state === "last-known-good",
      { deadlineSeconds: 60 },
    );
    await rack.sessionsUp();
    await rack.notRouted("host2", ["192.168.3.0/26", "192.168.7.0/26", alone.ipv4]);
    t.pass("what has no interface is not announced, nor a block that holds nothing");
    await rack.routed("host2", ways("192.168.1.0/26", aloneStays.ipv4));
    t.pass("what is there is");

    renameSync(`${lab.folder}/elsewhere`, `${lab.folder}/resources`);
    await rack.routed("host2", ways(...blocks, aloneStays.ipv4));
    t.pass("with the store, the blocks are the host's again");
    t.strictSame(await rack.routesTo("host2", alone.ipv4), []);
    await addWorkloads(lab, [{ ...alone, name: "w6" }]);
    await rack.routed("host2", ways(alone.ipv4));
    t.pass("and an interface that comes back is announced");
  },
);
