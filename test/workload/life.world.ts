import t from "tap";
import { writeResources } from "../../src/lab/resources.ts";
import { waitUntil } from "../../src/lab/wait-until.ts";
import { WorkloadHosts } from "./workload-support.ts";

type Listed = {
  readonly workload: string;
  readonly state: string;
  readonly addresses: readonly string[];
  readonly interface: string;
  readonly problems: readonly string[];
};

async function listed(world: WorkloadHosts, name: string): Promise<Listed | undefined> {
  const { items } = (await world.host(1).get("/v1/workloads")) as { items: readonly Listed[] };
  return items.find(({ workload }) => workload === name);
}

async function becomes(world: WorkloadHosts, name: string, state: string): Promise<Listed> {
  let last: Listed | undefined;
  return waitUntil(
    `${name} is ${state}`,
    async () => {
      last = await listed(world, name);
      return last?.state === state ? last : undefined;
    },
    {
      deadlineSeconds: 60,
      everyMilliseconds: 50,
      whenLate: () => `${JSON.stringify(last)}\n${world.lab.logTails(10)}`,
    },
  );
}

/** The first of "192.168.0.1, fd80::1 behind cali…". */
function firstAddress(said: string): string {
  return /^[0-9.]+/.exec(said)?.[0] ?? said;
}

t.test("workloads that no runtime brings", async (t) => {
  const world = await WorkloadHosts.open(t, "life");
  const [host1, host2] = [world.host(1), world.host(2)];
  const far = await host2.tortie("workload", "add", "far", "--netns", await world.sandbox("far"));
  const target = firstAddress(far);
  const job = await world.sandbox("job");

  await t.test("a namespace is connected, survives the daemon's death, and leaves", async (t) => {
    const said = await host1.tortie("workload", "add", "job", "--netns", job);
    t.match(said, /^192\.168\.[\d.]+, fd80:\S+ behind cali\S+; gateway 169\.254\.1\.1, fe80::1/);
    await world.reaches("job", target);
    await host1.kill();
    t.equal((await world.lab.try("job", ["ping", "-c", "1", "-W", "10", target])).code, 0);
    await host1.start();
    await becomes(world, "job", "ready");
    await world.sessionsUp();
    await world.reaches("job", target);
    t.equal(await host1.tortie("workload", "add", "job", "--netns", job), said, "again: the same");
    t.equal(await host1.tortie("workload", "remove", "job"), "job is removed");
    t.equal(await host1.tortie("workload", "remove", "job"), "there was no job");
    t.same(
      (await world.traces("host1")).filter((trace) => !trace.includes("far")),
      [],
    );
  });

  await t.test("an interface that vanishes is said, and comes back with its address", async (t) => {
    const said = await host1.tortie("workload", "add", "job", "--netns", job);
    const { interface: link } = await becomes(world, "job", "ready");
    await world.lab.ip("host1", `link delete ${link}`);
    await becomes(world, "job", "no-interface");
    t.match(await host1.tortie("workload", "list", "--check"), /job .*no-interface/);
    // As after a reboot: no daemon, no interface, no route of ours.
    await host1.kill();
    await world.lab.try("host1", ["ip", "route", "flush", "proto", "116"]);
    await host1.start();
    await becomes(world, "job", "no-interface");
    t.equal(await host1.tortie("workload", "add", "job", "--netns", job), said);
    await world.reaches("job", target);
    await host1.tortie("workload", "remove", "job");
  });

  await t.test("a tap that goes and comes needs no command", async (t) => {
    await world.lab.ip("host1", "tuntap add dev tap7 mode tap");
    t.match(await host1.tortie("workload", "add", "vm", "--interface", "tap7"), /behind tap7/);
    await world.lab.ip("host1", "link delete tap7");
    await becomes(world, "vm", "no-interface");
    await world.lab.ip("host1", "tuntap add dev tap7 mode tap");
    const { addresses } = await becomes(world, "vm", "ready");
    await world.routed("host1", addresses[0] ?? "", "dev tap7");
    t.match(await host1.tortie("workload", "add", "nic", "--interface", "eth0"), /host's own/);
    t.match(await host1.tortie("workload", "add", "x", "--interface", "tap9"), /no interface tap9/);
    await host1.tortie("workload", "remove", "vm");
    t.ok(await world.lab.run("host1", ["ip", "link", "show", "tap7"]), "the tap itself stays");
  });

  await t.test("a machine behind this host's second card reaches a container", async (t) => {
    await world.lab.build({
      nodes: ["metal"],
      links: [
        [
          { node: "host1", interface: "eth1" },
          { node: "metal", interface: "eth0" },
        ],
      ],
    });
    const options = ["--interface", "eth1", "--ip", "192.168.7.7"];
    t.match(
      await host1.tortie("workload", "add", "metal", ...options),
      /^192\.168\.7\.7 behind eth1/,
    );
    await world.lab.ip(
      "metal",
      "address add 192.168.7.7/32 dev eth0",
      "route add 169.254.1.1 dev eth0",
      "route add default via 169.254.1.1",
    );
    await world.reaches("metal", target);
    await world.routed("host2", "192.168.7.7", "via 10.98.0.1");
  });

  await t.test(
    "an address has one owner: the older one, whoever comes later is told",
    async (t) => {
      const options = ["--netns", job, "--ip", "192.168.7.7"];
      t.match(await host1.tortie("workload", "add", "job", ...options), /192\.168\.7\.7/);
      t.equal(await listed(world, "job"), undefined, "refused, and nothing is left of it");
      // By hand, past IPAM: the one thing that can go wrong all the same.
      await world.lab.ip("host1", "link add cali77 type veth peer name peer77");
      writeResources(world.resourceFolder, "rival.yaml", [
        {
          kind: "WorkloadEndpoint",
          name: "host1-lab-rival-eth0",
          namespace: "default",
          spec: {
            node: "host1",
            orchestrator: "lab",
            workload: "rival",
            endpoint: "eth0",
            interfaceName: "cali77",
            profiles: ["projectcalico-default-allow"],
            ipNetworks: ["192.168.7.7/32"],
          },
        },
      ]);
      const rival = await waitUntil(
        "the rival is told",
        async () => {
          const found = await listed(world, "rival");
          return found?.problems.some((each) => each.includes("metal")) ? found : undefined;
        },
        { deadlineSeconds: 60, whenLate: () => world.lab.logTails(10) },
      );
      t.match(rival.problems.join(), /192\.168\.7\.7 belongs to .*metal/);
      await world.routed("host1", "192.168.7.7", "dev eth1");
      await world.reaches("metal", target);
    },
  );
});
