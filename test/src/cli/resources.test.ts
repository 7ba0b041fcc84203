import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import t, { type Test } from "tap";
import { datastoreSettings } from "../../../src/cli/datastore-settings.ts";
import { readEnvironment } from "../../../src/cli/environment.ts";
import { pendingChanges } from "../../../src/cli/pending-change.ts";
import { type CliRun, runCli } from "../../support/run-cli.ts";

const NODES = [1, 2]
  .map(
    (n) => `apiVersion: projectcalico.org/v3
kind: Node
metadata: {name: host-${n}, labels: {rack: r${n}}}
spec: {bgp: {ipv4Address: 10.0.0.${n}/24}}
`,
  )
  .join("---\n");

const PEER = `apiVersion: projectcalico.org/v3
kind: BGPPeer
metadata: {name: tor-1}
spec: {peerIP: 10.0.0.254, asNumber: 65001}
`;

const KEYED = `apiVersion: projectcalico.org/v3
kind: BGPPeer
metadata: {name: keyed}
spec: {peerIP: 10.0.0.253, asNumber: 65001, password: canary-key}
`;

/** A directory datastore with two hosts and a peer, and files to apply. */
async function cluster(t: Test) {
  const folder = mkdtempSync(join(tmpdir(), "tortie-resources-"));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const directory = join(folder, "cluster");
  mkdirSync(directory);
  const file = (name: string, text: string) => {
    const path = join(folder, name);
    writeFileSync(path, text);
    return path;
  };
  const env = {
    TORTIE_DATASTORE_DIR: directory,
    TORTIE_SOCKET: join(folder, "no.sock"),
    XDG_STATE_HOME: join(folder, "state"),
  };
  const run = (line: string | readonly string[], more: NodeJS.ProcessEnv = {}): Promise<CliRun> =>
    runCli(line, { env: { ...env, ...more } });
  const written = await run(`create -f ${file("nodes.yaml", `${NODES}---\n${PEER}`)}`);
  t.equal(written.code, 0, written.stderr);
  return { folder, directory, file, run, env };
}

t.test("get: tables, formats, names, labels, and nothing secret", async (t) => {
  const { run, file } = await cluster(t);
  t.equal((await run("get nodes")).stdout, "NAME\nhost-1\nhost-2\n");
  t.equal(
    (await run("get node host-2 -o wide")).stdout,
    "NAME    ASN      IPV4         IPV6\nhost-2  (64512)  10.0.0.2/24  -\n",
  );
  t.equal((await run("get no -o ps")).stdout, "NAME\nhost-1\nhost-2\n", "calicoctl's word");
  t.equal((await run("get nodes -o name")).stdout, "node/host-1\nnode/host-2\n");
  t.equal((await run("get node/host-2 -o name")).stdout, "node/host-2\n");
  t.equal((await run("get nodes -l rack=r2 -o name")).stdout, "node/host-2\n");
  t.equal(
    (await run(["get", "nodes", "-l", "rack in {'r1'}", "-o", "name"])).stdout,
    "node/host-1\n",
  );
  t.equal((await run("get nodes -l ((")).code, 2);
  t.equal(
    (await run("get nodes,bgppeers")).stdout,
    "NAME\nhost-1\nhost-2\n\nNAME   PEERIP      NODE      ASN\ntor-1  10.0.0.254  (global)  65001\n",
  );
  const lines = (await run("get nodes -o jsonl")).stdout.trim().split("\n");
  t.equal(JSON.parse(lines[1] ?? "").metadata.name, "host-2");
  const list = JSON.parse((await run("get nodes -o json")).stdout);
  t.match(list, { apiVersion: "projectcalico.org/v3", kind: "NodeList" });
  t.match(JSON.parse((await run("get node host-1 -o json")).stdout), { kind: "Node" });
  t.equal(
    (await run(["get", "nodes", "-o", "custom-columns=NAME,IPV4"])).stdout,
    "NAME    IPV4\nhost-1  10.0.0.1/24\nhost-2  10.0.0.2/24\n",
  );
  t.equal(
    (await run(["get", "nodes", "-o", "jsonpath={.items[*].metadata.name}"])).stdout,
    "host-1 host-2\n",
  );
  t.match(await run("get node host-9"), { code: 1, stderr: /there is no Node\/host-9/ });
  t.match(await run("get nods"), { code: 2, stderr: /no kind is called nods/ });
  t.match(await run("get"), { code: 2, stderr: /which kind/ });
  await run(`apply -f ${file("keyed.yaml", KEYED)}`);
  for (const format of ["yaml", "json", "jsonl", "wide"]) {
    const shown = await run(`get bgppeers -o ${format}`);
    t.equal(shown.code, 0);
    t.notMatch(shown.stdout, /canary-key/, format);
  }
  t.equal((await run(`get -f ${file("one.yaml", PEER)} -o name`)).stdout, "bgppeer/tor-1\n");
  const exported = await run("get bgppeer tor-1 -o yaml --export");
  t.notMatch(exported.stdout, /resourceVersion|uid/);
});

t.test("what get prints can be applied again, and changes nothing", async (t) => {
  const { run, file } = await cluster(t);
  const { stdout } = await run("get nodes -o yaml");
  const again = await run(`apply -f ${file("again.yaml", stdout)}`);
  t.match(again, { code: 0, stdout: "Node/host-1 unchanged\nNode/host-2 unchanged\n", stderr: "" });
});

t.test("apply says before it acts which sessions it touches", async (t) => {
  const { run, file } = await cluster(t);
  const changed = file("tor.yaml", PEER.replace("65001", "65002"));
  const dry = await run(`apply -f ${changed} --dry-run`);
  t.match(
    dry.stderr,
    /This change\n {2}resets {6}host-1: session \S+ with 10\.0\.0\.254 \(.*[aA]sn/,
  );
  t.match(
    dry.stdout,
    /BGPPeer\/tor-1 updated \(dry run\)\n {2}- spec.asNumber: 65001\n {2}\+ spec.asNumber: 65002/,
  );
  t.match((await run("get bgppeer tor-1")).stdout, /65001/, "nothing was written");
  const differs = await run(`diff -f ${changed}`);
  t.equal(differs.code, 1);
  t.match(differs.stdout, /- spec.asNumber: 65001\n {2}\+ spec.asNumber: 65002\nThis change/);
  const applied = await run(`apply -f ${changed}`);
  t.match(applied, { code: 0, stdout: "BGPPeer/tor-1 updated\n", stderr: /resets/ });
  t.match(await run(`diff -f ${changed}`), { code: 0, stdout: "", stderr: "" });
  const ended = await run("delete bgppeer tor-1");
  t.match(ended, { stdout: "BGPPeer/tor-1 deleted\n", stderr: /ends {8}host-1/ });
  t.equal((await run(`diff -f ${changed}`)).stdout.split("\n")[0], "BGPPeer/tor-1 is new");
  const keyed = await run(`apply -f ${file("keyed.yaml", KEYED)}`);
  t.equal(keyed.code, 0, keyed.stderr);
  const rotated = await run(
    `apply --dry-run -f ${file("k2.yaml", KEYED.replace("canary", "canary2"))}`,
  );
  t.notMatch(rotated.stdout + rotated.stderr, /canary/, "keys are not shown");
  t.match(rotated.stdout, /\+ spec.password: <hidden>/);
});

t.test("create, replace and delete; exit codes of what is and is not there", async (t) => {
  const { run, file, folder } = await cluster(t);
  const peer = file("tor.yaml", PEER);
  t.match(await run(`create -f ${peer}`), { code: 5, stderr: /exists already/ });
  t.match(await run(`create -f ${peer} --skip-exists`), { code: 0, stdout: /unchanged/ });
  t.match(await run(`replace -f ${peer}`), { code: 0, stdout: /unchanged/ });
  t.equal((await run(`delete -f ${peer}`)).code, 0);
  t.match(await run(`replace -f ${peer}`), { code: 1, stderr: /there is no BGPPeer\/tor-1/ });
  t.equal((await run(`delete -f ${peer}`)).code, 1);
  t.equal((await run(`delete -f ${peer} --skip-not-exists`)).code, 0);
  t.match(await run("delete bgppeer"), { code: 2, stderr: /which one/ });
  t.match(await run("apply"), { code: 2, stderr: /-f FILE is missing/ });
  t.equal((await run(`apply -f ${file("empty.yaml", "")}`)).code, 3);
  t.equal((await run(`apply -f ${file("empty.yaml", "")} --skip-empty`)).code, 0);
  const both = file("both.yaml", `${PEER}---\n${NODES}`);
  t.match(await run(`create -f ${both}`), { code: 6, stdout: /tor-1 created/ }, "done in part");
  mkdirSync(join(folder, "many/more"), { recursive: true });
  writeFileSync(join(folder, "many/more/p.yaml"), PEER);
  t.equal((await run(`apply -f ${join(folder, "many")}`)).code, 3, "without -R nothing is there");
  t.equal((await run(`apply -R -f ${join(folder, "many")}`)).code, 0);
});

t.test("as calicoctl it speaks calicoctl's sentences", async (t) => {
  const { run, file } = await cluster(t);
  const as = { TORTIE_PROGRAM: "calicoctl" };
  const pool = `apiVersion: projectcalico.org/v3\nkind: IPPool\nmetadata: {name: p}\nspec: {cidr: 192.168.0.0/16}\n`;
  const path = file("pool.yaml", pool);
  t.equal(
    (await run(`create --filename=${path}`, as)).stdout,
    "Successfully created 1 'IPPool' resource(s)\n",
  );
  t.equal(
    (await run(`apply -f ${path}`, as)).stdout,
    "Successfully applied 1 'IPPool' resource(s)\n",
  );
  t.equal(
    (await run("get pool p -o wide", as)).stdout.split("\n")[0],
    "NAME  CIDR            NAT    IPIPMODE  VXLANMODE  DISABLED  DISABLEBGPEXPORT  SELECTOR  ASSIGNMENTMODE",
  );
  t.equal(
    (await run("delete ipPool p", as)).stdout,
    "Successfully deleted 1 'IPPool' resource(s)\n",
  );
});

t.test("patch, label, annotate and edit", async (t) => {
  const { run, folder } = await cluster(t);
  const patched = await run([
    "patch",
    "node",
    "host-1",
    "-p",
    '{"spec": {"bgp": {"asNumber": 65010}}}',
  ]);
  t.equal(patched.code, 0, patched.stderr);
  t.match(patched.stderr, /resets/);
  t.match((await run("get node host-1 -o wide")).stdout, /65010 {2}10\.0\.0\.1/);
  const removal = '[{"op": "remove", "path": "/spec/bgp/asNumber"}]';
  t.equal((await run(["patch", "node", "host-1", "-t", "json", "-p", removal])).code, 0);
  t.match((await run("get node host-1 -o wide")).stdout, /\(64512\)/);
  t.match(await run(["patch", "node", "host-1", "-p", "{spec: {bgp: {asNumber: -1}}}"]), {
    code: 3,
    stderr: /would not be valid/,
  });
  t.match(await run(["patch", "node", "host-1", "-p", "{metadata: {name: x}}"]), { code: 3 });
  t.match(await run("patch node host-1"), { code: 2, stderr: /-p PATCH is missing/ });
  t.equal((await run("label node host-1 rack=r1 zone=a")).code, 0);
  t.match(await run("label node host-1 rack=r9"), { code: 5, stderr: /--overwrite/ });
  t.equal((await run("label node host-1 rack=r9 --overwrite")).code, 0);
  t.equal((await run("label node host-1 zone-")).code, 0);
  const labels = ["get", "node", "host-1", "-o", "jsonpath={.metadata.labels}"];
  t.equal((await run(labels)).stdout, '{"rack":"r9"}\n');
  t.equal((await run("label node host-1 rack --remove")).code, 0);
  t.equal((await run("annotate node host-1 owner=net")).code, 0);
  t.match((await run("get node host-1 -o yaml")).stdout, /owner: net/);
  t.match(await run("label node host-1 nonsense"), { code: 2 });

  const editor = join(folder, "editor.sh");
  writeFileSync(
    editor,
    `#!/bin/sh
n=$(cat ${folder}/count 2>/dev/null || echo 0); echo $((n + 1)) > ${folder}/count
cp "$1" ${folder}/seen-$n
case $n in
  0) sed -i 's/asNumber: 65001/asNumber: wrong/' "$1" ;;
  1) sed -i 's/asNumber: wrong/asNumber: 65005/' "$1" ;;
esac
`,
  );
  chmodSync(editor, 0o755);
  const edited = await run("edit bgppeer tor-1", { EDITOR: editor });
  t.match(edited, { code: 0, stdout: "BGPPeer/tor-1 updated\n" }, edited.stderr);
  t.match(readFileSync(join(folder, "seen-1"), "utf8"), /# Not stored:\n# .*asNumber/);
  t.match((await run("get bgppeer tor-1")).stdout, /65005/);
  t.match(await run("edit bgppeer tor-1", { EDITOR: editor }), { stdout: /unchanged/ });
  t.match(await run("edit bgppeer tor-1", { EDITOR: "false" }), { code: 1, stderr: /editor/ });
});

t.test("a change with --confirm-within waits; confirm keeps it, rollback undoes it", async (t) => {
  const { run, file, env } = await cluster(t);
  const asNumber = ["get", "bgppeer", "tor-1", "-o", "jsonpath={.spec.asNumber}"];
  // The process at the deadline is the real program's; here its script is one that does nothing.
  const script = process.argv[1];
  process.argv[1] = file("nothing.mjs", "");
  t.teardown(() => {
    process.argv[1] = script ?? "";
  });
  const changed = file("tor.yaml", PEER.replace("65001", "65002"));
  const first = await run(`apply -f ${changed} --confirm-within 5m`);
  t.match(first, {
    code: 0,
    stderr: /undone at .* unless you confirm\.\n {2}keep it: tortie confirm [0-9a-f]+/,
  });
  t.equal((await run(asNumber)).stdout, "65002\n");
  t.match(await run("rollback"), { code: 0, stdout: "BGPPeer/tor-1 is as it was\n" });
  t.equal((await run(asNumber)).stdout, "65001\n");
  t.match(await run("rollback"), { code: 1, stderr: /no change waits/ });

  await run(`apply -f ${changed} --confirm-within 5m`);
  const [pending] = pendingChanges(readEnvironment(env));
  t.match(await run("confirm"), { code: 0, stdout: `${pending?.id} stays\n` });
  t.equal((await run(asNumber)).stdout, "65002\n");
  t.match(await run(`confirm ${pending?.id}`), { code: 1 });

  await run(`apply -f ${file("tor.yaml", PEER)} --confirm-within 5m`);
  await run(["patch", "bgppeer", "tor-1", "-p", "spec: {asNumber: 65009}"]);
  t.match(await run("rollback"), { stdout: /was changed since, and is left as it is/ });
  t.equal((await run(asNumber)).stdout, "65009\n");

  const made = await run(`apply -f ${file("keyed.yaml", KEYED)} --confirm-within 1s`);
  t.equal(made.code, 0, made.stderr);
  t.equal((await run("rollback --wait")).code, 0, "what the process at the deadline does");
  t.equal((await run("get bgppeer keyed")).code, 1, "what was created is gone");
  t.match(await run(`apply -f ${changed} --confirm-within soon`), { code: 2 });
  t.equal((await run(asNumber)).stdout, "65009\n", "and nothing was written");
});

t.test("explain KIND names fields, types and what they mean", async (t) => {
  const whole = await runCli("explain bgppeer");
  t.match(whole.stdout, /^BGPPeer {2}object\nalso called bgppeer/);
  t.match(whole.stdout, /\n {2}peerIP +string/);
  const one = await runCli("explain node.bgp.asNumber");
  t.match(one.stdout, /^Node\.bgp\.asNumber .*\n\nAS number of this node/);
  t.match(await runCli("explain node.bgp.nothing"), {
    code: 1,
    stderr: /no field nothing.*\n.*fix: use one of asNumber/,
  });
  t.match((await runCli("explain bgpfilter --recursive")).stdout, /matchOperator/);
});

t.test("convert: Calico's v1 as today's", async (t) => {
  const { run, file } = await cluster(t);
  const old = `- {apiVersion: v1, kind: ipPool, metadata: {cidr: 192.168.0.0/16}, spec: {ipip: {enabled: true, mode: cross-subnet}, nat-outgoing: true}}
- {apiVersion: v1, kind: bgpPeer, metadata: {scope: node, node: host-1, peerIP: 10.0.0.254}, spec: {asNumber: 65001}}
- {apiVersion: v1, kind: profile, metadata: {name: db, tags: [db]}, spec: {ingress: [{action: allow, source: {tag: web}}], egress: [{action: allow}]}}
- {apiVersion: v1, kind: policy, metadata: {name: p}, spec: {selector: "role == 'db'", ingress: [{action: allow, protocol: tcp, destination: {ports: [6379]}}]}}
`;
  const converted = await run(`convert -f ${file("old.yaml", old)}`);
  t.equal(converted.code, 0, converted.stderr);
  t.match(
    converted.stdout,
    /name: ippool-192-168-0-0-16\nspec:\n {2}cidr: 192.168.0.0\/16\n {2}ipipMode: CrossSubnet/,
  );
  t.match(converted.stdout, /name: bgppeer-host-1-10-0-0-254/);
  t.match(converted.stdout, /selector: has\(web\)/);
  t.match(converted.stdout, /protocol: TCP/);
  t.equal((await run(`validate -f ${file("new.yaml", converted.stdout)}`)).code, 0);
  t.match(await run(`convert -f ${file("x.yaml", "{apiVersion: v2, kind: x}")}`), { code: 3 });
});

t.test(
  "which datastore: options, calicoctl's environment, its file, tortied's file, in this order",
  async (t) => {
    const { file } = await cluster(t);
    const calicoctl = file(
      "calicoctl.cfg",
      "apiVersion: projectcalico.org/v3\nkind: CalicoAPIConfig\nspec: {datastoreType: etcdv3, etcdEndpoints: 'https://10.0.0.1:2379,https://10.0.0.2:2379', etcdCACertFile: /ca.pem, etcdUsername: u, etcdPassword: p}\n",
    );
    const tortied = file(
      "tortied.yaml",
      "nodeName: h\ndatastore: {type: directory, path: /srv/cluster}\n",
    );
    const settings = (
      options: Record<string, string>,
      env: NodeJS.ProcessEnv,
      files: string[] = [],
    ) =>
      datastoreSettings({ options, environment: { ...readEnvironment(env), configFiles: files } });
    t.match(await settings({ directory: "/d" }, { ETCD_ENDPOINTS: "http://e:1" }), { path: "/d" });
    t.match(await settings({ etcdEndpoints: "http://a:1" }, { ETCD_CA_CERT_FILE: "/ca" }), {
      options: { endpoints: ["http://a:1"], caFile: "/ca" },
    });
    t.match(await settings({ config: calicoctl }, { ETCD_ENDPOINTS: "http://e:1" }), {
      options: {
        endpoints: ["https://10.0.0.1:2379", "https://10.0.0.2:2379"],
        caFile: "/ca.pem",
        username: "u",
        password: "p",
      },
    });
    t.match(await settings({}, { ETCD_ENDPOINTS: "http://e:1, http://f:1" }, [tortied]), {
      options: { endpoints: ["http://e:1", "http://f:1"] },
      from: "ETCD_ENDPOINTS",
    });
    t.match(await settings({}, { ETCD_AUTHORITY: "127.0.0.1:4001" }), {
      options: { endpoints: ["http://127.0.0.1:4001"] },
    });
    t.match(await settings({}, {}, ["/nonexistent", calicoctl, tortied]), { from: calicoctl });
    t.match(await settings({}, {}, [tortied]), { type: "directory", path: "/srv/cluster" });
    t.match(await settings({}, {}), { path: "/etc/tortie/cluster", from: "the default" });
    await t.rejects(settings({ config: file("empty.yaml", "{}") }, {}), /names no datastore/);
    const kubernetes = file("k.cfg", "spec: {datastoreType: kubernetes}");
    await t.rejects(settings({ config: kubernetes }, {}), /Kubernetes/);
  },
);

t.test("a datastore that does not answer is exit code 4, and says who named it", async (t) => {
  const env = { ETCD_ENDPOINTS: "not-a-url" };
  t.match(await runCli("get nodes", { env }), {
    code: 2,
    stderr: /the etcd of ETCD_ENDPOINTS cannot be used/,
  });
  t.match(await runCli("get nodes", { env: { TORTIE_SOCKET: "/nonexistent.sock" } }), { code: 4 });
});

t.test(
  "what would contradict other resources, or cut a host off, is not written without --force",
  async (t) => {
    const { run, file } = await cluster(t);
    const pool = (name: string, cidr: string) =>
      `apiVersion: projectcalico.org/v3\nkind: IPPool\nmetadata: {name: ${name}}\nspec: {cidr: ${cidr}}\n`;
    t.equal((await run(`apply -f ${file("pool.yaml", pool("a", "10.1.0.0/16"))}`)).code, 0);
    const overlapping = file("overlapping.yaml", pool("b", "10.1.2.0/24"));
    t.match(await run(`apply -f ${overlapping}`), {
      code: 3,
      stdout: "",
      stderr:
        /IPPool\/b {2}error {2}spec.cidr: 10.1.2.0\/24 overlaps with 10.1.0.0\/16 of IPPool\/a[\s\S]*--force/,
    });
    t.equal((await run("get ippools -o name")).stdout, "ippool/a\n", "nothing was written");
    t.match(await run(`apply -f ${overlapping} --force`), {
      code: 0,
      stdout: "IPPool/b created\n",
    });
    const other = await run(`apply -f ${file("other.yaml", pool("c", "10.2.0.0/16"))}`);
    t.equal(other.code, 0, "what was wrong before is not this change's fault");
    t.notMatch(other.stderr, /overlaps/);
    const both = file("both.yaml", `${pool("x", "10.0.0.0/8")}---\n${pool("y", "10.3.0.0/16")}`);
    t.match(await run(`validate -f ${both}`), {
      code: 3,
      stdout: /both.yaml:6:1 {2}error {2}spec.cidr: 10.3.0.0\/16 overlaps/,
    });
    await run("delete bgppeer tor-1");
    const meshOff = `apiVersion: projectcalico.org/v3\nkind: BGPConfiguration\nmetadata: {name: default}\nspec: {nodeToNodeMeshEnabled: false}\n`;
    t.match(await run(`apply -f ${file("mesh.yaml", meshOff)}`), {
      code: 3,
      stderr: /Node\/host-1 {2}error {2}has no BGP peering/,
    });
  },
);
