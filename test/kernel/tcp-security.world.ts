import { execFileSync } from "node:child_process";
import type { Socket } from "node:net";
import t from "tap";
import { IpAddress } from "../../protocol/types/ip-address.ts";
import { getSocketOption, SOCKET_OPTION } from "../../src/kernel/native/libc.ts";
import { inNetworkNamespace, warmThreadPool } from "../../src/kernel/native/network-namespace.ts";
import type { ListenerKey, TcpOptions } from "../../src/kernel/native/tcp-options.ts";
import {
  applyToAccepted,
  connectTcp,
  DSCP_CS6,
  fdOf,
  listenTcp,
  type TcpListener,
} from "../../src/kernel/native/tcp-socket.ts";
import { addNamespace, ip, removeNamespace } from "./kernel-host.ts";

/** A SYN that nobody answers: long enough for a handshake on this machine, shorter than the first retransmission. */
const NO_ANSWER_MILLISECONDS = 800;
const ANSWER_MILLISECONDS = 30_000;
const PORT = 1179;

/** Two hosts with a router between them: TTL 255 arrives as 254. */
const [left, router, right] = ["left", "router", "right"].map(addNamespace) as [
  string,
  string,
  string,
];
const ADDRESSES = {
  4: { left: IpAddress("10.1.0.1"), right: IpAddress("10.2.0.1"), network: "10.1.0.0", length: 24 },
  6: { left: IpAddress("fd01::1"), right: IpAddress("fd02::1"), network: "fd01::", length: 64 },
} as const;

t.before(async () => {
  await warmThreadPool();
  for (const [end, network] of [
    [left, 1],
    [right, 2],
  ] as const) {
    ip(router, `link add name to${network} type veth peer name up netns ${end}`);
    ip(router, `link set dev to${network} up`);
    ip(router, `addr add 10.${network}.0.254/24 dev to${network}`);
    ip(router, `addr add fd0${network}::254/64 dev to${network} nodad`);
    ip(end, "link set dev up up");
    ip(end, "link set dev lo up");
    ip(end, `addr add 10.${network}.0.1/24 dev up`);
    ip(end, `addr add fd0${network}::1/64 dev up nodad`);
    ip(end, `route add default via 10.${network}.0.254`);
    ip(end, `route add default via fd0${network}::254`);
  }
  for (const name of ["net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding"]) {
    execFileSync("ip", ["netns", "exec", router, "sysctl", "-qw", `${name}=1`]);
  }
});

t.teardown(() => {
  for (const name of [left, router, right]) removeNamespace(name);
});

/** What came of a connection: what the other side said, or how it failed. An answer is waited for as long as a slow machine needs. */
async function outcome(socket: Socket, patience = ANSWER_MILLISECONDS): Promise<string> {
  const said = await new Promise<string>((resolve) => {
    const timer = setTimeout(() => resolve("no answer"), patience);
    const end = (text: string) => {
      clearTimeout(timer);
      resolve(text);
    };
    socket.on("data", (bytes: Buffer) => end(bytes.toString()));
    socket.on("error", (error: NodeJS.ErrnoException) => end(error.code ?? error.message));
    socket.on("close", () => end("closed"));
  });
  socket.destroy();
  return said;
}

function listen(options: {
  readonly version: 4 | 6;
  readonly keys?: readonly ListenerKey[];
  readonly ttlSecurity?: boolean;
}): Promise<TcpListener> {
  return inNetworkNamespace(`/run/netns/${right}`, () =>
    listenTcp({
      address: options.version === 4 ? "any4" : "any6",
      port: PORT,
      ttlSecurity: options.ttlSecurity ?? false,
      dscp: DSCP_CS6,
      keys: options.keys ?? [],
    }),
  );
}

function connect(version: 4 | 6, options: Partial<TcpOptions> = {}): Socket {
  return inNetworkNamespace(`/run/netns/${left}`, () =>
    connectTcp({
      address: ADDRESSES[version].right,
      port: PORT,
      options: { dscp: DSCP_CS6, ...options },
    }),
  );
}

for (const version of [4, 6] as const) {
  const address = ADDRESSES[version].left;
  const whole = version === 4 ? 32 : 128;
  const key = (md5Key: string): ListenerKey => ({ address, prefixLength: whole, md5Key });

  t.test(
    `IPv${version}: TCP MD5, right, wrong and missing keys, changed on a live listener`,
    async (t) => {
      const listener = await listen({ version, keys: [key("tabby")] });
      t.teardown(() => listener.close());
      listener.on("connection", (socket) => socket.end("hello"));
      t.equal(await outcome(connect(version, { md5Key: "tabby" })), "hello", "right key");
      t.equal(
        await outcome(connect(version, { md5Key: "tabbi" }), NO_ANSWER_MILLISECONDS),
        "no answer",
        "wrong key",
      );
      t.equal(await outcome(connect(version), NO_ANSWER_MILLISECONDS), "no answer", "no key");
      listener.setKeys([key("calico")]);
      t.equal(
        await outcome(connect(version, { md5Key: "tabby" }), NO_ANSWER_MILLISECONDS),
        "no answer",
        "the old key",
      );
      t.equal(await outcome(connect(version, { md5Key: "calico" })), "hello", "the new key");
      listener.setKeys([]);
      t.equal(await outcome(connect(version)), "hello", "no key any more");
      t.equal(
        await outcome(connect(version, { md5Key: "calico" }), NO_ANSWER_MILLISECONDS),
        "no answer",
        "a key too many",
      );
      const { network, length } = ADDRESSES[version];
      listener.setKeys([{ address: IpAddress(network), prefixLength: length, md5Key: "siamese" }]);
      t.equal(await outcome(connect(version, { md5Key: "siamese" })), "hello", "key of a prefix");
      t.equal(
        await outcome(connect(version), NO_ANSWER_MILLISECONDS),
        "no answer",
        "the prefix needs it",
      );
      listener.setKeys([]);
      t.equal(await outcome(connect(version)), "hello", "key of a prefix, removed");
    },
  );

  t.test(`IPv${version}: GTSM (RFC 5082) counts the router between`, async (t) => {
    const listener = await listen({ version, ttlSecurity: true });
    t.teardown(() => listener.close());
    const hops = { accepted: 2 };
    listener.on("connection", (socket) => {
      const accepted = applyToAccepted(socket, { dscp: DSCP_CS6, ttlSecurityHops: hops.accepted });
      socket.end(accepted ? "near" : "far");
    });
    t.equal(await outcome(connect(version, { ttlSecurityHops: 2 })), "near", "two hops, both ways");
    t.equal(
      await outcome(connect(version, { ttlSecurityHops: 1 }), NO_ANSWER_MILLISECONDS),
      "no answer",
      "our side wants one hop",
    );
    t.equal(await outcome(connect(version)), "far", "TTL 64 is refused at the door");
    hops.accepted = 1;
    t.equal(
      await outcome(connect(version, { ttlSecurityHops: 2 })),
      "far",
      "their side wants one hop",
    );
  });

  t.test(`IPv${version}: a peer with GTSM drops what a listener without it answers`, async (t) => {
    const listener = await listen({ version });
    t.teardown(() => listener.close());
    listener.on("connection", (socket) => socket.end("hello"));
    t.equal(
      await outcome(connect(version, { ttlSecurityHops: 2 }), NO_ANSWER_MILLISECONDS),
      "no answer",
    );
    t.equal(await outcome(connect(version)), "hello");
  });

  t.test(`IPv${version}: the other options are set on both sides`, async (t) => {
    const listener = await listen({ version });
    t.teardown(() => listener.close());
    const tos = version === 4 ? SOCKET_OPTION.ipTos : SOCKET_OPTION.ipv6TrafficClass;
    const accepted = new Promise<Socket>((resolve) => listener.on("connection", resolve));
    const socket = connect(version, {
      localAddress: address,
      interface: "up",
      userTimeoutMilliseconds: 4321,
    });
    await new Promise((resolve, reject) => {
      socket.once("connect", resolve);
      socket.once("error", reject);
    });
    const other = await accepted;
    applyToAccepted(other, { dscp: DSCP_CS6, userTimeoutMilliseconds: 1234 });
    const value = (of: Socket, option: Parameters<typeof getSocketOption>[1]) =>
      getSocketOption(fdOf(of), option, 4).readInt32LE();
    for (const [side, timeout] of [
      [socket, 4321],
      [other, 1234],
    ] as const) {
      t.equal(value(side, tos), 0xc0, "DSCP CS6");
      t.equal(value(side, SOCKET_OPTION.tcpNoDelay), 1);
      t.equal(value(side, SOCKET_OPTION.tcpUserTimeout), timeout);
    }
    t.equal(getSocketOption(fdOf(socket), SOCKET_OPTION.bindToDevice, 16).toString(), "up\0");
    t.equal(other.remoteAddress, address);
    socket.destroy();
    other.destroy();
  });

  t.test(
    `IPv${version}: what cannot be set comes as an error event, without the key`,
    async (t) => {
      const canary = "canary-key-never-shown";
      const attempts: readonly (readonly [string, Partial<TcpOptions>])[] = [
        ["ENODEV", { interface: "nowhere" }],
        ["EADDRNOTAVAIL", { localAddress: ADDRESSES[version].right }],
      ];
      for (const [code, options] of attempts) {
        const socket = connect(version, { md5Key: canary, ...options });
        const error = await new Promise<NodeJS.ErrnoException>((resolve) =>
          socket.once("error", resolve),
        );
        t.equal(error.code, code);
        t.notMatch(JSON.stringify(error) + error.stack, canary);
      }
    },
  );
}
