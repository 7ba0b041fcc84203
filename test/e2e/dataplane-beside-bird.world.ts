import { writeFileSync } from "node:fs";
import t from "tap";
import { Lab } from "../../src/lab/lab.ts";
import { waitUntil } from "../../src/lab/wait-until.ts";
import { DataplaneHost } from "./dataplane-host.ts";

/** A BIRD on the host itself that writes one static route into the kernel, with the key that our learned route would have. */
function birdConfig(prefix: string): string {
  return `
router id 10.0.0.1;
log stderr all;
protocol device { scan time 1; }
protocol kernel { ipv4 { export all; import none; }; metric 1024; scan time 1; }
protocol static { ipv4; route ${prefix} via 10.0.0.3; }
`;
}

async function hostWithPeers(t: { teardown(f: () => unknown): void }, name: string): Promise<Lab> {
  const lab = await Lab.open(name);
  t.teardown(() => lab.close());
  await lab.build({
    nodes: ["host", "peer"],
    links: [
      [
        { node: "host", interface: "eth0", addresses: ["10.0.0.1/24"] },
        { node: "peer", interface: "eth0", addresses: ["10.0.0.2/24", "10.0.0.3/24"] },
      ],
    ],
  });
  return lab;
}

function startBird(lab: Lab, prefix: string) {
  const folder = lab.nodeFolder("host");
  writeFileSync(`${folder}/bird.conf`, birdConfig(prefix));
  const command = ["bird", "-f", "-c", `${folder}/bird.conf`, "-s", `${folder}/bird.ctl`];
  return lab.start("host", command, { log: "bird" });
}

async function kernelRoute(lab: Lab, prefix: string): Promise<string> {
  return (await lab.run("host", ["ip", "route", "show", prefix])).trim();
}

t.test(
  "BIRD came first: its route stands, ours waits, and takes over when BIRD goes",
  async (t) => {
    const lab = await hostWithPeers(t, "birdfirst");
    const bird = startBird(lab, "10.65.0.0/26");
    await waitUntil(
      "BIRD's route is there",
      async () => (await kernelRoute(lab, "10.65.0.0/26")).includes("proto bird"),
      { deadlineSeconds: 60, whenLate: () => lab.logTails() },
    );
    const host = await DataplaneHost.start(lab, "host");
    t.teardown(() => host.stop());
    host.learn([
      ["10.65.0.0/26", "10.0.0.2"],
      ["10.65.1.0/26", "10.0.0.2"],
    ]);
    const other = "10.65.1.0/26 via 10.0.0.2 dev eth0 metric 1024";
    await host.hasRoutes([other]);
    await host.reportsPending(1);
    t.match(host.status?.pending, [{ route: /10\.65\.0\.0\/26/, reason: /route of bird/ }]);
    t.match(await kernelRoute(lab, "10.65.0.0/26"), /^10.65.0.0\/26 via 10.0.0.3 .*proto bird/);
    await bird.stop();
    await host.hasRoutes(["10.65.0.0/26 via 10.0.0.2 dev eth0 metric 1024", other]);
  },
);

t.test(
  "we came first: BIRD is refused, ours stays, and BIRD gets the key when we withdraw",
  async (t) => {
    const lab = await hostWithPeers(t, "birdlast");
    const host = await DataplaneHost.start(lab, "host");
    t.teardown(() => host.stop());
    host.learn([["10.65.0.0/26", "10.0.0.2"]]);
    const ours = "10.65.0.0/26 via 10.0.0.2 dev eth0 metric 1024";
    await host.hasRoutes([ours]);
    const bird = startBird(lab, "10.65.0.0/26");
    await waitUntil("BIRD has tried", () => /File exists/.test(bird.logTail(50)), {
      deadlineSeconds: 60,
      whenLate: () => lab.logTails(50),
    });
    t.same(await host.routes(), [ours]);
    await host.reportsPending(0);
    host.learn([["10.65.0.0/26"]]);
    await waitUntil(
      "BIRD's next scan has installed its own",
      async () => (await kernelRoute(lab, "10.65.0.0/26")).includes("proto bird"),
      { deadlineSeconds: 60, whenLate: () => lab.logTails() },
    );
    t.same(await host.routes(), []);
    await host.stop({ cleanup: true });
    t.match(
      await kernelRoute(lab, "10.65.0.0/26"),
      /proto bird/,
      "a cleanup touches only what is ours",
    );
  },
);
