import { existsSync, statSync } from "node:fs";
import t from "tap";
import { IpAddress } from "../../protocol/types/ip-address.ts";
import { Prefix } from "../../protocol/types/prefix.ts";
import type { LocalDataplane } from "../../src/dataplane/route-worker-messages.ts";
import { Lab } from "../../src/lab/lab.ts";
import { waitUntil } from "../../src/lab/wait-until.ts";
import { DataplaneHost, NOTHING_LOCAL } from "./dataplane-host.ts";

const LOCAL: LocalDataplane = {
  ...NOTHING_LOCAL,
  workloads: [
    { interface: "cali1", addresses: [IpAddress("10.66.0.2"), IpAddress("fd80:66::2")] },
    { interface: "cali2", addresses: [IpAddress("10.66.0.3"), IpAddress("fd80:66::3")] },
  ],
  blackholes: [Prefix("10.66.0.0/26")],
};

const ALL_ROUTES = [
  "10.66.0.2 dev cali1 scope link metric 1024",
  "10.66.0.3 dev cali2 scope link metric 1024",
  "blackhole 10.66.0.0/26 metric 1024",
];

/** A host with an uplink, and the namespaces of two workloads of which only the first is plugged in. */
async function hostWithWorkload(
  t: { teardown(f: () => unknown): void },
  name: string,
): Promise<Lab> {
  const lab = await Lab.open(name);
  t.teardown(() => lab.close());
  await lab.build({
    nodes: ["host", "peer", "work1", "work2"],
    links: [
      [
        { node: "host", interface: "eth0", addresses: ["10.0.0.1/24", "fd00::1/64"] },
        { node: "peer", interface: "eth0", addresses: ["10.0.0.2/24", "fd00::2/64"] },
      ],
    ],
  });
  await plug(lab, 1);
  return lab;
}

/** The front door's part: a veth pair, and the workload's own addresses and routes. */
async function plug(lab: Lab, number: 1 | 2): Promise<void> {
  const node = `work${number}`;
  await lab.build({
    nodes: [],
    links: [
      [
        { node: "host", interface: `cali${number}` },
        {
          node,
          interface: "eth0",
          addresses: [`10.66.0.${number + 1}/32`, `fd80:66::${number + 1}/128`],
        },
      ],
    ],
  });
  await lab.ip(
    node,
    "route add 169.254.1.1 dev eth0 scope link",
    "route add default via 169.254.1.1 dev eth0",
    "route add default via fe80::1 dev eth0",
  );
}

async function pings(
  lab: Lab,
  node: string,
  target: string,
  ...options: string[]
): Promise<boolean> {
  const { code } = await lab.try(node, [
    "ping",
    "-n",
    "-q",
    "-c",
    "1",
    "-W",
    "1",
    ...options,
    target,
  ]);
  return code === 0;
}

/** On a machine as slow as it may be. */
function answers(lab: Lab, node: string, target: string, ...options: string[]): Promise<boolean> {
  return pings(lab, node, target, "-W", "10", ...options);
}

async function echoRequestsSeen(lab: Lab, node: string): Promise<number> {
  const text = await lab.run(node, ["nstat", "-asz", "IcmpInEchos"]);
  return Number(/IcmpInEchos\s+(\d+)/.exec(text)?.[1]);
}

/** Parameters that forwarding touches, as text. */
async function parameters(lab: Lab): Promise<string> {
  const all = await lab.run("host", [
    "sysctl",
    "-a",
    "-r",
    "^net\\.ipv[46]\\.(conf|neigh|ip_forward)",
  ]);
  return all
    .split("\n")
    .filter((line) => /rp_filter|forward|proxy|accept_ra |redirects|route_localnet/.test(line))
    .join("\n");
}

async function value(lab: Lab, name: string): Promise<string> {
  return (await lab.run("host", ["sysctl", "-n", name])).trim();
}

t.test(
  "workloads reach one another through 169.254.1.1 and fe80::1, whatever the host's routes",
  async (t) => {
    const lab = await hostWithWorkload(t, "ping");
    const host = await DataplaneHost.start(lab, "host", LOCAL);
    t.teardown(() => host.stop());
    await host.hasRoutes([ALL_ROUTES[0] as string, ALL_ROUTES[2] as string]);
    await host.reportsPending(1);
    t.match(
      host.status?.pending,
      [{ route: "workload interface cali2", reason: /no such/ }],
      "it is waited for",
    );
    t.ok(
      await answers(lab, "work1", "169.254.1.1"),
      "no default route, no IPv4 address but the gateway's",
    );
    await plug(lab, 2);
    await host.hasRoutes(ALL_ROUTES);
    await host.hasRoutes(
      ["fd80:66::2 dev cali1 metric 1024", "fd80:66::3 dev cali2 metric 1024"],
      6,
    );
    for (const defaults of ["none", "present"]) {
      if (defaults === "present")
        await lab.ip("host", "route add default via 10.0.0.2", "route add default via fd00::2");
      await lab.ip("work1", "neigh flush all");
      for (const target of [
        "169.254.1.1",
        "fe80::1%eth0",
        "10.66.0.3",
        "fd80:66::3",
        "10.0.0.1",
        "fd00::1",
      ])
        t.ok(await answers(lab, "work1", target), `${target}, default route: ${defaults}`);
    }
    t.match(await lab.run("work1", ["ip", "neigh", "show", "169.254.1.1"]), /ee:ee:ee:ee:ee:ee/);
    t.equal(await pings(lab, "work1", "10.66.0.9"), false, "an address that nobody has is dropped");
    const log = await lab.run("host", ["ip", "-o", "addr", "show", "dev", "cali1"]);
    t.match(log, /169\.254\.1\.1\/32 scope link/);
    t.match(log, /fe80::1\/64 scope link nodad/);
  },
);

t.test(
  "an interface that vanishes and comes back is set up again; one that leaves the set is cleared",
  async (t) => {
    const lab = await hostWithWorkload(t, "again");
    await plug(lab, 2);
    const host = await DataplaneHost.start(lab, "host", LOCAL);
    t.teardown(() => host.stop());
    host.sweep(4);
    await host.hasRoutes(ALL_ROUTES);
    await lab.ip("host", "link del cali2");
    await host.hasRoutes([ALL_ROUTES[0] as string, ALL_ROUTES[2] as string]);
    await plug(lab, 2);
    await host.hasRoutes(ALL_ROUTES);
    await waitUntil("the new interface carries traffic", () => pings(lab, "work2", "10.66.0.2"), {
      deadlineSeconds: 60,
    });
    t.ok(await answers(lab, "work2", "fd80:66::2"));
    await lab.ip("host", "link set cali1 down");
    await waitUntil("it is taken up again", async () => pings(lab, "work1", "fd80:66::3"), {
      deadlineSeconds: 60,
    });
    await host.hasRoutes(ALL_ROUTES);
    await lab.ip("host", "addr del 169.254.1.1/32 dev cali1");
    await waitUntil(
      "the gateway's address is put back",
      async () =>
        (await lab.run("host", ["ip", "addr", "show", "dev", "cali1"])).includes("169.254.1.1"),
      { deadlineSeconds: 60 },
    );
    await host.hasRoutes(ALL_ROUTES);
    host.local({ ...LOCAL, workloads: LOCAL.workloads.slice(0, 1) });
    await host.hasRoutes([ALL_ROUTES[0] as string, ALL_ROUTES[2] as string]);
    await waitUntil(
      "its addresses are gone",
      async () =>
        !/169\.254\.1\.1|fe80::1\//.test(
          await lab.run("host", ["ip", "addr", "show", "dev", "cali2"]),
        ),
      { deadlineSeconds: 60 },
    );
  },
);

t.test(
  "sysctls: strict for workloads, loose for uplinks, advertisements kept; cleanup leaves nothing",
  async (t) => {
    const lab = await hostWithWorkload(t, "clean");
    await plug(lab, 2);
    await lab.sysctl("host", "net.ipv4.conf.all.rp_filter=2", "net.ipv4.conf.cali1.rp_filter=2");
    const before = await parameters(lab);
    t.match(before, /net.ipv4.conf.all.forwarding = 0/);
    const host = await DataplaneHost.start(lab, "host", LOCAL);
    host.track("10.0.0.2");
    host.learn([["10.65.0.0/26", "10.0.0.2"]]);
    host.learn([["fd80:1::/122", "fd00::2"]]);
    await host.hasRoutes(["10.65.0.0/26 via 10.0.0.2 dev eth0 metric 1024", ...ALL_ROUTES]);
    await host.reportsPending(0);
    t.equal(await value(lab, "net.ipv4.conf.all.rp_filter"), "0");
    t.equal(await value(lab, "net.ipv4.conf.cali1.rp_filter"), "1");
    t.equal(await value(lab, "net.ipv4.conf.eth0.rp_filter"), "2");
    t.equal(await value(lab, "net.ipv6.conf.eth0.accept_ra"), "2");
    t.equal(await value(lab, "net.ipv6.conf.all.forwarding"), "1");
    t.equal(await value(lab, "net.ipv4.conf.cali1.route_localnet"), "0");
    await lab.ip("work1", "addr add 10.66.0.77/32 dev eth0");
    t.ok(await answers(lab, "work1", "10.66.0.3", "-I", "10.66.0.2"));
    const echoes = await echoRequestsSeen(lab, "work2");
    await pings(lab, "work1", "10.66.0.3", "-I", "10.66.0.77");
    t.equal(
      await echoRequestsSeen(lab, "work2"),
      echoes,
      "a false sender's packet does not arrive",
    );
    await lab.sysctl("host", "net.ipv4.conf.cali1.rp_filter=0");
    await pings(lab, "work1", "10.66.0.3", "-I", "10.66.0.77");
    t.equal(await echoRequestsSeen(lab, "work2"), echoes + 1, "without the filter it would");
    const stateFile = `${lab.nodeFolder("host")}/state/sysctls.json`;
    t.equal(statSync(stateFile).mode & 0o777, 0o600);

    await host.stop();
    t.ok(await answers(lab, "work1", "10.66.0.3"), "a stop leaves everything in place");
    // The cleanup is another process's, which knows only what stands in the kernel and in the state directory.
    const cleaner = await DataplaneHost.start(lab, "host", "later");
    await cleaner.stop({ cleanup: true });
    t.same(await cleaner.routes(), []);
    t.same(await cleaner.routes(6), []);
    t.notMatch(await lab.run("host", ["ip", "addr"]), /169\.254\.1\.1|fe80::1\//);
    t.equal(await parameters(lab), before);
    t.notOk(existsSync(stateFile));
    t.same(
      cleaner.messages.filter((message) => message.type === "log" && message.level === "error"),
      [],
    );
  },
);

t.test(
  "a slip of the pen does not turn the uplink into a workload's interface; two cannot have one address",
  async (t) => {
    const lab = await hostWithWorkload(t, "slip");
    await plug(lab, 2);
    const mac = async () => (await lab.run("host", ["cat", "/sys/class/net/eth0/address"])).trim();
    const before = await mac();
    const [first, second] = LOCAL.workloads;
    const local = {
      ...NOTHING_LOCAL,
      workloads: [
        { interface: "eth0", addresses: [IpAddress("10.66.0.9")] },
        { interface: "lo", addresses: [IpAddress("10.66.0.10")] },
        { interface: first?.interface ?? "", addresses: [IpAddress("10.66.0.2")] },
        { interface: second?.interface ?? "", addresses: [IpAddress("10.66.0.2")] },
      ],
    };
    const host = await DataplaneHost.start(lab, "host", local);
    t.teardown(() => host.stop());
    await host.hasRoutes(["10.66.0.2 dev cali1 scope link metric 1024"]);
    t.equal(await mac(), before);
    await host.reportsPending(3);
    t.match(host.status?.pending, [
      { route: "workload interface eth0", reason: /has the address 10\.0\.0\.1/ },
      { route: "workload interface lo", reason: /loopback/ },
      { route: "10.66.0.2/32 dev cali2", reason: "cali1 has it" },
    ]);
  },
);
