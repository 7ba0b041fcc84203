import { spawn, spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdtempSync, rmSync, statSync, unlinkSync } from "node:fs";
import { request } from "node:http";
import { connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import t from "tap";
import { ApiServer } from "../../../src/api/api-server.ts";
import { ApiClient, ApiRefusal, DaemonUnreachable } from "../../../src/api/client.ts";
import { ConnectionQuota, MOST_CONNECTIONS_OF_A_USER } from "../../../src/api/connection-quota.ts";
import { ENDPOINTS } from "../../../src/api/endpoints.ts";
import { fakeApiSource } from "../../support/fake-api-source.ts";

async function startApi(
  test: Tap,
  options: { mayAct?: () => boolean; userOf?: () => number } = {},
) {
  const folder = mkdtempSync(join(tmpdir(), "tortie-api-"));
  // Others must be able to reach the socket, as they can in /run/tortie.
  chmodSync(folder, 0o755);
  const path = join(folder, "tortie.sock");
  const acts: string[] = [];
  const errors: Error[] = [];
  const api = await ApiServer.start({
    path,
    source: fakeApiSource(acts),
    onError: (error) => errors.push(error),
    ...options,
  });
  test.teardown(async () => {
    await api.close();
    rmSync(folder, { recursive: true, force: true });
  });
  return { path, acts, errors, api, client: new ApiClient(path) };
}

type Tap = { readonly teardown: (end: () => Promise<void>) => void };

function raw(
  path: string,
  method: string,
  url: string,
  body?: string,
): Promise<{ status: number; body: string; type: string }> {
  return new Promise((resolve, reject) => {
    const outgoing = request({ socketPath: path, method, path: url }, (incoming) => {
      let text = "";
      incoming.setEncoding("utf8");
      incoming.on("data", (chunk) => {
        text += chunk;
      });
      incoming.on("end", () =>
        resolve({
          status: incoming.statusCode ?? 0,
          body: text,
          type: incoming.headers["content-type"] ?? "",
        }),
      );
    });
    outgoing.on("error", reject);
    outgoing.end(body);
  });
}

t.test("every read answers through the typed client", async (t) => {
  const { client } = await startApi(t);
  t.equal((await client.status()).node, "core-01");
  t.equal((await client.peers()).items.length, 2);
  t.equal((await client.peer("10.0.0.254")).name, "Node_10_0_0_254", "by address");
  t.equal((await client.peer("Mesh_10_0_0_2")).address, "10.0.0.2", "by name");
  t.equal((await client.kernel()).pendingCount, 1);
  t.equal((await client.events({ limit: 5 })).items.length, 1);
  t.equal((await client.events({ peer: "nobody" })).items.length, 0);
  t.equal((await client.resources("nodes")).items.length, 1);
  t.equal((await client.resources("no", "core-01")).items.length, 1);
  t.equal(await client.metrics(), "# EOF\n");
});

t.test("routes: attributes as text, pages by cursor, one prefix", async (t) => {
  const { client } = await startApi(t);
  const first = await client.routes({ limit: 2 });
  t.equal(first.items.length, 2);
  t.equal(first.items[1]?.communities?.[0], "65000:100");
  t.ok(first.cursor, "there is more");
  const second = await client.routes({ limit: 2, cursor: first.cursor ?? "" });
  t.equal(second.items[0]?.asPath, "65001 65002 {65003,65004}");
  t.equal(second.items[0]?.originatorId, "10.0.0.8");
  t.strictSame(second.items[0]?.clusterList, ["10.0.0.9"]);
  t.equal(second.cursor, undefined);
  t.equal((await client.routes({ prefix: "192.168.0.1/32" })).items[0]?.peer, "local");
  t.equal((await client.routes({ prefix: "192.168.0.0/24", match: "within" })).items.length, 3);
  t.equal((await client.routes({ family: "ipv6-unicast" })).items.length, 0);
});

t.test("explain: the best first, why the others lost, and what the kernel says", async (t) => {
  const { client } = await startApi(t);
  const report = await client.explain("192.168.0.2");
  t.equal(report.prefix, "192.168.0.2/32", "the longest match of an address");
  t.strictSame(
    report.paths.map(({ peer, best, reason }) => [peer, best, reason]),
    [
      ["Mesh_10_0_0_2", true, undefined],
      ["Node_10_0_0_254", false, "lower LOCAL_PREF"],
    ],
  );
  t.equal(report.kernel, "not installed: EEXIST: static has this route");
});

t.test("what is asked wrongly is refused with a reason", async (t) => {
  const { path, errors } = await startApi(t);
  const rows: [string, string, string | undefined, number, RegExp][] = [
    ["GET", "/v1/nothing", undefined, 404, /there is no \/v1\/nothing/],
    ["POST", "/v1/status", undefined, 405, /takes GET/],
    ["GET", "/v1/peers/10.9.9.9", undefined, 404, /no peer is called 10.9.9.9/],
    ["GET", "/v1/peers/%zz", undefined, 400, /percent-encoding/],
    ["GET", "/v1/routes?prefix=10.0.0.1/24", undefined, 400, /not a prefix/],
    ["GET", "/v1/routes?family=vpnv4", undefined, 400, /must be ipv4-unicast/],
    ["GET", "/v1/routes?limit=100000", undefined, 400, /limit/],
    ["GET", "/v1/routes?tabel=in", undefined, 400, /tabel/],
    ["GET", "/v1/routes?table=in", undefined, 400, /belongs to one peer/],
    ["GET", "/v1/routes?table=in&peer=nobody", undefined, 404, /no peer is called nobody/],
    ["GET", "/v1/explain?prefix=10.9.0.0/16", undefined, 404, /no route to 10.9.0.0\/16/],
    ["GET", "/v1/explain", undefined, 400, /prefix/],
    ["GET", "/v1/resources/secrets", undefined, 404, /no kind is called secrets/],
    ["GET", "/v1/resources/nodes?name=x", undefined, 404, /no Node is called x/],
    ["POST", "/v1/peers/10.0.0.2/reset", "{", 400, /not JSON/],
    ["POST", "/v1/peers/10.0.0.2/reset", '{"mesage":"x"}', 400, /mesage/],
    ["POST", "/v1/peers/10.0.0.2/refresh", '{"direction":"up"}', 400, /direction/],
    ["POST", "/v1/stop", '{"mode":"restart","cleanup":true}', 400, /keeps the routes/],
    ["POST", "/v1/stop", `"${"x".repeat(1_100_000)}"`, 413, /at most/],
  ];
  for (const [method, url, body, status, reason] of rows) {
    const answer = await raw(path, method, url, body);
    t.equal(answer.status, status, `${method} ${url}`);
    t.match(JSON.parse(answer.body).error.what, reason, `${method} ${url} says why`);
    t.match(answer.type, /^application\/json/);
  }
  t.equal(errors.length, 0, "none of it is the daemon's own error");
});

t.test("acts reach the daemon", async (t) => {
  const { client, acts } = await startApi(t);
  await client.resetPeer("10.0.0.2", "new cable");
  await client.refreshPeer("Node_10_0_0_254", "in");
  await client.stop({ mode: "shutdown", cleanup: true });
  t.strictSame(acts, [
    "reset Mesh_10_0_0_2 new cable",
    "refresh Node_10_0_0_254 in",
    "stop shutdown true",
  ]);
});

t.test("who may not act reads all the same", async (t) => {
  const { client, acts } = await startApi(t, { mayAct: () => false });
  const refusal = await client.resetPeer("10.0.0.2").catch((error: unknown) => error);
  t.ok(refusal instanceof ApiRefusal);
  t.equal((refusal as ApiRefusal).detail.code, "not-permitted");
  t.strictSame(acts, []);
  t.equal((await client.status()).node, "core-01");
});

t.test(
  "the kernel says who acts: user nobody reads, and may not stop the daemon",
  { skip: process.getuid?.() === 0 ? false : "needs root to become nobody" },
  async (t) => {
    const { path, acts } = await startApi(t);
    const asNobody = (method: string, url: string) => {
      const program = `
        const { request } = require("node:http");
        process.setgroups([]);
        process.setgid(65534);
        process.setuid(65534);
        request({ socketPath: ${JSON.stringify(path)}, method: "${method}", path: "${url}" },
          (answer) => { console.log(answer.statusCode); process.exit(); }).end();`;
      // The socket's server is this very process, so the child must not be waited for synchronously. It becomes nobody after
      // its start, because nobody may not be let into the folder where node lies.
      return new Promise<string>((resolve) => {
        const child = spawn(process.execPath, ["-e", program], {
          env: {},
          stdio: ["ignore", "pipe", "inherit"],
        });
        let text = "";
        child.stdout.on("data", (chunk) => {
          text += chunk;
        });
        child.on("close", () => resolve(text.trim()));
      });
    };
    t.equal(await asNobody("GET", "/v1/status"), "200");
    t.equal(await asNobody("POST", "/v1/stop"), "403");
    t.strictSame(acts, []);
    t.equal(statSync(path).mode & 0o666, 0o666, "everyone may connect");
  },
);

t.test("a bug in an answer is the daemon's error, and tells nothing to the reader", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "tortie-api-"));
  const path = join(folder, "tortie.sock");
  const errors: Error[] = [];
  const source = {
    ...fakeApiSource(),
    status: () => {
      throw new Error("canary-inside");
    },
  };
  const api = await ApiServer.start({ path, source, onError: (error) => errors.push(error) });
  t.teardown(() => api.close());
  const answer = await raw(path, "GET", "/v1/status");
  t.equal(answer.status, 500);
  t.notMatch(answer.body, /canary-inside/);
  t.equal(errors[0]?.message, "canary-inside");
});

t.test("a socket that a dead daemon left is replaced, a living one is kept", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "tortie-api-"));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const path = join(folder, "tortie.sock");
  // A killed process leaves its socket file: made here by a child that exits without closing.
  const child = spawnSync(process.execPath, [
    "-e",
    `require("node:net").createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, "SIGKILL"))`,
  ]);
  t.equal(child.signal, "SIGKILL");
  t.ok(statSync(path).isSocket(), "it is there");
  const first = await ApiServer.start({ path, source: fakeApiSource(), onError: () => {} });
  await t.rejects(
    ApiServer.start({ path, source: fakeApiSource(), onError: () => {} }),
    /another daemon answers/,
  );
  t.equal((await new ApiClient(path).status()).node, "core-01", "the first one still answers");
  await first.close();
  t.throws(() => statSync(path), "closing removes the socket");
});

t.test("a user's connections have a limit of their own; others and root are let in", async (t) => {
  let user = 1000;
  const { path, client } = await startApi(t, { userOf: () => user });
  const open: Socket[] = [];
  t.teardown(() => {
    for (const socket of open) socket.destroy();
  });
  const hold = () =>
    new Promise<void>((resolve) => {
      const socket = connect({ path }, resolve);
      socket.on("error", () => {});
      open.push(socket);
    });
  for (let i = 0; i < MOST_CONNECTIONS_OF_A_USER; i++) await hold();
  const refused = await client.status().catch((error: unknown) => error);
  t.match(refused, { detail: { code: "exhausted", what: /too many connections/ } });
  user = 1001;
  t.equal((await client.status()).node, "core-01", "another user");
  user = 0;
  t.equal((await client.status()).node, "core-01", "root");
  user = 1000;
  open.pop()?.destroy();
  const end = Date.now() + 5_000;
  for (;;) {
    const answer = await client.status().catch(() => undefined);
    if (answer !== undefined) break;
    if (Date.now() > end) throw new Error("a place that was given back is not free");
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
});

t.test("the quota keeps places for root, and forgets who is gone", (t) => {
  const quota = new ConnectionQuota();
  const releases: (() => void)[] = [];
  for (let uid = 1; ; uid++) {
    const release = quota.admit(uid);
    if (release === undefined) break;
    releases.push(release);
  }
  t.equal(releases.length, 1024 - 128);
  t.ok(quota.admit(0), "root");
  releases.pop()?.();
  t.ok(quota.admit(5000));
  t.end();
});

t.test(
  "a socket that somebody deletes comes back, and a connection that stands goes on",
  async (t) => {
    const { path, client, errors } = await startApi(t);
    unlinkSync(path);
    const end = Date.now() + 10_000;
    while (!existsSync(path)) {
      if (Date.now() > end) throw new Error("the socket did not come back");
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    t.equal((await client.status()).node, "core-01");
    t.equal(statSync(path).mode & 0o666, 0o666, "everyone may connect");
    t.strictSame(errors, []);
  },
);

t.test("nobody at the socket: why, for people", async (t) => {
  const error = await new ApiClient("/nonexistent/tortie.sock").status().catch((e: unknown) => e);
  t.ok(error instanceof DaemonUnreachable);
  t.equal((error as DaemonUnreachable).code, "ENOENT");
  const folder = mkdtempSync(join(tmpdir(), "tortie-api-"));
  const path = join(folder, "silent.sock");
  const server = createServer((socket) => socket.destroy()).listen(path);
  t.teardown(() => {
    server.close();
    rmSync(folder, { recursive: true, force: true });
  });
  const reset = await new ApiClient(path).status().catch((e: unknown) => e);
  t.ok(reset instanceof DaemonUnreachable, "a connection that ends without an answer");
});

t.test("every endpoint under /v1 that is not a GET is an act", async (t) => {
  for (const { method, act, path } of ENDPOINTS) t.equal(act, method === "POST", path);
});
