/*
 * What an operator types, from a host without a daemon and without root, against two hosts and a real etcd: the whole cluster's
 * status, a watch, an editor, a change that takes itself back, and a host that is drained before it goes out of service.
 */
import { chmodSync, readFileSync } from "node:fs";
import t from "tap";
import { Prefix } from "../../protocol/types/prefix.ts";
import { Lab } from "../../src/lab/lab.ts";
import { PingStream } from "../../src/lab/ping-stream.ts";
import type { ProgramResult } from "../../src/lab/program.ts";
import { type LabResource, workloadEndpoint } from "../../src/lab/resources.ts";
import { TORTIE, Tortied } from "../../src/lab/tortied.ts";
import { waitUntil } from "../../src/lab/wait-until.ts";
import { addWorkloads } from "../../src/lab/workload.ts";
import { affinityName } from "../../src/resources/ipam-names.ts";
import { LabEtcd } from "../support/lab-etcd.ts";
import { firstWorkload } from "./cluster-lab.ts";

const ETCD = "10.98.0.200";
const BLOCK = "192.168.1.0/26";
const NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];

const lab = await Lab.open("operator");
t.teardown(() => lab.close());
const nodes = ["host1", "host2", "desk"];
await lab.build({
  nodes: ["switch", ...nodes],
  bridges: [{ node: "switch", interface: "br0", addresses: [`${ETCD}/24`] }],
  links: nodes.map((node, i) => [
    { node, interface: "eth0", addresses: [`10.98.0.${i + 1}/24`] },
    { node: "switch", interface: node, bridge: "br0" },
  ]),
});
const workloads = [1, 2].map(firstWorkload);
await addWorkloads(lab, workloads);
const etcd = await LabEtcd.start(lab, { node: "switch", address: ETCD });
const resourceFolder = { type: "etcd", endpoints: [etcd.endpoint] } as const;
const [host1, host2] = ["host1", "host2"].map((node) => new Tortied(lab, { node, resourceFolder }));
if (host1 === undefined || host2 === undefined) throw new Error("two hosts");
const home = lab.nodeFolder("desk");
chmodSync(home, 0o777);
const environment = [
  "-u",
  "NODE_OPTIONS",
  `ETCD_ENDPOINTS=${etcd.endpoint}`,
  `XDG_STATE_HOME=${home}/state`,
];

/** A command at the desk. */
function tortie(
  words: readonly string[],
  { input = "", editor = "false" } = {},
): Promise<ProgramResult> {
  const command = [...NOBODY, "env", ...environment, `EDITOR=${editor}`, TORTIE, ...words];
  return lab.try("desk", command, { input });
}

function affinity(node: string, cidr: string): LabResource {
  const name = affinityName({ type: "host", node, cidr: Prefix(cidr) });
  return { kind: "BlockAffinity", name, spec: { state: "confirmed", node, type: "host", cidr } };
}

function yaml(kind: string, name: string, spec: string): string {
  return `apiVersion: projectcalico.org/v3\nkind: ${kind}\nmetadata: {name: ${name}}\nspec: ${spec}\n---\n`;
}

function until(what: string, is: () => Promise<boolean>): Promise<unknown> {
  return waitUntil(what, is, {
    deadlineSeconds: 20,
    everyMilliseconds: 100,
    whenLate: () => lab.logTails(8),
  });
}

await etcd.put([
  { kind: "IPPool", name: "ipv4", spec: { cidr: "192.168.0.0/16" } },
  affinity("host1", BLOCK),
  affinity("host2", "192.168.2.0/26"),
  ...workloads.map(({ ipv4, ipv6: _, ...rest }) =>
    workloadEndpoint({ ...rest, addresses: [ipv4] }),
  ),
]);
const made = await tortie(["apply", "-f", "-"], {
  input: [1, 2]
    .map(
      (n) =>
        yaml("Node", `host${n}`, `{bgp: {ipv4Address: 10.98.0.${n}/24}}`) +
        yaml(
          "CalicoNodeStatus",
          `host${n}`,
          `{node: host${n}, classes: [BGP], updatePeriodSeconds: 10}`,
        ),
    )
    .join(""),
});
if (made.code !== 0) throw new Error(made.stderr);
await Promise.all([host1.start(40), host2.start(40)]);

t.test("status of the whole cluster, from a host without a daemon and without root", async (t) => {
  await until("both nodes say that their session is up", async () => {
    const { stdout } = await tortie(["status", "-o", "json"]);
    const { items } = JSON.parse(stdout) as {
      items: { told?: { established: number; total: number } }[];
    };
    return (
      items.length === 2 && items.every(({ told }) => told?.established === 1 && told.total === 1)
    );
  });
  const { stdout, code } = await tortie(["status", "--check"]);
  t.equal(code, 0);
  t.match(stdout, /^NODE +ADDRESS.*\nhost1 +10\.98\.0\.1 .* 1\/1 .*\nhost2 +10\.98\.0\.2 .* 1\/1 /);
  const seen = await host1.tortie("bgp", "peers", "--both-ends");
  t.match(seen, /10\.98\.0\.2 .*Established, \d+\S* ago/, "what the other end says");
});

t.test("a watch, an editor, and a change that takes itself back", async (t) => {
  const command = [...NOBODY, "env", ...environment, TORTIE, "get", "bgppeers", "-w", "-o", "json"];
  const watch = lab.start("desk", command, { log: "watch" });
  const watched = async (text: RegExp) =>
    until(`the watch shows ${text}`, async () => text.test(readFileSync(watch.logFile, "utf8")));
  const input = yaml("BGPPeer", "p", "{peerIP: 10.98.0.99, asNumber: 65001, password: hunter2}");
  t.match(await tortie(["apply", "-f", "-"], { input }), {
    code: 0,
    stdout: "BGPPeer/p created\n",
  });
  await watched(/"type":"put".*"name":"p"/);
  const edited = await tortie(["edit", "bgppeer", "p"], { editor: "sed -i s/65001/65002/" });
  t.match(edited, { code: 0, stdout: "BGPPeer/p updated\n" });
  await watched(/"asNumber":65002/);
  const change = input.replace("65001", "65003");
  const trial = await tortie(["apply", "-f", "-", "--confirm-within", "2s"], { input: change });
  t.match(trial, { code: 0, stderr: /This is undone at .* unless you confirm/ });
  await watched(/"asNumber":65003.*\n.*"asNumber":65002/);
  t.match((await tortie(["get", "bgppeer", "p", "-o", "yaml"])).stdout, /asNumber: 65002/);
  t.match(await tortie(["confirm"]), { code: 1, stderr: /no change waits/ }, "too late");
  await tortie(["apply", "-f", "-", "--confirm-within", "1h"], { input: change });
  t.match(await tortie(["confirm"]), { code: 0 });
  t.match(await tortie(["delete", "bgppeer", "p"]), { code: 0, stdout: "BGPPeer/p deleted\n" });
  await watched(/"type":"delete".*"name":"p"/);
  t.notMatch(readFileSync(watch.logFile, "utf8"), /hunter2/, "keys are not shown");
  await watch.stop("SIGINT");
});

t.test("a host is drained: others are asked to take other ways, and nothing is lost", async (t) => {
  const stream = await PingStream.start(lab, "w2", "192.168.1.1");
  const told = async () => {
    const { stdout } = await lab.try("host2", [
      TORTIE,
      "--socket",
      host2.socket,
      "bgp",
      "routes",
      BLOCK,
      "-o",
      "json",
    ]);
    const { items } = JSON.parse(stdout) as {
      items: { localPref?: number; communities?: string[] }[];
    };
    return items[0];
  };
  t.notMatch(await told(), { localPref: 0 });
  t.match(await lab.try("host1", [TORTIE, "--socket", host1.socket, "node", "drain"]), { code: 0 });
  await until("host2 hears of it", async () => (await told())?.localPref === 0);
  t.strictSame((await told())?.communities, ["65535:0"], "GRACEFUL_SHUTDOWN, RFC 8326");
  t.match(await host1.tortie("status"), /draining/);
  t.match(await lab.try("host1", [TORTIE, "--socket", host1.socket, "node", "undrain"]), {
    code: 0,
  });
  await until("and that it is over", async () => (await told())?.localPref !== 0);
  const { lost, sent } = await stream.stop();
  t.ok(lost.length === 0 && sent > 20, `${lost.length} of ${sent} pings are lost`);
});
