import { rmSync } from "node:fs";
import { createServer, type Server } from "node:net";
import t from "tap";
import { run } from "../../../src/workload/cni/cni-commands.ts";
import { CniError } from "../../../src/workload/cni/cni-error.ts";
import { readRequest } from "../../../src/workload/cni/cni-request.ts";
import {
  addressesOfResult,
  type Connection,
  readIpamResult,
  resultOf,
} from "../../../src/workload/cni/cni-result.ts";

const ADD = {
  CNI_COMMAND: "ADD",
  CNI_CONTAINERID: "abc",
  CNI_NETNS: "/run/netns/one",
  CNI_IFNAME: "eth0",
  CNI_PATH: "/opt/cni/bin::/usr/lib/cni",
};

const config = (more: object = {}) =>
  JSON.stringify({ cniVersion: "1.0.0", name: "net", type: "tortie-cni", ...more });

function codeOf(act: () => unknown): number | undefined {
  try {
    act();
    return undefined;
  } catch (error) {
    return error instanceof CniError ? error.code : -1;
  }
}

t.test("a call is read, or refused by the specification's numbers", (t) => {
  const request = readRequest(
    { ...ADD, CNI_ARGS: "IgnoreUnknown=1;K8S_POD_NAME=web;EMPTY=;odd" },
    config({ ipam: { type: "calico-ipam", assign_ipv4: "true", assign_ipv6: false }, mtu: 0 }),
  );
  t.match(request, { path: ["/opt/cni/bin", "/usr/lib/cni"], version: "1.0.0" });
  t.equal(request.args.get("K8S_POD_NAME"), "web");
  t.match(request.config.ipam, { assignIpv4: true, assignIpv6: false });
  t.notOk("mtu" in request.config, "an MTU of 0 is none");
  for (const [what, environment, text, code] of [
    ["no command", { CNI_COMMAND: "" }, config(), 4],
    ["an unknown one", { CNI_COMMAND: "EXPLODE" }, config(), 4],
    ["no namespace", { CNI_NETNS: undefined }, config(), 4],
    ["a container like a path", { CNI_CONTAINERID: "../etc" }, config(), 4],
    ["an interface of 16 characters", { CNI_IFNAME: "e".repeat(16) }, config(), 4],
    ["an interface of 16 octets", { CNI_IFNAME: "é".repeat(8) }, config(), 4],
    ["an interface that is a folder", { CNI_IFNAME: ".." }, config(), 4],
    ["no network", {}, config({ name: "" }), 7],
    ["half a JSON", {}, '{"cniVersion":', 6],
    ["a JSON that is no object", {}, "[]", 6],
    ["a version of tomorrow", {}, config({ cniVersion: "2.0.0" }), 1],
    ["DEL without a namespace", { CNI_COMMAND: "DEL", CNI_NETNS: "" }, config(), undefined],
    ["GC without a container", { CNI_COMMAND: "GC", CNI_CONTAINERID: "" }, config(), undefined],
  ] as const) {
    t.equal(
      codeOf(() => readRequest({ ...ADD, ...environment }, text)),
      code,
      what,
    );
  }
  const asked = readRequest({ CNI_COMMAND: "VERSION" }, "");
  t.equal(asked.version, "0.1.0", "a runtime need not say anything to ask for the version");
  t.end();
});

const CONNECTION: Connection = {
  hostInterface: "cali1",
  interfaceName: "eth0",
  netns: "/run/netns/one",
  mac: "0a:00:00:00:00:01",
  mtu: 1440,
  addresses: ["192.168.0.1", "fd80::1"],
  dns: undefined,
};

t.test("one result in the words of each version, and read back from each", (t) => {
  t.strictSame(resultOf(CONNECTION, "1.1.0"), {
    cniVersion: "1.1.0",
    interfaces: [
      { name: "cali1", mac: "ee:ee:ee:ee:ee:ee", mtu: 1440 },
      { name: "eth0", mac: "0a:00:00:00:00:01", sandbox: "/run/netns/one", mtu: 1440 },
    ],
    ips: [
      { interface: 1, address: "192.168.0.1/32", gateway: "169.254.1.1" },
      { interface: 1, address: "fd80::1/128", gateway: "fe80::1" },
    ],
    routes: [
      { dst: "0.0.0.0/0", gw: "169.254.1.1" },
      { dst: "::/0", gw: "fe80::1" },
    ],
  });
  t.strictSame(resultOf({ ...CONNECTION, addresses: ["192.168.0.1"] }, "0.2.0"), {
    cniVersion: "0.2.0",
    ip4: {
      ip: "192.168.0.1/32",
      gateway: "169.254.1.1",
      routes: [{ dst: "0.0.0.0/0", gw: "169.254.1.1" }],
    },
  });
  for (const version of ["0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"] as const) {
    t.strictSame(addressesOfResult(resultOf(CONNECTION, version)), CONNECTION.addresses, version);
  }
  t.strictSame(readIpamResult('{"ips":[{"address":"10.0.0.5/24"}],"dns":{"domain":"x"}}'), {
    addresses: ["10.0.0.5"],
    dns: { domain: "x" },
  });
  t.equal(
    codeOf(() => readIpamResult("oops")),
    6,
  );
  t.strictSame(addressesOfResult(undefined), []);
  t.end();
});

/** A daemon that gives one answer, whatever it is asked, and remembers the question. */
async function daemon(t: { teardown(act: () => unknown): void }, answer: string) {
  const path = `/tmp/tortie-cni-${process.pid}.sock`;
  const asked: string[] = [];
  const server: Server = createServer((socket) => {
    socket.on("data", (bytes) => {
      asked.push(bytes.toString());
      socket.end(answer);
    });
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  t.teardown(() => {
    server.close();
    rmSync(path, { force: true });
  });
  return { path, asked };
}

t.test("what the daemon answers becomes a number of the specification", async (t) => {
  for (const [status, code, number] of [
    [400, "bad-request", 7],
    [404, "not-found", 3],
    [503, "not-ready", 11],
    [409, "conflict", 100],
    [409, "exhausted", 101],
    [500, "kernel", 102],
    [403, "not-permitted", 103],
    [500, "internal", 199],
  ] as const) {
    await t.test(code, async (t) => {
      const body = JSON.stringify({ error: { code, what: "why", fix: "do this" } });
      const { path } = await daemon(t, `HTTP/1.1 ${status} x\r\n\r\n${body}`);
      const request = readRequest(ADD, config({ socket: path }));
      await t.rejects(run(request), { code: number, message: "why", details: "do this" });
    });
  }
  await t.test("half an answer is none", async (t) => {
    const { path } = await daemon(t, 'HTTP/1.1 200 OK\r\n\r\n{"addre');
    await t.rejects(run(readRequest(ADD, config({ socket: path }))), { code: 11 });
  });
});

t.test("a field that cannot be read is not taken for one that is absent", (t) => {
  for (const [field, code] of [
    [{ profiles: "test" }, 7],
    [{ profiles: [1] }, 7],
    [{ labels: { role: 1 } }, 7],
    [{ labels: ["role"] }, 7],
    [{ mtu: "1400" }, 7],
    [{ mtu: -1 }, 7],
    [{ ipam: "calico-ipam" }, 7],
    [{ ipam: { assign_ipv4: "yes" } }, 7],
    [{ ipam: { ipv4_pools: "pool" } }, 7],
    [{ ipam: { subnet: "10.0.0.0/24" } }, 2],
    [{ ipam: { type: "calico-ipam", ranges: [] } }, 2],
    [{ ipam: { type: "host-local", subnet: "10.0.0.0/24" } }, undefined],
    [{ runtimeConfig: { ips: "10.0.0.1" } }, 7],
    [{ runtimeConfig: { portMappings: {} } }, 7],
    [{ runtimeConfig: { bandwidth: "unreadable", aliases: 7 } }, undefined],
    [{ args: { cni: {} }, log_level: "info", policy: { type: "k8s" } }, undefined],
  ] as const) {
    t.equal(
      codeOf(() => readRequest(ADD, config(field))),
      code,
      JSON.stringify(field),
    );
  }
  t.throws(() => readRequest(ADD, config({ ipam: { subnet: "10.0.0.0/24" } })), {
    message: 'ipam.subnet: "10.0.0.0/24" is not supported',
  });
  t.end();
});

t.test("what the runtime says reaches the daemon", async (t) => {
  const { path, asked } = await daemon(t, 'HTTP/1.1 200 OK\r\n\r\n{"addresses":[]}');
  const runtimeConfig = {
    portMappings: [{ hostPort: 8080, containerPort: 80, protocol: "tcp" }],
    bandwidth: { ingressRate: 1 },
  };
  const pod = "K8S_POD_NAMESPACE=shop;K8S_POD_NAME=web-0";
  const said = () => JSON.parse(asked.pop()?.split("\r\n\r\n")[1] ?? "null") as object;
  await run(readRequest({ ...ADD, CNI_ARGS: pod }, config({ socket: path, runtimeConfig })));
  t.strictSame(said(), {
    orchestrator: "k8s",
    workload: "web-0",
    endpoint: "eth0",
    namespace: "shop",
    containerId: "abc",
    pod: "web-0",
    attachment: { type: "namespace", netns: "/run/netns/one", interfaceName: "eth0" },
    addresses: { from: "auto" },
    handle: "net.abc",
    profiles: ["projectcalico-default-allow"],
    annotations: { "tortie.dev/cni-network": "net" },
    ports: [{ protocol: "TCP", port: 80, hostPort: 8080 }],
  });
  const second = { ...ADD, CNI_IFNAME: "net1", CNI_ARGS: "IP=10.0.0.9;MAC=02:00:00:00:00:09" };
  await run(readRequest(second, config({ socket: path })));
  t.match(said(), {
    orchestrator: "cni",
    workload: "abc",
    endpoint: "net1",
    addresses: { from: "claim", addresses: ["10.0.0.9"] },
    handle: "net.abc.net1",
    mac: "02:00:00:00:00:09",
  });
});
