/*
 * The command line on a real etcd with TLS and client certificates, named as calicoctl's environment names it: what it writes
 * lies where Calico looks for it, a lost race is a conflict, a watch tells each change, and an etcd that is away is exit code 4.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { waitUntil } from "../../src/lab/wait-until.ts";
import { EtcdCluster } from "../support/etcd-cluster.ts";
import { runCli } from "../support/run-cli.ts";
import { optionsFor, PREFIX } from "./etcd-support.ts";

const MAIN = join(import.meta.dirname, "../../src/cli/main.ts");

const cluster = await EtcdCluster.start({ tls: true });
t.teardown(() => cluster.close());
const { endpoints, caFile, certFile, keyFile } = optionsFor(cluster);
const env = {
  ETCD_ENDPOINTS: endpoints.join(","),
  ETCD_CA_CERT_FILE: caFile,
  ETCD_CERT_FILE: certFile,
  ETCD_KEY_FILE: keyFile,
  TORTIE_SOCKET: join(cluster.folder, "no.sock"),
  XDG_STATE_HOME: cluster.folder,
};
const run = (line: string) => runCli(line, { env });
const file = (name: string, text: string) => {
  const path = join(cluster.folder, name);
  writeFileSync(path, text);
  return path;
};
const PEER = `apiVersion: projectcalico.org/v3
kind: BGPPeer
metadata: {name: tor}
spec: {peerIP: 10.0.0.254, asNumber: 65001}
`;

t.test(
  "what is written lies in Calico's place, and is read, changed and deleted there",
  async (t) => {
    t.match(await run(`create -f ${file("tor.yaml", PEER)}`), {
      code: 0,
      stdout: "BGPPeer/tor created\n",
    });
    const stored = await cluster.ctl(["get", "--print-value-only", `${PREFIX}bgppeers/tor`]);
    t.match(JSON.parse(stored), { kind: "BGPPeer", spec: { peerIP: "10.0.0.254" } });
    t.equal((await run("get bgppeers -o name")).stdout, "bgppeer/tor\n");
    t.match(await run("label bgppeer tor rack=r1"), { code: 0 });
    const change = '{"spec":{"asNumber":65002}}';
    t.match(await run(`patch bgppeer tor -p ${change}`), { code: 0 });
    t.match((await run("get bgppeer tor -o yaml")).stdout, /rack: r1[\s\S]*asNumber: 65002/);
    const { stdout: read } = await run("get bgppeer tor -o yaml");
    await run("label bgppeer tor zone=a");
    t.match(await run(`replace -f ${file("old.yaml", read)}`), {
      code: 5,
      stderr: /changed by someone else/,
    });
    t.match(await run("delete bgppeer tor"), { code: 0 });
    t.match(await run("get bgppeer tor"), { code: 1 });
  },
);

t.test("--watch tells what is there and each change, as JSON lines", async (t) => {
  await run(`create -f ${file("tor.yaml", PEER)}`);
  const child = spawn(process.execPath, [MAIN, "get", "bgppeers", "-w", "-o", "jsonl"], { env });
  let text = "";
  child.stdout.on("data", (chunk) => {
    text += chunk;
  });
  const lines = () =>
    text
      .split("\n")
      .filter(Boolean)
      .map((line) => JSON.parse(line));
  await waitUntil("the listing", async () => lines().length === 1, { deadlineSeconds: 60 });
  await run("label bgppeer tor rack=r2");
  await run("delete bgppeer tor");
  await waitUntil("both changes", async () => lines().length === 3, { deadlineSeconds: 60 });
  t.match(lines(), [
    { type: "put", object: { metadata: { name: "tor" } } },
    { type: "put", object: { metadata: { labels: { rack: "r2" } } } },
    { type: "delete", object: { metadata: { name: "tor" } } },
  ]);
  child.kill("SIGINT");
  const [code] = await once(child, "exit");
  t.equal(code, 130, "interrupted");
});

t.test(
  "--confirm-within: the process that is left behind undoes the change at its time",
  async (t) => {
    const child = spawn(
      process.execPath,
      [MAIN, "apply", "-f", file("tor.yaml", PEER), "--confirm-within", "2s"],
      { env, stdio: ["ignore", "pipe", "pipe"] },
    );
    const [code] = await once(child, "exit");
    t.equal(code, 0);
    t.equal((await run("get bgppeer tor")).code, 0, "in force");
    await waitUntil("it is undone", async () => (await run("get bgppeer tor")).code === 1, {
      deadlineSeconds: 30,
      everyMilliseconds: 200,
    });
    t.match(await run("confirm"), { code: 1, stderr: /no change waits/ });
  },
);

t.test("an etcd that is away is exit code 4, and the words say who named it", async (t) => {
  const away = { ...env, ETCD_ENDPOINTS: "https://127.0.0.1:1" };
  const { code, stderr } = await runCli("get nodes", { env: away });
  t.equal(code, 4);
  t.match(
    stderr,
    /datastore does not work: etcd at https:\/\/127\.0\.0\.1:1 \(named by ETCD_ENDPOINTS\)/,
  );
});
