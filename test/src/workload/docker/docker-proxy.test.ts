import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import t, { type Test } from "tap";
import { DockerProxy } from "../../../../src/workload/docker/docker-proxy.ts";
import { type ProxyHooks, Refusal } from "../../../../src/workload/docker/proxied-answer.ts";
import { proxiedRoute } from "../../../../src/workload/docker/proxied-route.ts";
import { findOwner, mayUseDocker } from "../../../../src/workload/docker/proxy-client.ts";
import { isUpgrade, readHead } from "../../../../src/workload/docker/request-head.ts";

const NO_HOOKS: ProxyHooks = {
  prepareCreate: async () => undefined,
  inspected: async (container) => container,
  listed: async (containers) => containers,
  remove: (_container, forward) => forward(),
};

type FakeDocker = { readonly requests: { line: string; body: string }[] };

/** A docker that answers like one, and a proxy in front of it. */
async function proxied(t: Test, options: { hooks?: Partial<ProxyHooks>; uid?: number } = {}) {
  const folder = mkdtempSync(join(tmpdir(), "tortie-docker-"));
  const path = join(folder, "docker.sock");
  const docker: FakeDocker = { requests: [] };
  const server = createServer((request, response) => void answer(docker, request, response));
  server.on("upgrade", (_request, socket: Socket) => {
    socket.write("HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n");
    // Echoes until the client has closed its half, and says goodbye after that.
    socket.on("data", (chunk: Buffer) => socket.write(`<${chunk.toString("utf8")}>`));
    socket.on("end", () => socket.end("goodbye"));
  });
  await listen(server, path);
  const proxy = await DockerProxy.start({
    port: 0,
    dockerSocket: path,
    hooks: { ...NO_HOOKS, ...options.hooks },
    log: () => undefined,
    ...(options.uid !== undefined && {
      clientOf: () => ({ type: "user", uid: options.uid ?? 0 }) as const,
    }),
  });
  t.teardown(async () => {
    await proxy.close();
    server.closeAllConnections();
    await new Promise((done) => server.close(done));
    rmSync(folder, { recursive: true, force: true });
  });
  return { docker, proxy, port: proxy.port, say: (text: string) => say(proxy.port, text) };
}

async function answer(docker: FakeDocker, request: IncomingMessage, response: ServerResponse) {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const body = Buffer.concat(chunks);
  docker.requests.push({ line: `${request.method} ${request.url}`, body: body.toString("utf8") });
  if (request.url === "/length") response.end(String(body.length));
  else if (request.url === "/large") response.end(Buffer.alloc(5_000_000, "x"));
  else if (request.method === "DELETE") response.writeHead(204).end();
  else if (body.includes("conflict")) response.writeHead(409).end('{"message":"in use"}');
  else if (/create/.test(request.url ?? "")) {
    response.writeHead(201, { "content-type": "application/json" }).end('{"Id":"c1"}');
  } else if (/json$/.test(request.url ?? "")) {
    response.setHeader("Docker-Experimental", "false");
    response.end('{"Id": "c1"}');
  } else response.writeHead(404, { "content-type": "application/json" }).end('{"message":"no"}');
}

t.test("a request passes as it is, and is the only one of its connection", async (t) => {
  const { docker, say } = await proxied(t);
  const answered = await say("GET /v1.41/nothing HTTP/1.1\r\nHost: x\r\nX-Odd:  a b \r\n\r\n");
  t.match(answered, /^HTTP\/1\.1 404 Not Found\r\n/);
  t.match(answered, /Connection: close/);
  t.match(answered, /{"message":"no"}/);
  t.same(docker.requests, [{ line: "GET /v1.41/nothing", body: "" }]);
});

t.test("bodies of any size pass in both directions", async (t) => {
  const { say } = await proxied(t);
  const body = "y".repeat(3_000_000);
  const counted = await say(
    `POST /length HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
  );
  t.match(counted, /\r\n\r\n(?:7\r\n)?3000000/);
  const chunked = await say(
    "POST /length HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
  );
  t.match(chunked, /\b5\b/);
  const large = await say("GET /large HTTP/1.1\r\nHost: x\r\n\r\n");
  t.ok(large.length > 5_000_000, `${large.length} octets`);
});

t.test("an upgraded connection is a pipe whose halves close one by one", async (t) => {
  const { port } = await proxied(t);
  const socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
  let heard = "";
  socket.on("data", (chunk: Buffer) => {
    heard += chunk.toString("utf8");
  });
  const ended = new Promise((done) => socket.once("end", done));
  socket.write(
    "POST /v1.41/exec/1/start HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: tcp\r\nContent-Length: 2\r\n\r\n{}",
  );
  socket.write("ls");
  socket.end();
  await ended;
  t.match(heard, /^HTTP\/1\.1 101 UPGRADED/);
  t.match(heard, /goodbye$/, "what comes after the client's half is closed is heard");
});

t.test("who may use it", async (t) => {
  t.equal(mayUseDocker({ uid: 0 }), true);
  t.equal(mayUseDocker({ uid: 65_534 }), false, "nobody");
  const { docker, say } = await proxied(t, { uid: 65_534 });
  t.match(await say("GET /version HTTP/1.1\r\nHost: x\r\n\r\n"), /^HTTP\/1\.1 403 /);
  t.same(docker.requests, [], "docker is not asked");
  const own = await proxied(t);
  t.match(
    await own.say("GET /version HTTP/1.1\r\nHost: x\r\nOrigin: http://evil.example\r\n\r\n"),
    /^HTTP\/1\.1 403 /,
    "a web page",
  );
  t.match(await own.say("GET /version HTTP/1.1\r\nHost: x\r\n\r\n"), /^HTTP\/1\.1 404 /, "root");
  t.match(await own.say("what is this\r\n\r\n"), /^HTTP\/1\.1 400 /, "no HTTP");
});

t.test("the owner of a connection, as /proc/net/tcp tells it", (t) => {
  const line = (local: string, remote: string, state: string, uid: number) =>
    `   0: ${local} ${remote} ${state} 00000000:00000000 00:00000000 00000000 ${uid} 0 1 1`;
  const ends = {
    local: { address: "127.0.0.1", port: 0xabcd },
    remote: { address: "127.0.0.1", port: 2377 },
  };
  const table = (...lines: string[]) => ["  sl  local_address rem_address", ...lines].join("\n");
  const own = line("0100007F:ABCD", "0100007F:0949", "01", 1000);
  t.equal(findOwner(table(own), ends), 1000);
  t.equal(
    findOwner(table(line("0100007F:0949", "0100007F:ABCD", "01", 0)), ends),
    undefined,
    "our own end",
  );
  t.equal(
    findOwner(table(line("0100007F:ABCD", "0100007F:0949", "06", 0)), ends),
    undefined,
    "TIME_WAIT is listed as root's",
  );
  const mapped = "0000000000000000FFFF0000";
  t.equal(
    findOwner(table(line(`${mapped}0100007F:ABCD`, `${mapped}0100007F:0949`, "01", 7)), ends),
    7,
    "an IPv6 socket that talks IPv4",
  );
  const six = {
    local: { address: "::1", port: 0xabcd },
    remote: { address: "::1", port: 2377 },
  };
  const loopback = "00000000000000000000000001000000";
  t.equal(findOwner(table(line(`${loopback}:ABCD`, `${loopback}:0949`, "01", 8)), six), 8);
  t.end();
});

t.test("hooks: create, refusal, undo, inspect, list, remove", async (t) => {
  const undone: string[] = [];
  const { docker, say } = await proxied(t, {
    hooks: {
      prepareCreate: async (request) => {
        const { Image } = request as { Image?: string };
        if (Image === "refused") throw new Refusal(400, "CALICO_IP 10.9.9.9 is in no pool");
        if (Image !== "ours" && Image !== "conflict") return undefined;
        return {
          request: { Image, Labels: { token: "t" } },
          created: () => undone.push("created"),
          undo: async () => void undone.push("undone"),
        };
      },
      inspected: async (container) => ({ ...(container as object), Extra: true }),
      remove: async (container, forward) => {
        undone.push(`removing ${container}`);
        return forward();
      },
    },
  });
  const create = (body: string) =>
    say(
      `POST /v1.41/containers/create?name=a HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    );
  t.match(
    await create('{"Image":"refused"}'),
    /400[\s\S]*{"message":"CALICO_IP 10\.9\.9\.9 is in no pool"}/,
  );
  t.match(await create('{"Image":"ours"}'), /201 Created[\s\S]*{"Id":"c1"}/);
  t.match(await create('{"Image" : "theirs"}'), /201/);
  t.match(await create("no json"), /201/, "docker's to complain about");
  t.match(await create('{"Image":"conflict"}'), /409[\s\S]*in use/, "docker's refusal passes");
  t.same(
    docker.requests.map(({ body }) => body),
    [
      '{"Image":"ours","Labels":{"token":"t"}}',
      '{"Image" : "theirs"}',
      "no json",
      '{"Image":"conflict","Labels":{"token":"t"}}',
    ],
    "untouched octet for octet where it is none of ours",
  );
  const inspected = await say("GET /containers/c1/json HTTP/1.1\r\nHost: x\r\n\r\n");
  t.match(inspected, /Docker-Experimental: false/i, "docker's header fields stay");
  t.match(inspected, /{"Id":"c1","Extra":true}/);
  t.match(await say("DELETE /v1.30/containers/c1?force=1 HTTP/1.1\r\nHost: x\r\n\r\n"), /204/);
  t.same(undone, ["created", "undone", "removing c1"]);
});

t.test("a docker that is not there is said", async (t) => {
  const proxy = await DockerProxy.start({
    port: 0,
    dockerSocket: "/nowhere/docker.sock",
    hooks: NO_HOOKS,
    log: () => undefined,
  });
  t.teardown(() => proxy.close());
  for (const path of ["/version", "/containers/c1/json"]) {
    const said = await say(proxy.port, `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`);
    t.match(said, /^HTTP\/1\.1 502 Bad Gateway[\s\S]*nowhere/, path);
  }
});

t.test("routes and heads", (t) => {
  for (const [method, target, type] of [
    ["POST", "/v1.41/containers/create?name=x", "create"],
    ["POST", "/containers/create", "create"],
    ["GET", "/containers/json?all=1", "list"],
    ["GET", "/v1.24/containers/web/json", "inspect"],
    ["DELETE", "/v1.24/containers/web?v=1", "remove"],
    ["GET", "/v1.41/containers/web/logs?follow=1", undefined],
    ["POST", "/v1.41/containers/web/start", undefined],
    ["POST", "/v1.41/build", undefined],
    ["GET", "/images/json", undefined],
  ] as const) {
    t.equal(proxiedRoute(method, target)?.type, type, `${method} ${target}`);
  }
  t.match(readHead(Buffer.from("GET / HTTP/1.1\r\nA: b")), { type: "incomplete" });
  t.match(readHead(Buffer.from("GET / HTTP/2\r\n\r\n")), { type: "malformed" });
  t.match(readHead(Buffer.from("GET / HTTP/1.1\r\n: x\r\n\r\n")), { type: "malformed" });
  t.match(readHead(Buffer.alloc(1024 * 1024 + 1, "a")), { type: "malformed" }, "has a limit");
  const upgrade = readHead(
    Buffer.from("POST / HTTP/1.1\r\nconnection: x, UPGRADE\r\nupgrade: h2c\r\n\r\nrest"),
  );
  t.equal(upgrade.type === "head" && isUpgrade(upgrade.head), true);
  t.equal(upgrade.type === "head" && upgrade.rest.toString(), "rest");
  t.end();
});

function listen(server: Server, path: string): Promise<void> {
  return new Promise((done) => server.listen(path, done));
}

/** Sends text and returns all that comes until the other side closes. */
function say(port: number, text: string): Promise<string> {
  const socket = connect({ port, host: "127.0.0.1" });
  const chunks: Buffer[] = [];
  socket.on("data", (chunk: Buffer) => chunks.push(chunk));
  socket.write(text);
  return new Promise((resolve, reject) => {
    socket.once("error", reject);
    socket.once("close", () => resolve(Buffer.concat(chunks).toString("latin1")));
  });
}
