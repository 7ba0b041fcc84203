import { execFileSync, fork } from "node:child_process";
import { createHash } from "node:crypto";
import {
  appendFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import t from "tap";
import { DirectoryFiles } from "../../../src/datastore/directory/directory-files.ts";
import { syncDatastore } from "../../../src/datastore/syncer.ts";
import {
  asNumberIn,
  newDirectory,
  nextUpdate,
  openDirectory,
  peer,
  V3,
  Watched,
} from "./datastore-support.ts";

t.test("directory: several processes increment one counter and lose nothing", async (t) => {
  const directory = newDirectory(t);
  const datastore = openDirectory(t, directory);
  await datastore.create(peer("counter", { asNumber: 1 }));
  const { revision } = await datastore.list();
  const worker = join(import.meta.dirname, "increment-worker.ts");
  const [workers, rounds] = [3, 10];
  const children = Array.from({ length: workers }, (_, index) =>
    fork(worker, [directory, String(rounds), `w${index}`], { env: { PATH: process.env["PATH"] } }),
  );
  const codes = await Promise.all(
    children.map((child) => {
      const { promise, resolve } = Promise.withResolvers<number | null>();
      child.on("exit", resolve);
      return promise;
    }),
  );
  t.strictSame(codes, [0, 0, 0]);
  const counter = await datastore.get({ kind: "BGPPeer", name: "counter" });
  t.equal(counter?.spec["asNumber"], 1 + workers * rounds);
  const own = (await datastore.list()).resources.filter(({ metadata }) =>
    /^w\d-/.test(metadata.name),
  );
  t.equal(own.length, workers * rounds);
  const watched = new Watched(datastore, revision);
  await watched.until(() => watched.log.includes(`put BGPPeer/counter ${1 + workers * rounds}`));
  watched.stop();
  t.strictSame(
    readdirSync(directory).filter((name) => name.startsWith(".")),
    [],
    "no lock and no temporary file stays",
  );
});

t.test("directory: the lock of a writer that was killed is taken away", async (t) => {
  const directory = newDirectory(t);
  const dead = { pid: 2 ** 22 + 1, started: "1", pidNamespace: readlinkSync("/proc/self/ns/pid") };
  writeFileSync(join(directory, ".tortie-lock"), JSON.stringify(dead));
  const datastore = openDirectory(t, directory);
  t.equal((await datastore.create(peer("a"))).type, "written");
  const reused = { ...dead, pid: process.pid };
  writeFileSync(join(directory, ".tortie-lock"), JSON.stringify(reused));
  t.equal((await datastore.create(peer("b"))).type, "written", "a pid that was used again");
});

t.test(
  "directory: many documents in a file; a change leaves the others byte for byte",
  async (t) => {
    const directory = newDirectory(t);
    const first = `# the first\napiVersion: ${V3}\nkind: BGPPeer\nmetadata: {name: a} # here\nspec: {peerIP: 10.0.0.1, asNumber: 1}\n`;
    const second = `--- {apiVersion: ${V3}, kind: BGPPeer, metadata: {name: b}, spec: {peerIP: 10.0.0.2, asNumber: 2}}\n`;
    const third = `---\n# the third\napiVersion: ${V3}\nkind: BGPPeer\nmetadata: {name: c}\nspec: {peerIP: 10.0.0.3, asNumber: 3}\n# the end\n`;
    const path = join(directory, "peers.yaml");
    writeFileSync(path, first + second + third, { mode: 0o640 });
    const datastore = openDirectory(t, directory);
    await datastore.update(peer("b", { asNumber: 22, novelty: undefined }));
    const text = readFileSync(path, "utf8");
    t.ok(text.startsWith(first) && text.endsWith(third), text);
    t.match(text, "asNumber: 22");
    t.equal(statSync(path).mode & 0o777, 0o640);
    await datastore.delete({ kind: "BGPPeer", name: "b" });
    const without = readFileSync(path, "utf8");
    t.ok(without.startsWith(first) && without.endsWith(third), without);
    const left = (await datastore.list()).resources.map(({ metadata }) => metadata.name);
    t.strictSame(left, ["a", "c"]);
    await datastore.create(peer("d"));
    t.equal(statSync(join(directory, "bgppeer.d.yaml")).mode & 0o777, 0o600, "it may hold a key");
    await datastore.delete({ kind: "BGPPeer", name: "d" });
    t.strictSame(readdirSync(directory), ["peers.yaml"]);
  },
);

t.test("directory: a list in one document is rewritten whole, or not at all", async (t) => {
  const directory = newDirectory(t);
  const items = [peer("a"), peer("b")];
  const path = join(directory, "list.json");
  writeFileSync(path, JSON.stringify({ apiVersion: V3, kind: "BGPPeerList", items }));
  const datastore = openDirectory(t, directory);
  t.equal((await datastore.update(peer("a", { asNumber: 7 }))).type, "written");
  t.equal((await datastore.get({ kind: "BGPPeer", name: "b" }))?.spec["asNumber"], 65001);
  const bad = { apiVersion: V3, kind: "BGPPeerList", items: [...items, { kind: "BGPPeer" }] };
  writeFileSync(path, JSON.stringify(bad));
  await t.rejects(datastore.update(peer("a", { asNumber: 8 })), {
    message: "list.json cannot be changed by a program as it is: edit it by hand",
  });
});

t.test(
  "directory: a broken file is reported with its place; the last good objects stay",
  async (t) => {
    const directory = newDirectory(t);
    const write = (text: string) => writeFileSync(join(directory, "a.yaml"), text);
    const good = `apiVersion: ${V3}\nkind: BGPPeer\nmetadata: {name: a}\nspec:\n  peerIP: 10.0.0.1\n  asNumber: 1\n`;
    write(good);
    const datastore = openDirectory(t, directory);
    const abort = new AbortController();
    const updates = syncDatastore(datastore, { signal: abort.signal });
    t.teardown(() => abort.abort());
    const first = await nextUpdate(updates, ({ inSync }) => inSync);
    t.strictSame([...first.changed], ["BGPPeer/a"]);
    t.strictSame(first.problems, []);

    const steps: readonly (readonly [string, string, string])[] = [
      [
        good.replace("peerIP", "peerIp"),
        "a.yaml:5:3",
        "unknown field spec.peerIp; did you mean spec.peerIP?",
      ],
      [
        good.replace("10.0.0.1", '"10.0.0.1'),
        "a.yaml:7:1",
        "a quote, bracket, colon or comma is missing here",
      ],
      ["", "a.yaml:1:1", "the file is empty"],
      [good.replace("asNumber: 1", "asNumber: none"), "a.yaml:6:13", "must be an AS number"],
    ];
    for (const [text, where, message] of steps) {
      write(text);
      const update = await nextUpdate(updates, ({ problems }) =>
        problems.some((problem) => problem.where.startsWith(where)),
      );
      t.match(update.problems.find((problem) => problem.where.startsWith(where))?.message, message);
      t.equal(asNumberIn(update, "BGPPeer/a"), 1, "still in force");
      t.strictSame([...update.changed], []);
      await t.rejects(datastore.create(peer("a")), {
        message: "a.yaml has errors and may hold BGPPeer/a: mend the file first",
      });
    }
    write(good.replace("asNumber: 1", "asNumber: 2"));
    const mended = await nextUpdate(updates, (update) => asNumberIn(update, "BGPPeer/a") === 2);
    t.strictSame(mended.problems, []);

    renameSync(join(directory, "a.yaml"), join(directory, "b.yml"));
    writeFileSync(join(directory, "c.yaml"), good.replace("name: a", "name: c"));
    const moved = await nextUpdate(updates, ({ resources }) => resources.has("BGPPeer/c"));
    t.equal(asNumberIn(moved, "BGPPeer/a"), 2, "a renamed file keeps its objects");

    writeFileSync(join(directory, "z.yaml"), good);
    const twice = await nextUpdate(updates, ({ problems }) => problems.length > 0);
    t.strictSame(twice.problems, [
      { where: "z.yaml:1", message: "BGPPeer/a stands in b.yml already; this one is not in force" },
    ]);
    t.equal(asNumberIn(twice, "BGPPeer/a"), 2);
    await t.rejects(datastore.delete({ kind: "BGPPeer", name: "a" }), {
      message: "BGPPeer/a stands in b.yml and z.yaml: remove one of them",
    });
    unlinkSync(join(directory, "z.yaml"));
    unlinkSync(join(directory, "b.yml"));
    const gone = await nextUpdate(updates, ({ resources }) => !resources.has("BGPPeer/a"));
    t.strictSame([...gone.resources.keys()], ["BGPPeer/c"]);
    t.strictSame(gone.problems, []);
  },
);

t.test("directory: a file written in pieces takes effect once, when it has settled", async (t) => {
  const directory = newDirectory(t);
  const path = join(directory, "all.yaml");
  const document = (name: string) => `---\n${JSON.stringify(peer(name))}\n`;
  const names = Array.from({ length: 5 }, (_, index) => `p${index}`);
  writeFileSync(path, names.map(document).join(""));
  const datastore = openDirectory(t, directory, { settleMilliseconds: 3000 });
  const { revision, resources } = await datastore.list();
  t.equal(resources.length, 5);
  // As an editor without rename: the file is emptied, then grows piece by piece.
  writeFileSync(path, "");
  for (const name of [...names, "new"]) {
    appendFileSync(path, document(name));
    // A read makes the store look at the file as it is now.
    await datastore.get({ kind: "BGPPeer", name });
  }
  const watched = new Watched(datastore, revision);
  await watched.until(() => watched.log.length > 0);
  t.strictSame(watched.log, ["put BGPPeer/new 65001"], "nothing was deleted in between");
  watched.stop();
});

t.test(
  "directory: what is no resource file is not read; the directory may come later",
  async (t) => {
    const parent = newDirectory(t);
    const directory = join(parent, "later");
    const datastore = openDirectory(t, directory);
    const abort = new AbortController();
    const retryMilliseconds = { initial: 10, max: 20 };
    const updates = syncDatastore(datastore, { signal: abort.signal, retryMilliseconds });
    const missing = await nextUpdate(updates, () => true);
    t.match(missing, {
      inSync: false,
      problems: [{ where: "datastore", message: /cannot read the directory/ }],
    });
    mkdirSync(directory);
    writeFileSync(join(directory, "README.md"), "kind: nothing");
    writeFileSync(join(directory, ".hidden.yaml"), "kind: nothing");
    mkdirSync(join(directory, "folder.yaml"));
    symlinkSync("circle.yaml", join(directory, "circle.yaml"));
    execFileSync("mkfifo", [join(directory, "pipe.yaml")]);
    const there = await nextUpdate(updates, ({ inSync }) => inSync);
    t.strictSame(there.problems, []);
    await datastore.create(peer("a"));
    const created = await nextUpdate(updates, ({ resources }) => resources.size === 1);
    t.ok(created.inSync);
    renameSync(directory, join(parent, "elsewhere"));
    const lost = await nextUpdate(updates, ({ problems }) => problems.length > 0);
    t.match(lost.problems, [{ where: directory, message: /cannot read the directory/ }]);
    t.ok(lost.resources.has("BGPPeer/a"), "a directory that is not there deletes nothing");
    abort.abort();
    t.equal((await updates.next()).done, true);
  },
);

t.test(
  "directory: a file that others are renamed over, again and again, is never gone",
  async (t) => {
    const directory = newDirectory(t);
    const file = join(directory, "steady.yaml");
    const text = (asNumber: number) =>
      `apiVersion: ${V3}\nkind: BGPPeer\nmetadata: { name: steady }\nspec: { peerIP: 10.0.0.9, asNumber: ${asNumber} }\n`;
    writeFileSync(file, text(1));
    const files = new DirectoryFiles({ directory, settleMilliseconds: 0 });
    t.equal((await files.look()).settled, true);
    let renames = 0;
    const stop = new AbortController();
    const writer = (async () => {
      while (!stop.signal.aborted) {
        writeFileSync(`${file}.new`, text(2 + renames++));
        renameSync(`${file}.new`, file);
        await new Promise((resolve) => setImmediate(resolve));
      }
    })();
    let [gone, lost] = [0, 0];
    for (let i = 0; i < 500; i++) {
      const fresh = new DirectoryFiles({ directory, settleMilliseconds: 0 });
      const { settled } = await fresh.look();
      if (settled && fresh.files.length !== 1) lost++;
      await files.look();
      if (files.files.length !== 1) gone++;
    }
    stop.abort();
    await writer;
    t.strictSame({ gone, lost }, { gone: 0, lost: 0 });
    t.ok(renames > 100, `${renames} renames`);
  },
);

t.test("directory: what a writer that died had begun is finished by the next", async (t) => {
  const directory = newDirectory(t);
  const datastore = openDirectory(t, directory);
  await datastore.transact(
    ["a", "b", "c"].map((name) => ({ type: "create", resource: peer(name) })),
  );
  t.strictSame(
    readdirSync(directory).sort(),
    ["bgppeer.a.yaml", "bgppeer.b.yaml", "bgppeer.c.yaml"],
    "no journal stays",
  );
  const read = (name: string) => readFileSync(join(directory, `bgppeer.${name}.yaml`), "utf8");
  const hash = (text: string) => createHash("sha256").update(text).digest("hex");
  const changed = read("a").replace("65001", "7");
  const journal = [
    { name: "bgppeer.a.yaml", before: hash(read("a")), text: changed },
    { name: "bgppeer.b.yaml", before: hash(read("b")), text: null },
    { name: "bgppeer.c.yaml", before: hash("as it was before somebody edited it"), text: null },
    { name: "bgppeer.d.yaml", before: hash(""), text: read("c").replace("name: c", "name: d") },
  ];
  writeFileSync(join(directory, ".tortie-transaction"), JSON.stringify(journal));
  const { resources } = await openDirectory(t, directory).list();
  t.strictSame(
    resources.map(({ metadata, spec }) => `${metadata.name} ${spec["asNumber"]}`),
    ["a 7", "c 65001", "d 65001"],
  );
  t.notOk(readdirSync(directory).includes(".tortie-transaction"));
  writeFileSync(join(directory, ".tortie-transaction"), "{");
  await t.rejects(datastore.create(peer("e")), /tortie-transaction cannot be read; remove it/);
});

t.test("directory: names that are no file names, and files with many objects", async (t) => {
  const directory = newDirectory(t);
  const datastore = openDirectory(t, directory);
  const handle = (name: string) => ({
    apiVersion: V3,
    kind: "IPAMHandle",
    metadata: { name },
    spec: { handleID: name, block: {} },
  });
  const names = ["k8s.Some_ID", "..", "über", "x".repeat(1000), "%41"];
  for (const name of names) t.equal((await datastore.create(handle(name))).type, "written", name);
  for (const name of names) {
    t.match(await datastore.get({ kind: "IPAMHandle", name }), handle(name));
    t.equal((await datastore.delete({ kind: "IPAMHandle", name })).type, "deleted");
  }
  const file = join(directory, "many.yaml");
  writeFileSync(file, ["a", "b", "c"].map((name) => JSON.stringify(peer(name))).join("\n---\n"));
  const { resources } = await datastore.list();
  const versions = new Map(
    resources.map(({ metadata }) => [metadata.name, metadata.resourceVersion ?? ""]),
  );
  const [a] = resources;
  if (a === undefined) throw new Error("nothing listed");
  const result = await datastore.transact([
    { type: "update", resource: { ...a, spec: { ...a.spec, asNumber: 5 } } },
    {
      type: "delete",
      key: { kind: "BGPPeer", name: "b" },
      resourceVersion: versions.get("b") ?? "",
    },
    { type: "expect", key: { kind: "BGPPeer", name: "c" }, resourceVersion: versions.get("c") },
  ]);
  t.equal(result.type, "written");
  const after = await datastore.list();
  t.strictSame(
    after.resources.map(({ metadata, spec }) => `${metadata.name} ${spec["asNumber"]}`),
    ["a 5", "c 65001"],
  );
  t.strictSame(readdirSync(directory), ["many.yaml"]);
});
