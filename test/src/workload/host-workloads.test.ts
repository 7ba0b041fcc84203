import t from "tap";
import { IpAddress } from "../../../protocol/types/ip-address.ts";
import { MemoryDatastore } from "../../../src/datastore/memory.ts";
import { Ipam } from "../../../src/ipam/ipam.ts";
import { API_VERSION, type Resource } from "../../../src/resources/resource.ts";
import type { AnyResource } from "../../../src/resources/schemas.ts";
import { HostWorkloads } from "../../../src/workload/host-workloads.ts";
import type { LinkAnswer, LinkRequest } from "../../../src/workload/link-requests.ts";
import type { WorkloadHost } from "../../../src/workload/workload-host.ts";
import { workloadMtu } from "../../../src/workload/workload-mtu.ts";
import { workloadNames } from "../../../src/workload/workload-names.ts";
import type { WorkloadEndpoint, WorkloadRequest } from "../../../src/workload/workload-request.ts";

type Step = "link" | "store" | "delivery" | "none";

const REQUEST: WorkloadRequest = {
  orchestrator: "cni",
  workload: "c1",
  endpoint: "eth0",
  containerId: "c1",
  attachment: { type: "namespace", netns: "/run/netns/one", interfaceName: "eth0" },
  addresses: { from: "auto" },
};

/** A store that can be told to refuse endpoints, as one does whose disk is full. */
class Store extends MemoryDatastore {
  failing = false;

  override async create(resource: Resource) {
    if (this.failing && resource.kind === "WorkloadEndpoint") {
      const { DatastoreError } = await import("../../../src/datastore/datastore.ts");
      throw new DatastoreError("the disk is full");
    }
    return super.create(resource);
  }
}

/** A host with pools; it writes down what is done, and fails where it is told to. */
async function world() {
  const store = new Store();
  for (const [name, cidr] of [
    ["v4", "192.168.0.0/24"],
    ["v6", "fd80::/112"],
  ] as const) {
    await store.create({
      apiVersion: API_VERSION,
      kind: "IPPool",
      metadata: { name },
      spec: { cidr },
    });
  }
  await store.create({ apiVersion: API_VERSION, kind: "Node", metadata: { name: "h1" }, spec: {} });
  const ipam = new Ipam({ datastore: store });
  const done: string[] = [];
  const pairs = new Set<string>();
  const told = { failing: "none" as Step };
  const host: WorkloadHost = {
    nodeName: "h1",
    mtu: () => 1440,
    poolVersions: () => new Set([4, 6] as const),
    endpoints: () => [],
    delivered: async () => {
      done.push("delivered");
      return told.failing === "delivery"
        ? { type: "failed", conflict: true, message: "another has it" }
        : { type: "delivered" };
    },
    withdraw: async (name) => void done.push(`withdraw ${name}`),
    announceAgain: (name) => void done.push(`announce again ${name}`),
    stateOf: () => ({ state: "ready", problems: [] }),
    log: () => {},
  };
  const links = {
    ask: async (request: LinkRequest): Promise<LinkAnswer> => {
      done.push(request.type);
      if (request.type === "detach") pairs.delete(request.hostInterface);
      if (request.type === "look") return { type: "link", link: { mtu: 1500, up: true } };
      if (request.type !== "attach") return { type: "done" };
      pairs.add(request.hostInterface);
      return told.failing === "link"
        ? { type: "refused", reason: "noNamespace", message: "no such namespace" }
        : { type: "link", link: { mac: "0a:00:00:00:00:01", mtu: request.mtu, up: true } };
    },
  };
  const workloads = new HostWorkloads({ host, datastore: store, ipam, links });
  const left = async () => {
    const { resources } = await store.list();
    return {
      handles: resources.filter(({ kind }) => kind === "IPAMHandle").length,
      endpoints: resources.filter(({ kind }) => kind === "WorkloadEndpoint").length,
      pairs: pairs.size,
    };
  };
  return { store, ipam, workloads, done, told, left };
}

t.test("addresses, pair, resource, delivery; and back in reverse", async (t) => {
  const { workloads, done, left, store } = await world();
  const connected = await workloads.add(REQUEST);
  t.match(connected, {
    gateways: ["169.254.1.1", "fe80::1"],
    hostInterface: /^cali[0-9a-f]{11}$/,
    mac: "0a:00:00:00:00:01",
    mtu: 1440,
  });
  t.equal(connected.addresses.length, 2);
  t.strictSame(done.splice(0), ["attach", "delivered"]);
  const { resources } = await store.list({ kinds: ["WorkloadEndpoint"] });
  t.match(resources[0], {
    metadata: { name: "h1-cni-c1-eth0", namespace: "default" },
    spec: { node: "h1", containerID: "c1", interfaceName: connected.hostInterface },
  });
  const again = await workloads.add(REQUEST);
  t.strictSame(again.addresses, connected.addresses, "the same identity keeps its addresses");
  done.splice(0);
  t.strictSame(await workloads.remove(REQUEST), { existed: true });
  t.strictSame(done.splice(0), [`withdraw ${connected.hostInterface}`, "detach"]);
  t.strictSame(await left(), { handles: 0, endpoints: 0, pairs: 0 });
  t.strictSame(await workloads.remove(REQUEST), { existed: false }, "removing twice is no error");
});

t.test("whichever step fails, nothing is left", async (t) => {
  for (const [failing, code] of [
    ["link", "not-found"],
    ["store", "unavailable"],
    ["delivery", "taken"],
  ] as const) {
    const { workloads, told, left, store } = await world();
    told.failing = failing;
    store.failing = failing === "store";
    await t.rejects(workloads.add(REQUEST), { code }, failing);
    t.strictSame(await left(), { handles: 0, endpoints: 0, pairs: 0 }, failing);
    told.failing = "none";
    store.failing = false;
    await t.resolves(workloads.add(REQUEST), "and it can be tried again");
  }
});

t.test("what an earlier incarnation has survives a later one's failure", async (t) => {
  const { workloads, told, store, ipam } = await world();
  const { addresses, endpoint } = await workloads.add(REQUEST);
  told.failing = "delivery";
  const other = IpAddress("192.168.0.77");
  await t.rejects(workloads.add({ ...REQUEST, addresses: { from: "claim", addresses: [other] } }), {
    code: "taken",
  });
  t.equal(await ipam.ownerOf(other), undefined, "what it claimed is free");
  for (const address of addresses) t.ok(await ipam.ownerOf(address), `${address} is still held`);
  const stored = await store.get({ ...endpoint.metadata, kind: "WorkloadEndpoint" });
  t.strictSame((stored as WorkloadEndpoint | undefined)?.spec, endpoint.spec);
  told.failing = "none";
  await workloads.add({ ...REQUEST, addresses: { from: "claim", addresses: [other] } });
  for (const address of addresses) t.equal(await ipam.ownerOf(address), undefined);
});

t.test("a removal that names another incarnation leaves this one alone", async (t) => {
  const { workloads, left, ipam } = await world();
  const pod = { ...REQUEST, orchestrator: "k8s", workload: "web-0", namespace: "shop" };
  await workloads.add({ ...pod, handle: "net.c1" });
  await workloads.add({ ...pod, containerId: "c2", handle: "net.c2" });
  const late = { ...pod, containerId: "c1", handle: "net.c1" };
  t.strictSame(await workloads.remove(late), { existed: false });
  t.match(await left(), { endpoints: 1, pairs: 1 });
  t.strictSame(await ipam.byHandle("net.c1"), [], "but what it had is free");
  t.equal((await ipam.byHandle("net.c2")).length, 2);
});

t.test("a container that stops keeps its addresses; a tap is never taken away", async (t) => {
  const { workloads, done, left } = await world();
  const { addresses } = await workloads.add(REQUEST);
  await workloads.remove(REQUEST, { keepAddresses: true });
  t.strictSame(await left(), { handles: 1, endpoints: 0, pairs: 0 });
  t.strictSame((await workloads.add(REQUEST)).addresses, addresses);
  done.splice(0);
  const tap = { ...REQUEST, orchestrator: "tortie", workload: "vm" };
  await workloads.add({ ...tap, attachment: { type: "host", interfaceName: "tap0" } });
  await workloads.remove(tap);
  t.strictSame(done.splice(0), ["look", "delivered", "withdraw tap0"]);
});

t.test("acts on one identity run one after another", async (t) => {
  const { workloads, left } = await world();
  const all = await Promise.all([
    workloads.add(REQUEST),
    workloads.remove(REQUEST),
    workloads.add(REQUEST),
    workloads.add({ ...REQUEST, workload: "c2" }),
  ]);
  t.equal(all.length, 4);
  t.strictSame(await left(), { handles: 2, endpoints: 2, pairs: 2 });
});

t.test("names follow from the identity and fit where they stand", (t) => {
  const names = (workload: string, orchestrator = "docker") =>
    workloadNames({ orchestrator, workload, endpoint: "eth0" }, "node-1");
  t.equal(names("web-0").resource, "node--1-docker-web--0-eth0");
  t.not(names("Web_0").resource, names("web.0").resource);
  for (const workload of ["Web_0", "ä/..", "x".repeat(400), "-"]) {
    const { resource, hostInterface } = names(workload);
    t.match(resource, /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/, workload);
    t.ok(resource.length <= 253);
    t.match(hostInterface, /^cali[0-9a-f]{11}$/);
  }
  t.not(names("a").hostInterface, names("b").hostInterface);
  const pod = { orchestrator: "k8s", workload: "web-0", endpoint: "eth0", namespace: "shop" };
  // As Calico's plugin names it: the digest (sha1) of "shop.web-0".
  t.equal(workloadNames(pod, "node-1").hostInterface, "calia4fc3c48bd8");
  t.end();
});

t.test("the MTU: the smallest uplink less the largest encapsulation of any pool", (t) => {
  const interfaces = [
    { name: "eth0", mtu: 1500, up: true },
    { name: "eth1", mtu: 9000, up: true },
    { name: "eth2", mtu: 1300, up: false },
    { name: "cali123", mtu: 1280, up: true },
    { name: "lo", mtu: 65_536, up: true },
  ];
  const pool = (spec: object) =>
    ({ apiVersion: API_VERSION, kind: "IPPool", metadata: { name: "p" }, spec }) as AnyResource;
  const felix = (name: string, spec: object) =>
    ({
      apiVersion: API_VERSION,
      kind: "FelixConfiguration",
      metadata: { name },
      spec,
    }) as AnyResource;
  const plain = pool({ cidr: "10.0.0.0/16" });
  const ipip = pool({ cidr: "10.1.0.0/16", ipipMode: "CrossSubnet" });
  const vxlan = pool({ cidr: "10.2.0.0/16", vxlanMode: "Always" });
  const vxlan6 = pool({ cidr: "fd00::/64", vxlanMode: "Always" });
  for (const [what, resources, mtu] of [
    ["no pools", [], 1500],
    ["no encapsulation", [plain], 1500],
    ["IP-in-IP", [plain, ipip], 1480],
    ["VXLAN beside it", [ipip, vxlan], 1450],
    ["VXLAN over IPv6", [ipip, vxlan, vxlan6], 1430],
    ["the cluster says", [ipip, felix("default", { ipipMTU: 1400 })], 1400],
    [
      "the node says otherwise",
      [ipip, felix("default", { ipipMTU: 1400 }), felix("node.h1", { ipipMTU: 1410 })],
      1410,
    ],
    ["another pattern", [felix("default", { mtuIfacePattern: "^eth1$" })], 9000],
    ["a pattern that is none", [felix("default", { mtuIfacePattern: "(" })], 1500],
  ] as const) {
    t.equal(workloadMtu({ nodeName: "h1", interfaces, resources }), mtu, what);
  }
  t.equal(workloadMtu({ nodeName: "h1", interfaces: [], resources: [] }), 1500);
  t.end();
});
