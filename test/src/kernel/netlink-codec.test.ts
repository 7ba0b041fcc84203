import { AttrStream, rt } from "netlink";
import t from "tap";
import { IpAddress } from "../../../protocol/types/ip-address.ts";
import { Prefix } from "../../../protocol/types/prefix.ts";
import {
  type AddressMessage,
  readAddress,
  writeAddress,
} from "../../../src/kernel/netlink/address-codec.ts";
import { readLink, writeLinkChange, writeNewLink } from "../../../src/kernel/netlink/link-codec.ts";
import { readNeighbor, writeNeighbor } from "../../../src/kernel/netlink/neighbor-codec.ts";
import { NetlinkWriter } from "../../../src/kernel/netlink/netlink-writer.ts";
import { readNexthop, writeNexthop } from "../../../src/kernel/netlink/nexthop-codec.ts";
import {
  type RouteMessage,
  readRoute,
  writeRoute,
} from "../../../src/kernel/netlink/route-codec.ts";
import { readRule, writeRule } from "../../../src/kernel/netlink/rule-codec.ts";

// The npm package `netlink` is the oracle: an independent codec, whose bytes ours must equal.

function written(write: (writer: NetlinkWriter) => void): Buffer {
  const writer = new NetlinkWriter(4);
  write(writer);
  return Buffer.from(writer.bytes);
}

/** The oracle's bytes, and the padding after the last attribute, which it leaves to the sender and `ip` does not. */
function oracle(format: (stream: AttrStream) => void): Buffer {
  const stream = new AttrStream();
  format(stream);
  const bytes = Buffer.concat(stream.bufs);
  return Buffer.concat([bytes, Buffer.alloc(-bytes.length & 3)]);
}

/** The oracle's types know only the protocol numbers that have names. */
const TORTIE = 116 as rt.RouteProtocol;

const octets = (text: string) => Buffer.from(text.replaceAll(" ", ""), "hex");
const leg = { weight: 1, onLink: false, dead: false, linkDown: false };
const plain = {
  table: 254,
  tos: 0,
  protocol: 116,
  scope: 0,
  kind: "unicast",
  cloned: false,
} as const;

const ROUTES: readonly {
  readonly name: string;
  readonly route: RouteMessage;
  readonly oracle: rt.RouteMessage;
}[] = [
  {
    name: "an IPv4 route through a gateway",
    route: {
      ...plain,
      prefix: Prefix("10.1.2.0/26"),
      metric: 1024,
      legs: [{ ...leg, gateway: IpAddress("192.0.2.1"), interfaceIndex: 7 }],
    },
    oracle: {
      kind: "route",
      data: { family: 2, dstLen: 26, table: 254, protocol: TORTIE, scope: 0, type: 1 },
      attrs: { dst: octets("0a010200"), priority: 1024, gateway: octets("c0000201"), oif: 7 },
    },
  },
  {
    name: "the IPv4 default route on a link where no route covers the gateway",
    route: {
      ...plain,
      prefix: Prefix("0.0.0.0/0"),
      metric: 0,
      legs: [{ ...leg, onLink: true, gateway: IpAddress("169.254.1.1"), interfaceIndex: 2 }],
    },
    oracle: {
      kind: "route",
      data: { family: 2, table: 254, protocol: TORTIE, type: 1, flags: { __unknown: 4 } as never },
      attrs: { gateway: octets("a9fe0101"), oif: 2 },
    },
  },
  {
    name: "a blackhole",
    route: { ...plain, kind: "blackhole", prefix: Prefix("10.65.0.0/26"), metric: 512, legs: [] },
    oracle: {
      kind: "route",
      data: { family: 2, dstLen: 26, table: 254, protocol: TORTIE, type: 6 },
      attrs: { dst: octets("0a410000"), priority: 512 },
    },
  },
  {
    name: "a workload's route, scope link",
    route: {
      ...plain,
      scope: 253,
      prefix: Prefix("10.65.0.1/32"),
      metric: 0,
      legs: [{ ...leg, interfaceIndex: 300 }],
    },
    oracle: {
      kind: "route",
      data: { family: 2, dstLen: 32, table: 254, protocol: TORTIE, scope: 253, type: 1 },
      attrs: { dst: octets("0a410001"), oif: 300 },
    },
  },
  {
    name: "an IPv6 route in a table with a large number",
    route: {
      ...plain,
      table: 10_000,
      prefix: Prefix("fd80:24e2:f998:72d6::/64"),
      metric: 1024,
      legs: [{ ...leg, gateway: IpAddress("fe80::1"), interfaceIndex: 3 }],
    },
    oracle: {
      kind: "route",
      data: { family: 10, dstLen: 64, table: 0, protocol: TORTIE, type: 1 },
      attrs: {
        dst: octets("fd8024e2f99872d6 0000000000000000"),
        table: 10_000,
        priority: 1024,
        gateway: octets("fe80000000000000 0000000000000001"),
        oif: 3,
      },
    },
  },
  {
    name: "an IPv4 route through an IPv6 gateway (RFC 8950)",
    route: {
      ...plain,
      prefix: Prefix("10.9.0.0/16"),
      metric: 5,
      legs: [{ ...leg, gateway: IpAddress("fe80::2"), interfaceIndex: 3 }],
    },
    oracle: {
      kind: "route",
      data: { family: 2, dstLen: 16, table: 254, protocol: TORTIE, type: 1 },
      attrs: {
        dst: octets("0a090000"),
        priority: 5,
        via: { family: 10, addr: octets("fe80000000000000 0000000000000002") } as never,
        oif: 3,
      },
    },
  },
  {
    name: "ECMP over two legs with weights",
    route: {
      ...plain,
      prefix: Prefix("10.2.0.0/16"),
      metric: 9,
      legs: [
        { ...leg, gateway: IpAddress("192.0.2.1"), interfaceIndex: 7, onLink: true },
        { ...leg, gateway: IpAddress("192.0.2.2"), interfaceIndex: 8, weight: 3 },
      ],
    },
    oracle: {
      kind: "route",
      data: { family: 2, dstLen: 16, table: 254, protocol: TORTIE, type: 1 },
      attrs: {
        dst: octets("0a020000"),
        priority: 9,
        multipath: octets(
          "1000 04 00 07000000 0800 0500 c0000201 1000 00 02 08000000 0800 0500 c0000202",
        ),
      },
    },
  },
];

t.test("routes have the oracle's bytes, and its bytes read as our values", async (t) => {
  for (const row of ROUTES) {
    const ours = written((writer) => writeRoute(writer, row.route));
    const theirs = row.name.includes("8950")
      ? undefined
      : oracle((sink) => rt.formatRouteMessage(row.oracle, sink));
    if (theirs !== undefined) t.equal(ours.toString("hex"), theirs.toString("hex"), row.name);
    t.strictSame(readRoute(theirs ?? ours), row.route, `${row.name}, read back`);
  }
});

t.test("RTA_VIA is a family in host order and the address", async (t) => {
  const route = ROUTES.find(({ name }) => name.includes("8950"))?.route as RouteMessage;
  const via = octets("1600 1200 0a00 fe80000000000000 0000000000000002 0000");
  t.ok(written((writer) => writeRoute(writer, route)).includes(via));
});

t.test("addresses have the oracle's bytes", async (t) => {
  const address: AddressMessage = {
    interfaceIndex: 4,
    address: IpAddress("169.254.1.1"),
    prefixLength: 32,
    scope: 253,
    flags: 0x80,
    protocol: 0,
  };
  const theirs = oracle((sink) =>
    rt.formatAddressMessage(
      {
        kind: "address",
        data: { family: 2, prefixlen: 32, flags: { permanent: true }, scope: 253, index: 4 },
        attrs: { local: octets("a9fe0101"), address: octets("a9fe0101") },
      },
      sink,
    ),
  );
  t.equal(
    written((writer) => writeAddress(writer, address)).toString("hex"),
    theirs.toString("hex"),
  );
  t.strictSame(readAddress(theirs), address);
  const marked = written((writer) => writeAddress(writer, { ...address, protocol: 116 }));
  t.ok(marked.subarray(-8).equals(octets("0500 0b00 74 000000")), "IFA_PROTO is one octet, padded");
  t.equal(readAddress(marked)?.protocol, 116);
});

t.test("a point-to-point address keeps its far end apart", async (t) => {
  const address: AddressMessage = {
    interfaceIndex: 9,
    address: IpAddress("10.0.0.1"),
    peer: IpAddress("10.0.0.2"),
    prefixLength: 32,
    scope: 0,
    flags: 0x282,
    protocol: 0,
  };
  t.strictSame(readAddress(written((writer) => writeAddress(writer, address))), address);
});

t.test("neighbors have the oracle's bytes", async (t) => {
  const neighbor = {
    interfaceIndex: 5,
    address: IpAddress("10.0.0.7"),
    state: 0x80,
    flags: 0,
    macAddress: "ee:ee:ee:ee:ee:ee",
    protocol: 0,
  };
  const theirs = oracle((sink) =>
    rt.formatNeighborMessage(
      {
        kind: "neighbor",
        data: { family: 2, ifindex: 5, state: { permanent: true } as never },
        attrs: { dst: octets("0a000007"), lladdr: octets("eeeeeeeeeeee") },
      },
      sink,
    ),
  );
  t.equal(
    written((writer) => writeNeighbor(writer, neighbor)).toString("hex"),
    theirs.toString("hex"),
  );
  t.strictSame(readNeighbor(theirs), neighbor);
});

t.test("rules have the oracle's bytes", async (t) => {
  const rule = {
    version: 4,
    priority: 99,
    table: 116,
    action: 1,
    source: Prefix("10.65.0.0/16"),
    mark: { value: 0x100, mask: 0xff00 },
    protocol: 0,
    inverted: false,
  } as const;
  const theirs = oracle((sink) =>
    rt.formatRuleMessage(
      {
        kind: "rule",
        data: { family: 2, srcLen: 16, table: 116, action: 1 },
        attrs: { src: octets("0a410000"), priority: 99, fwmark: 0x100, fwmask: 0xff00 },
      },
      sink,
    ),
  );
  t.equal(written((writer) => writeRule(writer, rule)).toString("hex"), theirs.toString("hex"));
  t.strictSame(readRule(theirs), rule);
});

t.test("nexthop objects have the oracle's bytes", async (t) => {
  const nexthop = {
    id: 7,
    protocol: 116,
    scope: 0,
    flags: 4,
    form: {
      type: "leg",
      version: 4,
      interfaceIndex: 3,
      gateway: IpAddress("192.0.2.9"),
      onLink: true,
    },
  } as const;
  const theirs = oracle((sink) =>
    rt.formatNextHopMessage(
      {
        kind: "nexthop",
        data: { family: 2, protocol: 116, flags: { onlink: true } },
        attrs: { id: 7, gateway: octets("c0000209"), oif: 3 },
      },
      sink,
    ),
  );
  t.equal(
    written((writer) => writeNexthop(writer, nexthop)).toString("hex"),
    theirs.toString("hex"),
  );
  t.strictSame(readNexthop(theirs), nexthop);
  const group = {
    id: 9,
    protocol: 116,
    scope: 0,
    flags: 0,
    form: { type: "group", members: [{ id: 7, weight: 2 }] },
  } as const;
  t.strictSame(readNexthop(written((writer) => writeNexthop(writer, group))), group);
});

t.test("links have the oracle's bytes", async (t) => {
  const change = { macAddress: "ee:ee:ee:ee:ee:ee", mtu: 1450, up: true };
  const theirs = oracle((sink) =>
    rt.formatLinkMessage(
      {
        kind: "link",
        data: { index: 6, flags: { up: true }, change: { up: true } },
        attrs: { address: octets("eeeeeeeeeeee"), mtu: 1450 },
      },
      sink,
    ),
  );
  t.equal(
    written((writer) => writeLinkChange(writer, 6, change)).toString("hex"),
    theirs.toString("hex"),
  );
  t.match(readLink(theirs), {
    index: 6,
    up: true,
    carrier: false,
    mtu: 1450,
    macAddress: "ee:ee:ee:ee:ee:ee",
  });
  const pair = written((writer) =>
    writeNewLink(writer, {
      name: "cali1",
      kind: "veth",
      peer: { name: "eth0", namespace: { pid: 42 } },
    }),
  );
  t.equal(
    pair.subarray(16).toString("hex"),
    octets(
      "0a000300 63616c693100 0000" + // IFLA_IFNAME "cali1"
        "38001200 08000100 76657468" + // IFLA_LINKINFO { IFLA_INFO_KIND "veth",
        "2c000200 28000100 00000000000000000000000000000000" + // IFLA_INFO_DATA { VETH_INFO_PEER { ifinfomsg,
        "09000300 6574683000 000000 08001300 2a000000", // IFLA_IFNAME "eth0", IFLA_NET_NS_PID 42 } } }
    ).toString("hex"),
  );
});
