import t from "tap";
import { IPV4_UNICAST } from "../../protocol/types/family.ts";
import type { Prefix } from "../../protocol/types/prefix.ts";
import { STORMY } from "./network.ts";
import { addressOf, fullMesh, workload } from "./topology.ts";
import { bestRoutes, World } from "./world.ts";

t.test("three hosts tell one another where their workloads are", (t) => {
  const world = new World(1);
  const hosts = fullMesh(world, 3);
  for (const host of hosts) host.start();
  world.runUntil("sessions", () => world.allEstablished());
  world.run(2);
  for (const [i, host] of hosts.entries()) {
    const others = [1, 2, 3].filter((n) => n !== i + 1);
    const expected = new Map<Prefix, string>(others.map((n) => [workload(n), `h${n}`]));
    expected.set(workload(i + 1), "local");
    t.same(new Map([...bestRoutes(host)].sort()), new Map([...expected].sort()), host.name);
    const kernel = others.map((n) => [workload(n), [addressOf(n)]] as const);
    t.same(new Map([...host.kernel(IPV4_UNICAST).routes].sort()), new Map(kernel), "kernel");
  }
  t.end();
});

t.test("the same seed replays the same run", (t) => {
  const trace = (seed: number) => {
    const world = new World(seed, STORMY);
    const hosts = fullMesh(world, 5);
    for (const host of hosts) host.start();
    world.run(60);
    return JSON.stringify(hosts.map((host) => [host.events, host.kernel(IPV4_UNICAST).journal]));
  };
  t.equal(trace(7), trace(7));
  t.end();
});
