import { spawnSync } from "node:child_process";
import t from "tap";
import { IpAddress } from "../../protocol/types/ip-address.ts";
import { Prefix } from "../../protocol/types/prefix.ts";
import { writeAddress } from "../../src/kernel/netlink/address-codec.ts";
import { writeForwardingEntry } from "../../src/kernel/netlink/forwarding-codec.ts";
import { writeLinkChange, writeNewLink } from "../../src/kernel/netlink/link-codec.ts";
import { writeNeighbor } from "../../src/kernel/netlink/neighbor-codec.ts";
import { FLAG, MESSAGE } from "../../src/kernel/netlink/netlink-constants.ts";
import { NetlinkWriter } from "../../src/kernel/netlink/netlink-writer.ts";
import { writeNexthop } from "../../src/kernel/netlink/nexthop-codec.ts";
import { type RouteMessage, writeRoute } from "../../src/kernel/netlink/route-codec.ts";
import { writeRule } from "../../src/kernel/netlink/rule-codec.ts";
import { addNamespace, ip, removeNamespace } from "./kernel-host.ts";

// The oracle is `ip` itself: strace shows the bytes that it sends for a command, and ours must be the same.

const namespace = addNamespace("bytes");

t.before(() => {
  ip(namespace, "link add name va index 7 type veth peer name vb");
  ip(namespace, "link set dev va addrgenmode none");
  ip(namespace, "link set dev va up");
  ip(namespace, "link set dev vb up");
  ip(namespace, "addr add 10.0.1.1/24 dev va");
  ip(namespace, "addr add fd00:1::1/64 dev va nodad");
  ip(namespace, "link add name vx index 9 type vxlan id 7 local 10.0.1.1 dev va dstport 4789");
});

t.teardown(() => {
  removeNamespace(namespace);
});

/** The messages that a command of `ip` sends, from strace's hex dumps of its descriptors. What the kernel says to them is nothing to us. */
function messagesOf(command: string, program: "ip" | "bridge"): Buffer[] {
  const { stderr } = spawnSync(
    "strace",
    [
      "-e",
      "trace=sendmsg,sendto",
      "-e",
      "write=3,4,5",
      program,
      "-n",
      namespace,
      ...command.split(" "),
    ],
    { encoding: "utf8" },
  );
  const messages: string[] = [];
  for (const line of stderr.split("\n")) {
    const row = /^ \| ([0-9a-f]{5}) {2}([0-9a-f ]{47,50}) /.exec(line);
    if (row?.[1] === "00000") messages.push("");
    if (row) messages.push((messages.pop() ?? "") + row[2]?.replaceAll(" ", ""));
  }
  return messages.map((hex) => Buffer.from(hex, "hex"));
}

const leg = { weight: 1, onLink: false, dead: false, linkDown: false, interfaceIndex: 7 };
const plain = {
  table: 254,
  tos: 0,
  metric: 5,
  protocol: 116,
  scope: 0,
  kind: "unicast",
  cloned: false,
} as const;
const route =
  (message: Omit<RouteMessage, keyof typeof plain> & Partial<RouteMessage>) =>
  (writer: NetlinkWriter) =>
    writeRoute(writer, { ...plain, ...message });

const newVxlan =
  ({ local, ...link }: { name: string; mtu: number; macAddress: string; local: string }) =>
  (writer: NetlinkWriter) => {
    const vxlan = { vni: 4096, port: 4789, local: IpAddress(local), linkIndex: 7, learning: false };
    writeNewLink(writer, { ...link, kind: "vxlan", vxlan });
  };

type Row = {
  /** "ip", if left out. */
  readonly program?: "bridge";
  readonly command: string;
  readonly type: number;
  readonly flags: number;
  readonly write: (writer: NetlinkWriter) => void;
};

const CREATE = FLAG.create | FLAG.exclusive;
const NEW_ROUTE = { type: MESSAGE.newRoute, flags: CREATE };

const ROWS: readonly Row[] = [
  {
    command: "route add 10.5.0.0/16 proto 116 metric 5 via 10.0.1.2 dev va",
    ...NEW_ROUTE,
    write: route({
      prefix: Prefix("10.5.0.0/16"),
      legs: [{ ...leg, gateway: IpAddress("10.0.1.2") }],
    }),
  },
  {
    command: "route change 10.5.0.0/16 proto 116 metric 5 via 10.0.1.3 dev va",
    type: MESSAGE.newRoute,
    flags: FLAG.replace,
    write: route({
      prefix: Prefix("10.5.0.0/16"),
      legs: [{ ...leg, gateway: IpAddress("10.0.1.3") }],
    }),
  },
  {
    command: "route del 10.5.0.0/16 proto 116 metric 5",
    type: MESSAGE.deleteRoute,
    flags: 0,
    write: route({ prefix: Prefix("10.5.0.0/16"), legs: [], scope: 255, kind: "unspecified" }),
  },
  {
    command: "route add 10.6.0.0/16 proto 116 table 1000 src 10.0.1.1 metric 5 via 10.0.1.2 dev va",
    ...NEW_ROUTE,
    write: route({
      prefix: Prefix("10.6.0.0/16"),
      table: 1000,
      preferredSource: IpAddress("10.0.1.1"),
      legs: [{ ...leg, gateway: IpAddress("10.0.1.2") }],
    }),
  },
  {
    command: "route add 10.7.0.0/16 proto 116 metric 5 via 192.168.9.9 dev va onlink",
    ...NEW_ROUTE,
    write: route({
      prefix: Prefix("10.7.0.0/16"),
      legs: [{ ...leg, gateway: IpAddress("192.168.9.9"), onLink: true }],
    }),
  },
  {
    command: "route add blackhole 10.65.0.0/26 proto 116 metric 5",
    ...NEW_ROUTE,
    write: route({ prefix: Prefix("10.65.0.0/26"), legs: [], kind: "blackhole" }),
  },
  {
    command: "route add 10.65.0.1/32 proto 116 metric 5 dev va",
    ...NEW_ROUTE,
    write: route({ prefix: Prefix("10.65.0.1/32"), scope: 253, legs: [leg] }),
  },
  {
    command: "route add 10.8.0.0/16 proto 116 metric 5 via inet6 fe80::7 dev va",
    ...NEW_ROUTE,
    write: route({
      prefix: Prefix("10.8.0.0/16"),
      legs: [{ ...leg, gateway: IpAddress("fe80::7") }],
    }),
  },
  {
    command:
      "route add 10.9.0.0/16 proto 116 metric 5 nexthop via 10.0.1.2 dev va weight 1 nexthop via 10.0.1.3 dev va weight 3 onlink",
    ...NEW_ROUTE,
    write: route({
      prefix: Prefix("10.9.0.0/16"),
      legs: [
        { ...leg, gateway: IpAddress("10.0.1.2") },
        { ...leg, gateway: IpAddress("10.0.1.3"), weight: 3, onLink: true },
      ],
    }),
  },
  {
    command: "-6 route add fd65::/64 proto 116 metric 5 via fd00:1::2 dev va",
    ...NEW_ROUTE,
    write: route({
      prefix: Prefix("fd65::/64"),
      legs: [{ ...leg, gateway: IpAddress("fd00:1::2") }],
    }),
  },
  {
    command:
      "-6 route add fd66::/64 proto 116 metric 5 nexthop via fd00:1::2 dev va nexthop via fe80::9 dev va",
    ...NEW_ROUTE,
    write: route({
      prefix: Prefix("fd66::/64"),
      legs: [
        { ...leg, gateway: IpAddress("fd00:1::2") },
        { ...leg, gateway: IpAddress("fe80::9") },
      ],
    }),
  },
  {
    command: "addr add 169.254.1.1/32 dev va scope link",
    type: MESSAGE.newAddress,
    flags: CREATE,
    write: (writer) =>
      writeAddress(writer, {
        interfaceIndex: 7,
        address: IpAddress("169.254.1.1"),
        prefixLength: 32,
        scope: 253,
        flags: 0,
        protocol: 0,
      }),
  },
  {
    command: "link set dev va address ee:ee:ee:ee:ee:ee mtu 1450 up",
    type: MESSAGE.newLink,
    flags: 0,
    write: (writer) =>
      writeLinkChange(writer, 7, { macAddress: "ee:ee:ee:ee:ee:ee", mtu: 1450, up: true }),
  },
  {
    command:
      "link add name vx4 address 66:00:00:00:00:04 mtu 1450 type vxlan id 4096 local 10.0.1.1 dev va dstport 4789 nolearning",
    type: MESSAGE.newLink,
    flags: CREATE,
    write: newVxlan({ name: "vx4", mtu: 1450, macAddress: "66:00:00:00:00:04", local: "10.0.1.1" }),
  },
  {
    command:
      "link add name vx6 address 66:00:00:00:00:06 mtu 1430 type vxlan id 4096 local fd00:1::1 dev va dstport 4789 nolearning",
    type: MESSAGE.newLink,
    flags: CREATE,
    write: newVxlan({
      name: "vx6",
      mtu: 1430,
      macAddress: "66:00:00:00:00:06",
      local: "fd00:1::1",
    }),
  },
  {
    // Not every kernel has it; the message is the same.
    command: "link add name ti mtu 1480 type ipip",
    type: MESSAGE.newLink,
    flags: CREATE,
    write: (writer) => writeNewLink(writer, { name: "ti", kind: "ipip", mtu: 1480 }),
  },
  {
    command: "link add name v1 address ee:ee:ee:ee:ee:ee mtu 1400 type veth peer mtu 1400 name v2",
    type: MESSAGE.newLink,
    flags: CREATE,
    write: (writer) =>
      writeNewLink(writer, {
        name: "v1",
        kind: "veth",
        macAddress: "ee:ee:ee:ee:ee:ee",
        mtu: 1400,
        peer: { name: "v2", mtu: 1400 },
      }),
  },
  {
    command: "neigh replace 10.0.1.2 lladdr ee:ee:ee:ee:ee:ee dev va nud permanent",
    type: MESSAGE.newNeighbor,
    flags: FLAG.create | FLAG.replace,
    write: (writer) =>
      writeNeighbor(writer, {
        interfaceIndex: 7,
        address: IpAddress("10.0.1.2"),
        macAddress: "ee:ee:ee:ee:ee:ee",
        state: 0x80,
        flags: 0,
        protocol: 0,
      }),
  },
  {
    program: "bridge",
    command: "fdb replace 66:00:00:00:00:02 dev vx dst 10.0.1.2",
    type: MESSAGE.newNeighbor,
    flags: FLAG.create | FLAG.replace,
    write: (writer) =>
      writeForwardingEntry(writer, {
        interfaceIndex: 9,
        macAddress: "66:00:00:00:00:02",
        remote: IpAddress("10.0.1.2"),
      }),
  },
  {
    command: "nexthop add id 7 via 10.0.1.2 dev va proto 116",
    type: MESSAGE.newNexthop,
    flags: CREATE,
    write: (writer) =>
      writeNexthop(writer, {
        id: 7,
        protocol: 116,
        scope: 0,
        flags: 0,
        form: {
          type: "leg",
          version: 4,
          interfaceIndex: 7,
          gateway: IpAddress("10.0.1.2"),
          onLink: false,
        },
      }),
  },
  {
    command: "rule add priority 99 table 1000",
    type: MESSAGE.newRule,
    flags: CREATE,
    write: (writer) =>
      writeRule(writer, {
        version: 4,
        priority: 99,
        table: 1000,
        action: 1,
        protocol: 0,
        inverted: false,
      }),
  },
];

for (const { program = "ip", command, type, flags, write } of ROWS) {
  t.test(`${program} ${command}`, async (t) => {
    const theirs = messagesOf(command, program).findLast((bytes) => bytes.readUInt16LE(4) === type);
    if (theirs === undefined) throw new Error("ip sent no such message");
    const writer = new NetlinkWriter();
    writer.begin(type, FLAG.request | FLAG.ack | flags, theirs.readUInt32LE(8));
    write(writer);
    writer.end();
    t.equal(writer.bytes.toString("hex"), theirs.toString("hex"));
  });
}
