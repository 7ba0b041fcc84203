import { readFileSync } from "node:fs";
import t, { type Test } from "tap";
import { waitUntil } from "../../src/lab/wait-until.ts";
import { defaultProfile } from "../../src/resources/legacy-profile.ts";
import {
  droppedBy,
  HOST_ADDRESSES,
  OUTSIDE,
  PolicyLab,
  policyWorkload,
} from "../support/policy-lab.ts";

const ann = policyWorkload("ann", 1, { number: 1, profiles: ["test"] });
const ben = policyWorkload("ben", 2, { number: 1, profiles: ["test"] });
const eve = policyWorkload("eve", 1, { number: 2, profiles: ["other"] });
const nil = policyWorkload("nil", 2, { number: 2, profiles: [] });
const ALL = [ann, ben, eve, nil];

const PROFILES = ["test", "other"].map((name) => {
  const { kind, metadata, spec } = defaultProfile(name);
  return { kind, name: metadata.name, spec };
});

t.test("profiles have force", async (t) => {
  const world = await PolicyLab.open("pol", ALL);
  t.teardown(() => world.close());
  const { lab } = world;
  // As docker leaves a host on which it found ip_forward=0.
  for (const host of ["host1", "host2"]) {
    await lab.run(host, ["iptables", "-P", "FORWARD", "DROP"]);
    await lab.run(host, ["ip6tables", "-P", "FORWARD", "DROP"]);
  }
  world.write(ALL, PROFILES);
  await Promise.all(Object.values(world.hosts).map((host) => host.start()));

  await world.reaches(ann.name, ben);
  await world.reaches(ben.name, ann);
  t.pass(
    "members of one profile reach each other across hosts, though others drop what is forwarded",
  );
  await lab.ip(
    OUTSIDE.name,
    `route add ${ann.ipv4} via ${HOST_ADDRESSES.host1.ipv4}`,
    `route add ${ann.ipv6} via ${HOST_ADDRESSES.host1.ipv6}`,
  );
  const cutOff = [
    [eve.name, ben, "a member of another profile does not reach them"],
    [eve.name, ann, "nor on its own host"],
    [ann.name, eve, "and is not reached"],
    [nil.name, ben, "without a profile nobody is reached"],
    [ben.name, nil, "and nobody reaches it"],
    [OUTSIDE.name, ann, "the world outside is no member"],
    [ann.name, HOST_ADDRESSES.host1, "a workload does not speak to its host"],
  ] as const;
  const results = await Promise.all(cutOff.map(([from, to]) => world.isCutOff(from, to)));
  for (const [index, [, , what]] of cutOff.entries()) t.ok(results[index], what);
  t.ok(await world.answers("host1", ann.ipv4), "but answers it");
  t.ok(await world.answers("host1", ann.ipv6), "over IPv6 as well");

  await foreignEdits(t, world);
  await restart(t, world);
  await spoofedSources(t, world);
  await unknownInterface(t, world);
  await loopbackFromOutside(t, world);
  await cleanup(t, world);
});

async function foreignEdits(t: Test, world: PolicyLab): Promise<void> {
  const edits: readonly (readonly string[])[] = [
    ["flush", "table", "ip", "tortie"],
    ["delete", "table", "ip6", "tortie"],
    ["insert", "rule", "ip", "tortie", "forward-to", "accept"],
    ["flush", "map", "ip", "tortie", "to-workload"],
    ["flush", "ruleset"],
  ];
  const before = await world.ruleset("host2");
  for (const edit of edits) {
    await world.nft("host2", ...edit);
    await waitUntil(
      "our tables are as before",
      async () => (await world.ruleset("host2")) === before,
      {
        deadlineSeconds: 60,
        everyMilliseconds: 20,
      },
    );
    t.pass(`nft ${edit.join(" ")} is undone`);
  }
  t.ok(await world.isCutOff(eve.name, ben), "strangers stay out afterwards");
  await world.lab.run("host2", ["iptables", "-P", "FORWARD", "DROP"]);
  await world.lab.run("host2", ["iptables", "-F", "FORWARD"]);
  await waitUntil(
    "the accept rules are back",
    async () => {
      const rules = await world.lab.run("host2", ["iptables", "-S", "FORWARD"]);
      return rules.match(/-[io] cali\+ .* -j ACCEPT/g)?.length === 2;
    },
    { deadlineSeconds: 60, everyMilliseconds: 50 },
  );
  await world.reaches(ann.name, ben);
  t.pass("the two accept rules in FORWARD come back, and iptables can read them");
}

async function restart(t: Test, world: PolicyLab): Promise<void> {
  world.serve(ben.name, 4000);
  await world.calls(ann.name, [ben.ipv4, 4000], ann.ipv4);
  const connection = world.converse(ann.name, ben.ipv4, 4000);
  const member = await world.stream(ann.name, ben.ipv6);
  const stranger = world.lab.start(eve.name, ["ping", "-n", "-i", "0.01", ben.ipv4], {
    log: "eve",
  });
  const before = await world.ruleset("host2");
  await world.hosts.host2.kill();
  t.equal(await world.ruleset("host2"), before, "a killed daemon leaves its rules in force");
  await world.hosts.host2.start();
  await world.reaches(ann.name, ben);
  t.equal(await world.ruleset("host2"), before, "and the next one finds them as they should be");
  const heard = () => readFileSync(connection.logFile, "utf8").length;
  const until = heard() + 200;
  await waitUntil("the connection goes on", () => heard() > until, { deadlineSeconds: 60 });
  t.equal(connection.end, undefined, "an established connection survives the restart");
  await connection.stop();
  t.same((await member.stop()).lost, [], "and no ping of a member is lost");
  await stranger.stop("SIGINT");
  t.match(stranger.logTail(), / 0 received/, "while a stranger never got through");
}

async function spoofedSources(t: Test, world: PolicyLab): Promise<void> {
  const { lab } = world;
  // The addresses of a member, on the interface of a stranger behind the other host.
  await lab.ip(
    eve.name,
    `addr add ${ben.ipv4}/32 dev eth0`,
    `addr add ${ben.ipv6}/128 dev eth0 nodad`,
  );
  await lab.run(ann.name, ["nft", "-f", "-"], {
    input: `table inet probe { chain in { type filter hook input priority 0; ip saddr ${ben.ipv4} counter; ip6 saddr ${ben.ipv6} counter; }; }\n`,
  });
  const arrived = async () => {
    const text = await lab.run(ann.name, ["nft", "list", "table", "inet", "probe"]);
    return [...text.matchAll(/packets (\d+)/g)].map(([, packets]) => Number(packets));
  };
  const dropped = droppedBy(await world.nft("host1", "list", "ruleset"), SPOOFED);
  await world.pings(eve.name, ann.ipv4, ["-I", ben.ipv4, "-c", "3", "-i", "0.1"]);
  await world.pings(eve.name, ann.ipv6, ["-I", ben.ipv6, "-c", "3", "-i", "0.1"]);
  const after = droppedBy(await world.nft("host1", "list", "ruleset"), SPOOFED);
  t.same(
    await arrived(),
    [0, 0],
    "nothing arrives from a workload that speaks with another's address",
  );
  t.ok(after >= dropped + 3, "IPv6 has no rp_filter: our table dropped it");
  await lab.ip(eve.name, `addr del ${ben.ipv4}/32 dev eth0`, `addr del ${ben.ipv6}/128 dev eth0`);
}

const SPOOFED = "source of somebody else";

async function unknownInterface(t: Test, world: PolicyLab): Promise<void> {
  const { lab } = world;
  await lab.build({
    nodes: ["nobody"],
    links: [
      [
        { node: "host1", interface: "calinobody", addresses: ["192.168.1.98/31"] },
        { node: "nobody", interface: "eth0", addresses: ["192.168.1.99/31"] },
      ],
    ],
  });
  await lab.ip("nobody", "route add default via 192.168.1.98");
  t.notOk(
    await world.pings("nobody", ann.ipv4),
    "an interface like a workload's that is none is shut",
  );
  t.notOk(await world.pings("nobody", "192.168.1.98"), "towards the host too");
  t.notOk(await world.pings(ann.name, "192.168.1.99"), "and in the other direction");
}

/** The kernel would answer itself: route_localnet is on, as some programs leave it. */
async function loopbackFromOutside(t: Test, { lab }: PolicyLab): Promise<void> {
  for (const node of [OUTSIDE.name, "host1"])
    await lab.sysctl(node, "net.ipv4.conf.all.route_localnet=1");
  await lab.ip(
    OUTSIDE.name,
    "route del local 127.0.0.0/8 dev lo table local",
    "route del local 127.0.0.1 dev lo table local",
    `route add 127.0.0.0/8 via ${HOST_ADDRESSES.host1.ipv4}`,
  );
  const dropped = async () =>
    droppedBy(await lab.run("host1", ["nft", "list", "ruleset"]), "loopback from outside");
  const before = await dropped();
  const { code } = await lab.try(OUTSIDE.name, [
    "ping",
    "-n",
    "-c",
    "2",
    "-i",
    "0.1",
    "-W",
    "1",
    "127.0.0.9",
  ]);
  t.not(code, 0, "the host's loopback cannot be reached from outside");
  t.equal(await dropped(), before + 2, "because our table drops what is sent there");
}

async function cleanup(t: Test, world: PolicyLab): Promise<void> {
  const { host1 } = world.hosts;
  await host1.post("/v1/stop", { mode: "shutdown", cleanup: true }).catch(() => undefined);
  await waitUntil("the daemon has ended", () => host1.daemon.end, { deadlineSeconds: 60 });
  const left = await world.nft("host1", "list", "ruleset");
  t.notMatch(left, /tortie|cali/, "a cleanup leaves no table and no accept rule");
}
