import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import t, { type Test } from "tap";
import { IpAddress } from "../../../../protocol/types/ip-address.ts";
import { MemoryDatastore } from "../../../../src/datastore/memory.ts";
import { Ipam } from "../../../../src/ipam/ipam.ts";
import { waitUntil } from "../../../../src/lab/wait-until.ts";
import { keyOf } from "../../../../src/resources/resource.ts";
import { TOKEN_LABEL } from "../../../../src/workload/docker/container-request.ts";
import { CreateHook } from "../../../../src/workload/docker/create-hook.ts";
import { DockerClient } from "../../../../src/workload/docker/docker-client.ts";
import { followDocker } from "../../../../src/workload/docker/docker-follower.ts";
import { FormerAddresses } from "../../../../src/workload/docker/former-addresses.ts";
import { FrontDoorEndpoints } from "../../../../src/workload/docker/front-door-endpoints.ts";
import { NetworkDriver } from "../../../../src/workload/docker/network-driver.ts";
import { workloadNames } from "../../../../src/workload/workload-names.ts";
import type {
  WorkloadEndpoint,
  WorkloadIdentity,
  WorkloadRequest,
} from "../../../../src/workload/workload-request.ts";
import { FakeWorkloads } from "../../../support/fake-workloads.ts";

const NODE = "core-01";
const RESOURCES = [
  { kind: "IPPool", metadata: { name: "pool" }, spec: { cidr: "192.168.0.0/16" } },
  { kind: "Node", metadata: { name: NODE }, spec: {} },
].map((each) => ({ apiVersion: "projectcalico.org/v3", ...each }));

/** A docker that has these containers, and whatever is added later; it notes what it is told to do. */
class FakeDocker {
  readonly containers: Container[] = [];
  readonly started: string[] = [];
  /** What happens between our question and the moment at which docker looks at its containers. */
  beforeLook: () => Promise<void> = async () => undefined;
  /** What happens between the moment at which docker looks at its containers and that at which its answer arrives. */
  afterLook: () => Promise<void> = async () => undefined;
  #looks = 0;
  #events: ServerResponse | undefined;
  readonly #server = createServer((request, response) => {
    void this.#answer(request.url ?? "", response);
  });

  static async open(t: Test): Promise<{ readonly docker: FakeDocker; readonly path: string }> {
    const folder = mkdtempSync(join(tmpdir(), "tortie-follow-"));
    const docker = new FakeDocker();
    const path = join(folder, "docker.sock");
    await new Promise<void>((done) => docker.#server.listen(path, done));
    t.teardown(async () => {
      docker.#server.closeAllConnections();
      await new Promise((done) => docker.#server.close(done));
      rmSync(folder, { recursive: true, force: true });
    });
    return { docker, path };
  }

  /** How often it was asked which containers it has. */
  get looks(): number {
    return this.#looks;
  }

  /** Tells an event to whoever listens. */
  tell(event: object): void {
    this.#events?.write(`${JSON.stringify(event)}\n`);
  }

  /** Ends the stream of events, as docker's death does. */
  die(): void {
    this.#events?.destroy();
  }

  async #answer(url: string, response: ServerResponse): Promise<void> {
    const [, id = "", action = ""] = /^\/containers\/([^/?]+)\/(\w+)/.exec(url) ?? [];
    if (url.startsWith("/events")) {
      this.#events = response;
      response.writeHead(200).flushHeaders();
    } else if (url === "/containers/json?all=1") {
      await this.beforeLook();
      const seen = JSON.stringify(this.containers);
      await this.afterLook();
      this.#looks++;
      response.end(seen);
    } else if (url.startsWith("/containers/json")) response.end(JSON.stringify(this.containers));
    else if (action === "start") {
      this.started.push(id);
      response.writeHead(id === "broken" ? 500 : 204).end();
    } else if (action === "json") {
      response.end(JSON.stringify(this.containers.find(({ Id }) => Id === id)));
    } else response.end("[]");
  }
}

/** Workloads whose endpoints stand in the datastore, where the front door has its own. */
class StoredWorkloads extends FakeWorkloads {
  readonly #datastore: MemoryDatastore;

  constructor(datastore: MemoryDatastore) {
    super();
    this.#datastore = datastore;
  }

  override async add(request: WorkloadRequest) {
    const connected = await super.add(request);
    await this.#datastore.delete(keyOf(connected.endpoint));
    await this.#datastore.create(connected.endpoint);
    return connected;
  }

  override async remove(identity: WorkloadIdentity) {
    const { namespace, resource: name } = workloadNames(identity, NODE);
    await this.#datastore.delete({ kind: "WorkloadEndpoint", namespace, name });
    return super.remove(identity);
  }

  override async list() {
    const { resources } = await this.#datastore.list({ kinds: ["WorkloadEndpoint"] });
    return resources.map((endpoint) => ({
      endpoint: endpoint as WorkloadEndpoint,
      state: "ready" as const,
      problems: [],
    }));
  }
}

type Container = {
  readonly Id: string;
  readonly Labels?: Readonly<Record<string, string>>;
  readonly NetworkSettings?: object;
  readonly State?: { readonly Error?: string };
  readonly HostConfig?: { readonly RestartPolicy?: { readonly Name?: string } };
};

async function following(t: Test) {
  const { docker, path } = await FakeDocker.open(t);
  const datastore = new MemoryDatastore(RESOURCES);
  const parts = {
    nodeName: NODE,
    datastore,
    ipam: new Ipam({ datastore }),
    workloads: new StoredWorkloads(datastore),
    docker: new DockerClient(path),
    former: new FormerAddresses(new DockerClient(path)),
    log: () => undefined,
  };
  const frontDoor = new FrontDoorEndpoints(parts);
  const create = new CreateHook({ ...parts, frontDoor, network: "tortie", driver: "tortie" });
  const driver = new NetworkDriver({ ...parts, frontDoor });
  const abort = new AbortController();
  const start = () => {
    const drivers = ["tortie", "calico"];
    const done = followDocker({ ...parts, frontDoor, create, driver, drivers }, abort.signal);
    t.teardown(() => {
      abort.abort();
      return done;
    });
  };
  const looked = (times: number) =>
    waitUntil(`docker was looked at ${times} times`, () => docker.looks >= times, {
      deadlineSeconds: 10,
      everyMilliseconds: 5,
    });
  const owner = async (address: string) => (await parts.ipam.ownerOf(IpAddress(address)))?.handle;
  return { ...parts, daemon: docker, frontDoor, create, driver, start, looked, owner };
}

/** What docker says to the driver when it starts a container of the front door. */
const endpointOf = (owner: string, id: string, address: string) => ({
  NetworkID: "n0",
  EndpointID: id,
  Interface: {},
  Options: { "org.tortie.endpoint": owner, "org.tortie.addresses": address },
});

const token = (digit: string) => digit.repeat(32);

/** One container of the front door, as docker lists it. */
const listed = (digit: string, endpoint = "") => ({
  Id: `container-${digit}`,
  Labels: { [TOKEN_LABEL]: token(digit) },
  NetworkSettings: { Networks: { tortie: { EndpointID: endpoint } } },
});

t.test("a container that docker creates meanwhile is not taken for gone", async (t) => {
  const world = await following(t);
  let made = "";
  world.daemon.afterLook = async () => {
    if (made !== "") return;
    const prepared = await world.create.prepare({ Env: ["CALICO_IP=192.168.3.3"] });
    const request = prepared?.request as { Labels: Record<string, string> } | undefined;
    made = request?.Labels[TOKEN_LABEL] ?? "";
    world.daemon.containers.push({ Id: "new", Labels: { [TOKEN_LABEL]: made } });
    prepared?.created();
  };
  world.start();
  await world.looked(1);
  world.daemon.die();
  await world.looked(2);
  t.equal(await world.owner("192.168.3.3"), `docker.${NODE}.${made}`, "it keeps its address");
  world.daemon.containers.length = 0;
  world.daemon.die();
  await world.looked(3);
  await waitUntil("it is gone", async () => (await world.owner("192.168.3.3")) === undefined, {
    deadlineSeconds: 5,
    everyMilliseconds: 5,
  });
  t.pass("and gives it back when docker has it no more");
});

t.test("a container that starts meanwhile keeps its interface", async (t) => {
  const world = await following(t);
  const { driver, daemon, workloads } = world;
  const create = driver.methods["NetworkDriver.CreateEndpoint"];
  const interfaceOf = async (digit: string) =>
    (await workloads.list()).find(({ endpoint }) => endpoint.spec.workload === token(digit))
      ?.endpoint.spec.interfaceName;
  for (const digit of ["a", "b"]) {
    await world.frontDoor.reserve(token(digit), {
      addresses: [IpAddress(`192.168.0.${digit === "a" ? 1 : 2}`)],
      profiles: [],
    });
    daemon.containers.push(listed(digit));
  }
  // The daemon before this one connected it, and the container has stopped since.
  await world.frontDoor.connect({
    token: token("b"),
    endpointId: "stale",
    findContainerId: async () => undefined,
    peerName: "ttdb",
    mac: undefined,
    driverOptions: {},
  });
  await create?.(endpointOf(token("a"), "starting", "192.168.0.1"));
  world.start();
  await waitUntil("the other rests", async () => (await interfaceOf("b")) === undefined, {
    deadlineSeconds: 5,
    everyMilliseconds: 5,
  });
  t.match(await interfaceOf("a"), /^cali/, "docker asked for it, and lists it only when it runs");
  daemon.die();
  await waitUntil("it rests, too", async () => (await interfaceOf("a")) === undefined, {
    deadlineSeconds: 5,
    everyMilliseconds: 5,
  });
  t.pass("what docker asked for before it died is not awaited any more");
});

t.test("a docker that boots answers when its containers have got new endpoints", async (t) => {
  const { driver, daemon, frontDoor, workloads, start, looked } = await following(t);
  const create = driver.methods["NetworkDriver.CreateEndpoint"];
  await frontDoor.reserve(token("a"), { addresses: [IpAddress("192.168.0.1")], profiles: [] });
  await create?.(endpointOf(token("a"), "before-the-boot", "192.168.0.1"));
  driver.dockerIsLost();
  daemon.beforeLook = async () => {
    if (daemon.containers.length > 0) return;
    daemon.containers.push(listed("a", "after-the-boot"));
    await create?.(endpointOf(token("a"), "after-the-boot", "192.168.0.1"));
  };
  start();
  await looked(1);
  daemon.die();
  await looked(2);
  const [only] = await workloads.list();
  t.match(only?.endpoint.spec.interfaceName, /^cali/, "it has its interface");
});

t.test("an address that was claimed for a container that never came is given back", async (t) => {
  const world = await following(t);
  const { ipam, frontDoor, daemon } = world;
  const claim = (digit: string, address: string) =>
    ipam.assignAddresses({
      host: NODE,
      handle: frontDoor.handleOf(token(digit)),
      attributes: {},
      intendedUse: "Workload",
      addresses: [IpAddress(address)],
    });
  await claim("a", "192.168.0.1");
  await claim("b", "192.168.0.2");
  daemon.containers.push(listed("b"));
  const foreign = { handle: "k8s-pod-network.1", attributes: {}, host: NODE } as const;
  await ipam.assignAddresses({
    ...foreign,
    intendedUse: "Workload",
    addresses: [IpAddress("192.168.0.3")],
  });
  world.start();
  await waitUntil("it is free", async () => (await world.owner("192.168.0.1")) === undefined, {
    deadlineSeconds: 5,
    everyMilliseconds: 5,
  });
  t.ok(await world.owner("192.168.0.2"), "docker has this one");
  t.equal(await world.owner("192.168.0.3"), "k8s-pod-network.1", "and that is none of docker's");
});

t.test("containers that docker could not start without us are started once", async (t) => {
  const world = await following(t);
  const failed = (Id: string, error: string, policy: string) => ({
    Id,
    State: { Error: error },
    HostConfig: { RestartPolicy: { Name: policy } },
  });
  const away = "dial unix /run/docker/plugins/tortie.sock: connect: no such file or directory";
  world.daemon.containers.push(
    failed("always", away, "always"),
    failed("broken", away, "unless-stopped"),
    failed("by-name", 'plugin "calico" not found', "always"),
    failed("by-hand", away, "no"),
    failed("on-failure", away, "on-failure"),
    failed("stopped", "", "always"),
    failed("other", "dial unix /run/docker/plugins/weave.sock: connect: refused", "always"),
  );
  world.start();
  await waitUntil("they are started", () => world.daemon.started.length >= 3, {
    deadlineSeconds: 5,
    everyMilliseconds: 5,
  });
  world.daemon.tell({ Type: "network", Action: "destroy" });
  t.same(world.daemon.started, ["always", "broken", "by-name"], "one that fails stops none");
});

t.test("docker's events: what is removed past the proxy", async (t) => {
  const world = await following(t);
  await world.frontDoor.reserve(token("a"), {
    addresses: [IpAddress("192.168.0.1")],
    profiles: [],
  });
  world.daemon.containers.push(listed("a"));
  world.start();
  await world.looked(1);
  world.daemon.tell({ Type: "container", Action: "destroy", Actor: { ID: "unknown" } });
  world.daemon.tell({
    Type: "container",
    Action: "destroy",
    Actor: { ID: "container-a", Attributes: { [TOKEN_LABEL]: token("a") } },
  });
  await waitUntil("its endpoint is gone", async () => (await world.workloads.list()).length === 0, {
    deadlineSeconds: 5,
    everyMilliseconds: 5,
  });
  t.pass("is removed here");
});
