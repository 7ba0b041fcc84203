import t, { type Test } from "tap";
import { waitUntil } from "../../src/lab/wait-until.ts";
import { defaultProfile } from "../../src/resources/legacy-profile.ts";
import { HOST_ADDRESSES, OUTSIDE, PolicyLab, policyWorkload } from "../support/policy-lab.ts";

const TCP = { protocol: "TCP", port: 4000 };
const ann = policyWorkload("ann", 1, {
  number: 1,
  profiles: ["test"],
  ports: [
    { ...TCP, hostPort: 4001 },
    { ...TCP, hostPort: 4002, hostIP: HOST_ADDRESSES.host1.ipv4 },
  ],
});
const ben = policyWorkload("ben", 2, { number: 1, profiles: ["test"] });
const { kind, metadata, spec } = defaultProfile("test");
const PROFILE = { kind, name: metadata.name, spec };

const pools = (natOutgoing: boolean) => [
  { kind: "IPPool", name: "ipv4", spec: { cidr: "192.168.0.0/16", natOutgoing } },
  { kind: "IPPool", name: "ipv6", spec: { cidr: "fd80:192:168::/48", natOutgoing } },
];
const felix = (settings: object) => ({
  kind: "FelixConfiguration",
  name: "default",
  spec: { ...settings },
});

t.test("addresses are translated out of the pools and into workloads", async (t) => {
  const world = await PolicyLab.open("nat", [ann, ben]);
  t.teardown(() => world.close());
  world.write([ann, ben], [PROFILE, ...pools(true)]);
  await Promise.all(Object.values(world.hosts).map((host) => host.start()));
  for (const node of [ann.name, ben.name, OUTSIDE.name, "host2"]) world.serve(node, 4000);
  await world.reaches(ann.name, ben);

  await outgoing(t, world);
  await published(t, world);
});

async function outgoing(t: Test, world: PolicyLab): Promise<void> {
  const { ipv4, ipv6 } = HOST_ADDRESSES.host1;
  await world.calls(ann.name, [OUTSIDE.ipv4, 4000], ipv4);
  await world.calls(ann.name, [OUTSIDE.ipv6, 4000], ipv6);
  t.pass("what leaves the pools comes from the host, in both families");
  await world.calls(ann.name, [ben.ipv4, 4000], ann.ipv4);
  await world.calls(ann.name, [ben.ipv6, 4000], ann.ipv6);
  t.pass("within the pools the source is the workload's own");
  await world.calls(ann.name, [HOST_ADDRESSES.host2.ipv4, 4000], ipv4);
  await world.calls(ann.name, [HOST_ADDRESSES.host2.ipv6, 4000], ipv6);
  t.pass("another host is outside");

  await world.lab.ip(
    "host1",
    "addr add 10.77.0.77/24 dev eth0",
    "addr add fd77::77/64 dev eth0 nodad",
  );
  const settings = {
    natOutgoingAddress: "10.77.0.77",
    natOutgoingAddressIPv6: "fd77::77",
    natPortRange: "20000:20009",
  };
  world.write([ann, ben], [PROFILE, ...pools(true), felix(settings)]);
  await world.calls(ann.name, [OUTSIDE.ipv4, 4000], "10.77.0.77");
  await world.calls(ann.name, [OUTSIDE.ipv6, 4000], "fd77::77");
  const rules = await world.nft("host1", "list", "ruleset");
  t.match(rules, "snat to 10.77.0.77:20000-20009", "an address and ports of choice");
  t.match(rules, "snat to [fd77::77]:20000-20009", "in both families");

  world.write(
    [ann, ben],
    [PROFILE, ...pools(true), felix({ natOutgoingExclusions: "IPPoolsAndHostIPs" })],
  );
  await world.calls(ann.name, [OUTSIDE.ipv4, 4000], ipv4);
  await world.calls(ann.name, [HOST_ADDRESSES.host2.ipv4, 4000], ann.ipv4);
  await world.calls(ann.name, [HOST_ADDRESSES.host2.ipv6, 4000], ann.ipv6);
  t.pass("hosts are exempt where so configured");

  world.write([ann, ben], [PROFILE, ...pools(false)]);
  await world.calls(ann.name, [OUTSIDE.ipv4, 4000], undefined);
  t.pass("a pool without natOutgoing is not translated: nobody outside knows the way back");
}

async function published(t: Test, world: PolicyLab): Promise<void> {
  const { host1 } = HOST_ADDRESSES;
  await world.calls(OUTSIDE.name, [host1.ipv4, 4001], OUTSIDE.ipv4);
  await world.calls(OUTSIDE.name, [host1.ipv6, 4001], OUTSIDE.ipv6);
  t.pass("a port of the host leads to the workload, and the workload sees who calls");
  await world.calls(OUTSIDE.name, [host1.ipv4, 4002], OUTSIDE.ipv4);
  await world.calls(OUTSIDE.name, ["10.77.0.77", 4002], undefined);
  await world.calls(OUTSIDE.name, ["10.77.0.77", 4001], OUTSIDE.ipv4);
  t.pass("one with hostIP at that address only");
  await world.calls("host1", [host1.ipv4, 4001], host1.ipv4);
  await world.calls("host1", [host1.ipv6, 4001], host1.ipv6);
  t.pass("from the host itself");
  await world.calls(ben.name, [host1.ipv4, 4001], ben.ipv4);
  t.pass("from a workload of another host");
  for (const address of [host1.ipv4, host1.ipv6]) {
    const seen = await waitUntil("it is answered", () => world.call(ann.name, address, 4001), {
      deadlineSeconds: 60,
    });
    t.ok(seen !== ann.ipv4 && seen !== ann.ipv6, `from itself, by ${address}: ${seen}`);
  }
  t.equal(
    await world.call(OUTSIDE.name, ann.ipv4, 4000),
    undefined,
    "the workload's own port stays shut",
  );

  const { ports: _ports, ...closed } = ann;
  world.write([closed, ben], [PROFILE, ...pools(false)]);
  await world.calls(OUTSIDE.name, [host1.ipv4, 4001], undefined);
  t.pass("the port leaves with the endpoint's ports");
}
