import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import {
  connect as connectUnix,
  createServer,
  createServer as createUnixServer,
  type Socket,
} from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import t, { type Test } from "tap";
import { IpAddress } from "../../../protocol/types/ip-address.ts";
import { libc } from "../../../src/kernel/native/libc.ts";
import {
  isUserInGroup,
  peerCredentials,
  peerIsInGroup,
} from "../../../src/kernel/native/peer-credentials.ts";
import { RING_ENTRIES, SendRing } from "../../../src/kernel/native/send-ring.ts";
import {
  decodeSocketAddress,
  encodeSocketAddress,
} from "../../../src/kernel/native/socket-address.ts";
import { openSocketPair } from "../../../src/kernel/native/socket-pair.ts";
import { MD5_KEY_MAX_OCTETS, md5Signature } from "../../../src/kernel/native/tcp-md5.ts";
import {
  connectTcp,
  DSCP_CS6,
  listenTcp,
  PortTakenError,
} from "../../../src/kernel/native/tcp-socket.ts";
import { SysctlDriver } from "../../../src/kernel/sysctl-driver.ts";

function newFolder(t: Test): string {
  const folder = mkdtempSync(join(tmpdir(), "tortie-kernel-"));
  t.teardown(() => rmSync(folder, { recursive: true }));
  return folder;
}

function listen(address: string, port: number) {
  return listenTcp({
    address: IpAddress(address),
    port,
    ttlSecurity: true,
    dscp: DSCP_CS6,
    keys: [],
  });
}

t.test("importing the kernel layer does not load the foreign function library", (t) => {
  // In a process of its own: in this one another file may have used it.
  const layer = join(import.meta.dirname, "../../../src/kernel/native/tcp-socket.ts");
  const program = `
    import { readFileSync } from "node:fs";
    const { listenTcp } = await import(${JSON.stringify(layer)});
    const isLoaded = () => /koffi/.test(readFileSync("/proc/self/maps", "utf8"));
    const before = isLoaded();
    const listener = await listenTcp({ address: "127.0.0.1", port: 0, ttlSecurity: true, dscp: 0, keys: [] });
    await listener.close();
    console.log(before, isLoaded());`;
  const { stdout } = spawnSync(process.execPath, ["--input-type=module", "-e", program], {
    encoding: "utf8",
  });
  t.equal(stdout, "false true\n", "the first call does");
  t.end();
});

t.test("socket addresses are the kernel's structures", async (t) => {
  const ipv4 = encodeSocketAddress(IpAddress("192.0.2.1"), 179);
  t.equal(ipv4.toString("hex"), "020000b3c00002010000000000000000");
  t.strictSame(decodeSocketAddress(ipv4), { address: "192.0.2.1", port: 179 });
  const ipv6 = encodeSocketAddress(IpAddress("fe80::1"), 179, 7);
  t.equal(ipv6.toString("hex"), "0a0000b300000000fe80000000000000000000000000000107000000");
  t.strictSame(decodeSocketAddress(ipv6), { address: "fe80::1", port: 179 });
  t.equal(decodeSocketAddress(Buffer.alloc(16)), undefined);
});

t.test("struct tcp_md5sig: address, flags, prefix length, key length, key", async (t) => {
  const plain = md5Signature({ address: IpAddress("192.0.2.1"), md5Key: "cat" });
  t.equal(plain.length, 216);
  t.equal(plain.subarray(0, 8).toString("hex"), "02000000c0000201");
  t.equal(plain.subarray(128, 140).toString("hex"), "000003000000000063617400");
  const prefix = md5Signature({ address: IpAddress("fd00::"), prefixLength: 64, md5Key: "" });
  t.equal(prefix.subarray(128, 136).toString("hex"), "0140000000000000");
  const tooLong = "k".repeat(MD5_KEY_MAX_OCTETS + 1);
  t.throws(() => md5Signature({ address: IpAddress("192.0.2.1"), md5Key: tooLong }), {
    message: "the MD5 key for 192.0.2.1 has 81 octets, 80 is the limit",
  });
});

for (const loopback of ["127.0.0.1", "::1"]) {
  t.test(`${loopback}: connect, accept, talk; and a taken port names its owner`, async (t) => {
    const listener = await listen(loopback, 0);
    const server = new Promise<Socket>((resolve) => listener.on("connection", resolve));
    const client = connectTcp({
      address: IpAddress(loopback),
      port: listener.port,
      options: { dscp: DSCP_CS6, localAddress: IpAddress(loopback), ttlSecurityHops: 1 },
    });
    client.write("ping");
    const accepted = await server;
    const said = await new Promise((resolve) =>
      accepted.once("data", (bytes) => resolve(String(bytes))),
    );
    t.equal(said, "ping");
    const command = readFileSync(`/proc/${process.pid}/comm`, "utf8").trim();
    const taken = await listen(loopback, listener.port).catch((error: Error) => error);
    t.type(taken, PortTakenError);
    t.equal(
      (taken as Error).message,
      `port ${listener.port} on ${loopback} is taken by ${command} (pid ${process.pid})`,
    );
    const port = listener.port;
    accepted.destroy();
    client.destroy();
    await listener.close();
    const again = await listen(loopback, port);
    t.equal(again.port, port, "a closed listener's port is free at once");
    await again.close();
  });
}

t.test("a wildcard owner is named too", async (t) => {
  const other = createServer();
  await new Promise<void>((resolve) => other.listen(0, "0.0.0.0", resolve));
  t.teardown(() => other.close());
  const { port } = other.address() as { readonly port: number };
  await t.rejects(listen("127.0.0.1", port), { message: new RegExp(`pid ${process.pid}`) });
});

t.test("a refused connection is an error event", async (t) => {
  const listener = await listen("127.0.0.1", 0);
  const { port } = listener;
  await listener.close();
  const socket = connectTcp({ address: IpAddress("127.0.0.1"), port, options: { dscp: 0 } });
  const error = await new Promise<NodeJS.ErrnoException>((resolve) =>
    socket.once("error", resolve),
  );
  t.equal(error.code, "ECONNREFUSED");
});

t.test("peer credentials of a unix socket are ours when we connect to ourselves", async (t) => {
  const path = join(newFolder(t), "socket");
  const server = createUnixServer();
  await new Promise<void>((resolve) => server.listen(path, resolve));
  const accepted = new Promise<Socket>((resolve) => server.once("connection", resolve));
  const client = connectUnix(path);
  const socket = await accepted;
  t.strictSame(peerCredentials(socket), {
    pid: process.pid,
    uid: process.getuid?.(),
    gid: process.getgid?.(),
  });
  const own = readFileSync("/etc/group", "utf8")
    .split("\n")
    .map((line) => line.split(":"))
    .find((fields) => Number(fields[2]) === process.getgid?.());
  t.ok(peerIsInGroup(socket, own?.[0] ?? ""));
  t.notOk(peerIsInGroup(socket, "no-such-group"));
  t.notOk(isUserInGroup(4_294_967_294, own?.[0] ?? ""));
  client.destroy();
  socket.destroy();
  server.close();
});

t.test(
  "sysctls: what differs is written, old values outlive the process and are restored",
  async (t) => {
    const folder = newFolder(t);
    const root = join(folder, "sys");
    const stateFile = join(folder, "state", "sysctls.json");
    const file = (name: string) => join(root, "net/ipv4/conf", name);
    for (const link of ["a.1", "b"]) {
      mkdirSync(file(link), { recursive: true });
      writeFileSync(file(`${link}/rp_filter`), "2\n");
    }
    const first = new SysctlDriver({ stateFile, root });
    first.setDesired(
      new Map([
        ["net/ipv4/conf/a.1/rp_filter", "1"],
        ["net/ipv4/conf/b/rp_filter", "2"],
        ["net/ipv4/conf/gone/rp_filter", "1"],
      ]),
    );
    t.strictSame(first.apply(), [
      { what: "sysctl net/ipv4/conf/gone/rp_filter=1", reason: "there is no such sysctl" },
    ]);
    t.equal(readFileSync(file("a.1/rp_filter"), "utf8"), "1");
    t.equal(readFileSync(file("b/rp_filter"), "utf8"), "2\n", "not touched");
    t.strictSame(JSON.parse(readFileSync(stateFile, "utf8")), {
      "net/ipv4/conf/a.1/rp_filter": "2",
    });

    const second = new SysctlDriver({ stateFile, root });
    second.setDesired(new Map([["net/ipv4/conf/a.1/rp_filter", "0"]]));
    second.apply();
    t.strictSame(second.restore(), []);
    t.equal(readFileSync(file("a.1/rp_filter"), "utf8"), "2", "the value before the first change");
    t.throws(() => readFileSync(stateFile), { code: "ENOENT" });
  },
);

t.test("sysctls are set though their state file is spoilt, or cannot be written", async (t) => {
  const folder = newFolder(t);
  const root = join(folder, "sys");
  mkdirSync(root);
  const stateFile = join(folder, "sysctls.json");
  const desired = new Map([["forward", "1"]]);
  for (const spoilt of ['{"forward": "', "\ufffd\u00ff", "null", "[1]", '{"forward":1}']) {
    writeFileSync(stateFile, spoilt);
    writeFileSync(join(root, "forward"), "0");
    const driver = new SysctlDriver({ stateFile, root });
    driver.setDesired(desired);
    t.strictSame(driver.apply(), [], spoilt);
    t.equal(readFileSync(join(root, "forward"), "utf8"), "1");
    t.strictSame(JSON.parse(readFileSync(stateFile, "utf8")), { forward: "0" });
  }
  writeFileSync(join(root, "forward"), "0");
  // A folder cannot be made below a file, whoever asks.
  const blocked = join(folder, "blocked");
  writeFileSync(blocked, "");
  const driver = new SysctlDriver({ stateFile: join(blocked, "sysctls.json"), root });
  driver.setDesired(desired);
  t.match(driver.apply(), [{ what: /^old values of sysctls/, reason: /ENOTDIR|EEXIST/ }]);
  t.equal(readFileSync(join(root, "forward"), "utf8"), "1", "forwarding does not wait for a disk");
  rmSync(blocked);
  t.strictSame(driver.apply(), []);
  t.strictSame(JSON.parse(readFileSync(join(blocked, "sysctls.json"), "utf8")), { forward: "0" });
});

const ring = SendRing.open();
const withoutRing = ring === undefined && "skips: io_uring, where the kernel forbids it";

t.test("one call writes to many sockets, in order", { skip: withoutRing }, async (t) => {
  if (ring === undefined) return;
  const pairs = Array.from({ length: 50 }, () => openSocketPair());
  t.teardown(() => {
    for (const end of pairs.flat()) libc().close(end);
  });
  const [first, second, full, closed] = pairs as [Pair, Pair, Pair, Pair];
  const read = ([, far]: Pair) => {
    const octets = Buffer.alloc(4096);
    return octets.toString("latin1", 0, Math.max(0, Number(libc().recv(far, octets, 4096, 0))));
  };
  for (let round = 0; round < 5; round++) {
    const shared = Buffer.from(`to all ${round}`);
    for (const [near] of pairs) t.ok(ring.add(near, shared));
    ring.add(first[0], Buffer.from(", and one more"));
    ring.add(-1, shared);
    ring.submit();
    t.same([...ring.results.subarray(0, 52)], [...pairs.map(() => 8), 14, -9]);
    t.equal(read(first), `to all ${round}, and one more`);
    for (const pair of pairs.slice(1)) t.equal(read(pair), `to all ${round}`);
  }

  const large = Buffer.alloc(30_000, "x");
  let taken = large.length;
  while (taken > 0) {
    ring.add(full[0], large);
    ring.submit();
    taken = ring.results[0] as number;
  }
  t.equal(taken, -11, "a full socket takes nothing, and the call does not wait for it");
  libc().close(closed[1]);
  ring.add(closed[0], large);
  ring.add(second[0], Buffer.from("goes on"));
  ring.submit();
  t.same([...ring.results.subarray(0, 2)], [-32, 7], "a failure does not hold up the next send");

  for (let i = 0; i < RING_ENTRIES; i++) t.ok(ring.add(second[0], large.subarray(0, 1)));
  t.notOk(ring.add(second[0], large.subarray(0, 1)), "the ring is full");
  ring.submit();
  t.equal(read(second), `goes on${"x".repeat(RING_ENTRIES)}`);
  t.ok(ring.add(second[0], Buffer.alloc(60_000)));
  t.notOk(ring.add(second[0], Buffer.alloc(60_000)), "and so is its memory");
});

type Pair = [number, number];
