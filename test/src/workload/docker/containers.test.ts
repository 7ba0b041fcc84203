import t from "tap";
import { IpAddress } from "../../../../protocol/types/ip-address.ts";
import {
  readContainerRequest,
  TOKEN_LABEL,
  withFrontDoorNetwork,
} from "../../../../src/workload/docker/container-request.ts";
import {
  inspectedContainer,
  listedContainers,
} from "../../../../src/workload/docker/container-view.ts";
import { endpointLabels } from "../../../../src/workload/docker/endpoint-labels.ts";
import {
  assignHostPorts,
  listenersIn,
  PortTakenError,
  readPortMap,
} from "../../../../src/workload/docker/published-ports.ts";

t.test("what a container's environment asks for", (t) => {
  const rows: readonly [string, unknown, object][] = [
    ["nothing", { Env: ["A=b"] }, { type: "none" }],
    ["no JSON object", "x", { type: "none" }],
    ["no environment", {}, { type: "none" }],
    [
      "auto",
      { Env: ["CALICO_IP=auto", "CALICO_PROFILE=test"] },
      { type: "wanted", wanted: { addresses: { from: "auto" }, profile: "test" } },
    ],
    [
      "the later of two",
      { Env: ["CALICO_IP=auto", "CALICO_IP=10.0.0.1"] },
      { type: "wanted", wanted: { addresses: { from: "value", addresses: ["10.0.0.1"] } } },
    ],
    [
      "one of each family",
      { Env: ["CALICO_IP=10.0.0.1, fd00:0::1"] },
      { wanted: { addresses: { addresses: ["10.0.0.1", "fd00::1"] } } },
    ],
    [
      "two of one family",
      { Env: ["CALICO_IP=10.0.0.1,10.0.0.2"] },
      { type: "refused", message: /two IPv4/ },
    ],
    ["no address", { Env: ["CALICO_IP=foo"] }, { type: "refused", message: /"foo" is not an IP/ }],
    ["an empty one", { Env: ["CALICO_IP="] }, { type: "refused", message: /not an IP/ }],
    [
      "a profile with a slash",
      { Env: ["CALICO_IP=auto", "CALICO_PROFILE=a/b"] },
      { type: "refused", message: /CALICO_PROFILE/ },
    ],
    [
      "the host's network",
      { Env: ["CALICO_IP=auto"], HostConfig: { NetworkMode: "host" } },
      { type: "refused", message: /--network host/ },
    ],
    [
      "another container's",
      { Env: ["CALICO_IP=auto"], HostConfig: { NetworkMode: "container:x" } },
      { type: "refused" },
    ],
    [
      "docker's default",
      { Env: ["CALICO_IP=auto"], HostConfig: { NetworkMode: "default" } },
      { type: "wanted" },
    ],
    ["no network at all", { Env: ["CALICO_IP=auto"], NetworkDisabled: true }, { type: "refused" }],
  ];
  for (const [what, request, expected] of rows)
    t.match(readContainerRequest(request), expected, what);
  t.end();
});

t.test("the request for docker keeps all that it does not change", (t) => {
  const request = {
    Image: "x",
    Labels: { a: "b" },
    HostConfig: { NetworkMode: "default", PortBindings: { "80/tcp": [{ HostPort: "8080" }] } },
  };
  const network = {
    network: "tortie",
    token: "0a",
    addresses: [IpAddress("10.0.0.1")],
    profiles: ["p"],
  };
  t.same(withFrontDoorNetwork(request, network), {
    Image: "x",
    Labels: { a: "b", [TOKEN_LABEL]: "0a" },
    HostConfig: { NetworkMode: "tortie", PortBindings: { "80/tcp": [{ HostPort: "8080" }] } },
    NetworkingConfig: {
      EndpointsConfig: {
        tortie: {
          DriverOpts: {
            "org.tortie.endpoint": "0a",
            "org.tortie.addresses": "10.0.0.1",
            "org.tortie.profiles": "p",
          },
        },
      },
    },
  });
  t.end();
});

const PORTS = [{ protocol: "TCP", port: 80, hostPort: 8080 }];
const portsOf = (id: string) => (id === "ours" ? PORTS : undefined);

t.test("inspect and ps say address and ports of our endpoints, and nothing else changes", (t) => {
  const settings = (endpointId: string) => ({
    Ports: {},
    IPAddress: "",
    Networks: { n: { EndpointID: endpointId, IPAddress: "10.0.0.1", IPPrefixLen: 32 } },
  });
  const ours = {
    Id: "c",
    Config: { ExposedPorts: { "80/tcp": {}, "81/udp": {} } },
    NetworkSettings: settings("ours"),
  };
  t.match(inspectedContainer(ours, portsOf), {
    Id: "c",
    NetworkSettings: {
      IPAddress: "10.0.0.1",
      IPPrefixLen: 32,
      EndpointID: "ours",
      Ports: { "80/tcp": [{ HostIp: "0.0.0.0", HostPort: "8080" }], "81/udp": null },
    },
  });
  for (const other of [{ Id: "c", NetworkSettings: settings("other") }, { Id: "c" }, 7, null]) {
    t.equal(inspectedContainer(other, portsOf), other, "the very same value");
  }
  const list = [ours, { Id: "d" }];
  t.match(listedContainers(list, portsOf), [
    { Ports: [{ IP: "0.0.0.0", PrivatePort: 80, PublicPort: 8080, Type: "tcp" }] },
    { Id: "d" },
  ]);
  const others = [{ Id: "d" }];
  t.equal(listedContainers(others, portsOf), others);
  t.end();
});

t.test("published ports", (t) => {
  const mappings = readPortMap([
    { Proto: 6, Port: 80, HostIP: "", HostPort: 8080, HostPortEnd: 8080 },
    { Proto: 17, Port: 53, HostIP: "0.0.0.0", HostPort: 0 },
    { Proto: 6, Port: 81, HostIP: "10.0.0.1", HostPort: 9000, HostPortEnd: 9002 },
    { Proto: 50, Port: 1 },
  ]);
  t.equal(mappings.length, 3, "an unknown protocol has no ports");
  const used = [
    { protocol: "UDP", hostPort: 32_768 },
    { protocol: "TCP", hostPort: 32_768 },
    { protocol: "TCP", hostPort: 9000 },
    { protocol: "TCP", hostPort: 9001, hostIp: "10.0.0.2" },
  ];
  t.same(assignHostPorts(mappings, used), [
    { protocol: "TCP", port: 80, hostPort: 8080 },
    { protocol: "UDP", port: 53, hostPort: 32_769 },
    { protocol: "TCP", port: 81, hostPort: 9001, hostIP: "10.0.0.1" },
  ]);
  t.throws(
    () => assignHostPorts(mappings, [{ protocol: "TCP", hostPort: 8080 }]),
    new PortTakenError("Bind for 0.0.0.0:8080 failed: port is already allocated"),
  );
  const twice = mappings.slice(0, 1);
  t.throws(
    () => assignHostPorts([...twice, ...twice], []),
    PortTakenError,
    "within one container, too",
  );
  t.same(readPortMap(undefined), []);
  t.end();
});

t.test("listeners of the host, as proc(5) lists them", (t) => {
  const table = [
    "  sl  local_address rem_address   st",
    "   0: 00000000:1F90 00000000:0000 0A 00000000:00000000",
    "   1: 0100007F:1F91 0100007F:0050 01 00000000:00000000",
  ].join("\n");
  t.same(listenersIn(table, { protocol: "TCP", state: "0A" }), [
    { protocol: "TCP", hostPort: 8080 },
  ]);
  t.end();
});

t.test("labels for endpoints", (t) => {
  t.same(
    endpointLabels({
      "org.projectcalico.label.role": "web",
      "org.projectcalico.label.": "x",
      "org.projectcalico.label.a b": "x",
      other: "y",
    }),
    { role: "web" },
  );
  t.end();
});
