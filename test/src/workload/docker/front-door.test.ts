import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import t, { type Test } from "tap";
import { IpAddress } from "../../../../protocol/types/ip-address.ts";
import { MemoryDatastore } from "../../../../src/datastore/memory.ts";
import { Ipam } from "../../../../src/ipam/ipam.ts";
import { CreateHook } from "../../../../src/workload/docker/create-hook.ts";
import { DockerClient } from "../../../../src/workload/docker/docker-client.ts";
import { FormerAddresses } from "../../../../src/workload/docker/former-addresses.ts";
import { FrontDoorEndpoints } from "../../../../src/workload/docker/front-door-endpoints.ts";
import { ADDRESS_SPACES, ipamDriver } from "../../../../src/workload/docker/ipam-driver.ts";
import { NetworkDriver } from "../../../../src/workload/docker/network-driver.ts";
import type { PluginMethods } from "../../../../src/workload/docker/plugin-server.ts";
import { FakeWorkloads } from "../../../support/fake-workloads.ts";

const NODE = "core-01";
const POOL = {
  apiVersion: "projectcalico.org/v3",
  kind: "IPPool",
  metadata: { name: "pool" },
  spec: { cidr: "192.168.0.0/16" },
};
const NODE_RESOURCE = {
  apiVersion: "projectcalico.org/v3",
  kind: "Node",
  metadata: { name: NODE },
  spec: {},
};

/** The front door over memory, and a docker that knows the networks that were made, and these. */
async function frontDoor(t: Test, networks: readonly object[] = []) {
  const folder = mkdtempSync(join(tmpdir(), "tortie-door-"));
  const made: unknown[] = [];
  const deleted: string[] = [];
  const starting: ServerResponse[] = [];
  const server = createServer((request, response) => {
    let body = "";
    request.on("data", (chunk) => {
      body += chunk;
    });
    request.on("end", () => {
      if (request.method === "POST") made.push(JSON.parse(body));
      const listed = [...networks, ...made];
      if (request.method === "DELETE") {
        deleted.push(request.url ?? "");
        response.writeHead(request.url === "/networks/in-use" ? 403 : 204).end();
      } else if (request.url?.startsWith("/networks?")) response.end(JSON.stringify(listed));
      else if (request.url?.startsWith("/containers/starting/")) starting.push(response);
      else if (request.url?.startsWith("/containers/gone/")) response.writeHead(404).end("{}");
      else if (request.url?.startsWith("/containers/json")) response.end('[{"Id":"c0ffee"}]');
      else if (request.url === "/networks/n1") response.end('{"Name":"blue"}');
      else response.writeHead(request.method === "POST" ? 201 : 200).end(JSON.stringify(made[0]));
    });
  });
  const path = join(folder, "docker.sock");
  await new Promise<void>((done) => server.listen(path, done));
  t.teardown(async () => {
    server.closeAllConnections();
    await new Promise((done) => server.close(done));
    rmSync(folder, { recursive: true, force: true });
  });
  const datastore = new MemoryDatastore([POOL, NODE_RESOURCE]);
  const parts = {
    nodeName: NODE,
    datastore,
    ipam: new Ipam({ datastore }),
    workloads: new FakeWorkloads(),
    docker: new DockerClient(path),
    former: new FormerAddresses(new DockerClient(path)),
    log: () => undefined,
  };
  const endpoints = new FrontDoorEndpoints(parts);
  const create = new CreateHook({
    ...parts,
    frontDoor: endpoints,
    network: "tortie",
    driver: "tortie",
  });
  const driver = new NetworkDriver({ ...parts, frontDoor: endpoints });
  const methods: PluginMethods = { ...driver.methods, ...ipamDriver(parts) };
  const call = async (name: string, body: object = {}) => {
    const method = methods[name];
    if (method === undefined) throw new Error(`no ${name}`);
    return method(body as Readonly<Record<string, unknown>>);
  };
  return { ...parts, made, deleted, endpoints, create, driver, call };
}

type Rewritten = {
  readonly Labels: Readonly<Record<string, string>>;
  readonly NetworkingConfig: {
    readonly EndpointsConfig: { readonly tortie: { readonly DriverOpts: Record<string, string> } };
  };
};

t.test("a container with CALICO_IP from create to rm", async (t) => {
  const { create, made, call, driver, endpoints, datastore, ipam } = await frontDoor(t);
  t.equal(await create.prepare({ Env: [] }), undefined, "one without is left alone");
  const prepared = await create.prepare({ Env: ["CALICO_IP=auto", "CALICO_PROFILE=test"] });
  t.match(
    made,
    [{ Name: "tortie", Driver: "tortie", IPAM: { Driver: "null" } }],
    "the network is made",
  );
  if (prepared === undefined) throw new Error("it was left alone");
  const rewritten = prepared.request as Rewritten;
  const options = rewritten.NetworkingConfig.EndpointsConfig.tortie.DriverOpts;
  const token = options["org.tortie.endpoint"] ?? "";
  t.match(options, { "org.tortie.addresses": "192.168.0.1", "org.tortie.profiles": "test" });
  t.ok(create.underWay().has(token), "nobody may take it for gone before docker has it");
  prepared.created();
  t.notOk(create.underWay().has(token));
  t.ok(await datastore.get({ kind: "Profile", name: "test" }), "the profile is made on the fly");
  const key = {
    kind: "WorkloadEndpoint",
    namespace: "default",
    name: `core--01-docker-${token}-eth0`,
  };
  const stored = await datastore.get(key);
  t.match(
    stored?.spec,
    { ipNetworks: ["192.168.0.1/32"], profiles: ["test"] },
    "its endpoint rests",
  );
  t.equal(stored?.spec["interfaceName"], undefined);

  if (stored !== undefined)
    await datastore.update({ ...stored, spec: { ...stored.spec, profiles: ["other"] } });
  const answer = await call("NetworkDriver.CreateEndpoint", {
    NetworkID: "n0",
    EndpointID: "e0123456789abcdef",
    Interface: {},
    Options: options,
  });
  t.match(answer, {
    Interface: { Address: "192.168.0.1/32", MacAddress: /^02(:[0-9a-f]{2}){5}$/ },
  });
  const joined = await call("NetworkDriver.Join", {
    EndpointID: "e0123456789abcdef",
    SandboxKey: "/nowhere/a",
  });
  t.match(joined, {
    InterfaceName: { SrcName: "ttde0123456789a", DstPrefix: "eth" },
    Gateway: "169.254.1.1",
    StaticRoutes: [{ Destination: "169.254.1.1/32", RouteType: 1 }],
    DisableGatewayService: true,
  });
  t.same(driver.portsOf("e0123456789abcdef"), []);
  t.equal(driver.portsOf("other"), undefined);
  t.equal((await ipam.ownerOf(IpAddress("192.168.0.1")))?.handle, `docker.core-01.${token}`);

  await endpoints.remove(token);
  t.equal(await datastore.get(key), undefined);
  t.equal(await ipam.ownerOf(IpAddress("192.168.0.1")), undefined, "the address is free again");
});

t.test("what is refused leaves nothing, and what docker refuses is undone", async (t) => {
  const { create, datastore, ipam } = await frontDoor(t);
  await t.rejects(create.prepare({ Env: ["CALICO_IP=10.9.9.9"] }), {
    status: 400,
    message: "CALICO_IP 10.9.9.9 is in no pool (pools: 192.168.0.0/16)",
  });
  const first = await create.prepare({ Env: ["CALICO_IP=192.168.3.3"] });
  await t.rejects(create.prepare({ Env: ["CALICO_IP=192.168.3.3"] }), {
    status: 409,
    message: /^CALICO_IP 192\.168\.3\.3 cannot be had: 192\.168\.3\.3 belongs to/,
  });
  await first?.undo();
  t.equal(await ipam.ownerOf(IpAddress("192.168.3.3")), undefined);
  const { resources } = await datastore.list({ kinds: ["WorkloadEndpoint"] });
  t.same(resources, []);
  datastore.failWith("etcd is away");
  await t.rejects(create.prepare({ Env: ["CALICO_IP=auto"] }), {
    status: 503,
    message: /etcd is away/,
  });
});

t.test("docker's network of the front door is one", async (t) => {
  const request = { Env: ["CALICO_IP=auto"] };
  const ours = { Name: "tortie", Driver: "tortie", IPAM: { Driver: "null" } };
  const fresh = await frontDoor(t);
  await Promise.all(Array.from({ length: 20 }, () => fresh.create.prepare(request)));
  t.equal(fresh.made.length, 1, "twenty containers at once make one");
  const twice = await frontDoor(t, [
    { ...ours, Id: "in-use" },
    { ...ours, Id: "b" },
    { ...ours, Id: "c" },
    { ...ours, Id: "other", Name: "tortie-too", Driver: "bridge" },
  ]);
  await twice.create.prepare(request);
  t.same([twice.made, twice.deleted], [[], ["/networks/in-use", "/networks/b", "/networks/c"]]);
  const foreign = await frontDoor(t, [{ ...ours, Driver: "bridge" }]);
  const refused = { status: 409, message: /not for CALICO_IP/ };
  await t.rejects(foreign.create.prepare(request), refused);
  await t.rejects(foreign.create.prepare(request), refused, "and it is looked for again");
  const owner = await foreign.ipam.ownerOf(IpAddress("192.168.0.1"));
  t.equal(owner, undefined, "and no address was claimed for it");
});

t.test("networks of people: pools, addresses, endpoints", async (t) => {
  const { call, ipam, workloads, datastore } = await frontDoor(t);
  t.same(await call("IpamDriver.GetDefaultAddressSpaces"), ADDRESS_SPACES);
  const any = await call("IpamDriver.RequestPool", {
    AddressSpace: "TortieLocal",
    Pool: "",
    V6: false,
  });
  t.match(any, { Pool: "0.0.0.0/0", Data: { "com.docker.network.gateway": "0.0.0.0/0" } });
  const pool = await call("IpamDriver.RequestPool", { Pool: "192.168.0.0/16" });
  await t.rejects(
    call("IpamDriver.RequestPool", { Pool: "10.0.0.0/8" }),
    /is no pool \(pools: 192\.168\.0\.0\/16\)/,
  );
  await t.rejects(
    call("IpamDriver.RequestPool", { Pool: "192.168.0.0/16", SubPool: "192.168.1.0/24" }),
    /--ip-range/,
  );
  const { PoolID } = pool as { PoolID: string };
  t.match(await call("IpamDriver.RequestAddress", { PoolID, Address: "192.168.7.7" }), {
    Address: "192.168.7.7/32",
  });
  await t.rejects(
    call("IpamDriver.RequestAddress", { PoolID, Address: "192.168.7.7" }),
    /192\.168\.7\.7/,
  );
  await t.rejects(
    call("IpamDriver.RequestAddress", {
      PoolID,
      Options: { RequestAddressType: "com.docker.network.gateway" },
    }),
    /leave --gateway out/,
  );
  t.match(await call("IpamDriver.RequestAddress", { PoolID }), {
    Address: /^192\.168\.\d+\.\d+\/32$/,
  });
  t.match(
    await call("NetworkDriver.CreateNetwork", { IPv4Data: [{ AddressSpace: "TortieLocal" }] }),
    {},
  );
  await t.rejects(
    call("NetworkDriver.CreateNetwork", { IPv4Data: [{ AddressSpace: "LocalDefault" }] }),
    /add --ipam-driver tortie/,
  );
  await t.rejects(
    call("NetworkDriver.CreateEndpoint", { NetworkID: "n1", EndpointID: "e1", Interface: {} }),
    /docker network create -d tortie --ipam-driver tortie/,
    "an endpoint without an address",
  );
  const made = await call("NetworkDriver.CreateEndpoint", {
    NetworkID: "n1",
    EndpointID: "e1",
    Interface: { Address: "192.168.7.7/32", MacAddress: "02:00:00:00:00:07" },
  });
  t.same(made, { Interface: {} }, "docker is not told what it said");
  const [listed] = await workloads.list();
  t.match(listed?.endpoint.spec, {
    orchestrator: "libnetwork",
    workload: "libnetwork",
    endpoint: "e1",
    profiles: ["blue"],
  });
  t.ok(await datastore.get({ kind: "Profile", name: "blue" }), "the network's profile");
  await call("NetworkDriver.DeleteEndpoint", { EndpointID: "e1" });
  t.same(await workloads.list(), []);
  await call("IpamDriver.ReleaseAddress", { PoolID, Address: "192.168.7.7" });
  t.equal(await ipam.ownerOf(IpAddress("192.168.7.7")), undefined);
  await t.rejects(call("NetworkDriver.Join", { EndpointID: "e9" }), /never asked/);
});

t.test("a container in a network of people's has its address again", async (t) => {
  const { call, workloads, former } = await frontDoor(t);
  const PoolID = "tortie:0.0.0.0/0";
  const given = async () => {
    const { Address } = (await call("IpamDriver.RequestAddress", { PoolID })) as {
      readonly Address: string;
    };
    return Address.replace("/32", "");
  };
  /** Docker starts a container; its id is written to the endpoint when docker tells of the connection. */
  const start = async (EndpointID: string, containerId: string) => {
    const Address = await given();
    const request = { NetworkID: "n1", EndpointID, Interface: { Address: `${Address}/32` } };
    await call("NetworkDriver.CreateEndpoint", request);
    for (const { endpoint } of await workloads.list()) {
      if (endpoint.spec.endpoint === EndpointID) {
        Object.assign(endpoint.spec, { containerID: containerId });
      }
    }
    return Address;
  };
  const stop = async (EndpointID: string, Address: string) => {
    await call("NetworkDriver.DeleteEndpoint", { EndpointID });
    await call("IpamDriver.ReleaseAddress", { PoolID, Address });
  };
  const [idle, gone, mine] = [
    await start("e1", "idle"),
    await start("e2", "gone"),
    await start("e3", "starting"),
  ];
  await stop("e1", idle);
  await stop("e2", gone);
  await stop("e3", mine);
  t.equal(await start("e4", "starting"), mine, "that of the container which docker starts");
  const fresh = await start("e5", "fresh");
  t.notOk([idle, gone, mine].includes(fresh), "a container that is new gets a new one");
  await stop("e4", mine);
  await call("IpamDriver.RequestAddress", { PoolID, Address: mine });
  t.not(await start("e6", "starting"), mine, "when somebody has it by then, it gets another");
  former.left("starting", [IpAddress("192.168.9.9")]);
  former.released(IpAddress("192.168.9.9"), PoolID);
  former.forget("starting");
  t.not(await given(), "192.168.9.9", "nor is it kept for one that was removed");
});
