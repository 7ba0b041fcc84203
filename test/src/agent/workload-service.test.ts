import t from "tap";
import { IpAddress } from "../../../protocol/types/ip-address.ts";
import { WorkloadService } from "../../../src/agent/workload-service.ts";
import type { HostState } from "../../../src/calc/host-state.ts";
import { API_VERSION } from "../../../src/resources/resource.ts";
import type { AnyResource } from "../../../src/resources/schemas.ts";
import type { WorkloadEndpoint } from "../../../src/workload/workload-request.ts";

const ENDPOINT: WorkloadEndpoint = {
  apiVersion: API_VERSION,
  kind: "WorkloadEndpoint",
  metadata: { name: "h1-cni-c1-eth0", namespace: "default", resourceVersion: "7" },
  spec: { node: "h1", interfaceName: "cali1", ipNetworks: ["192.168.0.1/32"] },
};
const KEY = "WorkloadEndpoint/default/h1-cni-c1-eth0";

/** A daemon whose knowledge a test sets piece by piece. */
function world() {
  const resources = new Map<string, AnyResource>();
  const known = {
    workloads: [] as HostState["workloads"][number][],
    problems: [] as HostState["problems"][number][],
    interfaces: [{ name: "cali1", mtu: 1500, up: true }],
    ready: new Set<string>(),
    originated: 0,
  };
  const service = new WorkloadService({
    nodeName: "h1",
    host: () => ({ workloads: known.workloads, problems: known.problems }) as unknown as HostState,
    resources: () => resources,
    kernel: () => ({ interfaces: known.interfaces, ready: known.ready }),
    originate: () => {
      known.originated++;
    },
    log: () => {},
  });
  const has = (...addresses: string[]) => {
    known.workloads = [
      {
        name: "default/h1-cni-c1-eth0",
        interface: "cali1",
        addresses: addresses.map((each) => IpAddress(each)),
      } as HostState["workloads"][number],
    ];
  };
  return { service, known, resources, has };
}

/** Whether a promise has ended; what is pending by then waits for something outside. */
async function settled<Value>(promise: Promise<Value>): Promise<Value | "pending"> {
  const turn = new Promise<"pending">((resolve) => setImmediate(() => resolve("pending")));
  return Promise.race([promise, turn]);
}

t.test("delivered: known, routed, with all of its addresses", async (t) => {
  const { service, known, has } = world();
  const delivery = service.delivered(ENDPOINT);
  t.equal(await settled(delivery), "pending");
  known.ready.add("cali1");
  service.changed();
  t.equal(await settled(delivery), "pending", "an interface of that name may be an older one");
  has("192.168.0.1");
  service.changed();
  t.strictSame(await delivery, { type: "delivered" });
});

t.test("an address that another endpoint has is a conflict, in its words", async (t) => {
  const { service, known, resources, has } = world();
  const delivery = service.delivered(ENDPOINT);
  has();
  known.problems = [{ resource: KEY, message: "192.168.0.1 belongs to another" }];
  service.changed();
  t.equal(await settled(delivery), "pending", "until this very version was looked at");
  resources.set(KEY, ENDPOINT as AnyResource);
  service.changed();
  t.strictSame(await delivery, {
    type: "failed",
    conflict: true,
    message: "192.168.0.1 belongs to another",
  });
});

t.test("what is withdrawn stays so until its workload is gone, or comes back", async (t) => {
  const { service, known, has } = world();
  has("192.168.0.1");
  await service.withdraw("cali1");
  t.equal(known.originated, 1, "the speaker is told at once");
  service.changed();
  t.ok(service.withdrawn.has("cali1"));
  service.announceAgain("cali1");
  t.notOk(service.withdrawn.has("cali1"));
  await service.withdraw("cali1");
  known.workloads = [];
  service.changed();
  t.equal(service.withdrawn.size, 0);
});

t.test("an old workload whose MTU no longer fits is named", (t) => {
  const { service, known, resources } = world();
  known.interfaces.push({ name: "eth0", mtu: 1500, up: true });
  known.ready.add("cali1");
  t.strictSame(service.stateOf(ENDPOINT), { state: "ready", problems: [] });
  resources.set("IPPool/p", {
    apiVersion: API_VERSION,
    kind: "IPPool",
    metadata: { name: "p" },
    spec: { cidr: "192.168.0.0/16", ipipMode: "Always" },
  } as AnyResource);
  t.strictSame([...service.poolVersions()], [4]);
  t.match(service.stateOf(ENDPOINT).problems, [/its MTU is 1500, and what fits now is 1480/]);
  known.interfaces.shift();
  t.equal(service.stateOf(ENDPOINT).state, "no-interface");
  t.end();
});
