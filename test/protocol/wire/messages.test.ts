import t from "tap";
import { Asn } from "../../../protocol/types/asn.ts";
import { Family, IPV4_UNICAST, IPV6_UNICAST } from "../../../protocol/types/family.ts";
import { Prefix } from "../../../protocol/types/prefix.ts";
import { RouterId } from "../../../protocol/types/router-id.ts";
import {
  capabilityName,
  decodeCapability,
  encodeCapability,
} from "../../../protocol/wire/capability/capability-table.ts";
import type { Capability } from "../../../protocol/wire/capability.ts";
import { decodeMessage } from "../../../protocol/wire/decode-message.ts";
import { encodeMessage } from "../../../protocol/wire/encode-message.ts";
import { endOfRibFamily, endOfRibUpdate } from "../../../protocol/wire/end-of-rib.ts";
import { NEED_MORE, readFrame } from "../../../protocol/wire/header.ts";
import type { Message, OpenMessage } from "../../../protocol/wire/message.ts";
import { OctetWriter } from "../../../protocol/wire/octet-writer.ts";
import { fromHex, toHex } from "../../../protocol/wire/octets.ts";
import { ProtocolError } from "../../../protocol/wire/protocol-error.ts";
import { DEFAULT_WIRE_CONTEXT } from "../../../protocol/wire/wire-context.ts";
import { message } from "./update-octets.ts";

const CONTEXT = DEFAULT_WIRE_CONTEXT;

function errorOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (error instanceof ProtocolError)
      return `${error.code}/${error.subcode} ${toHex(error.data)}`;
    throw error;
  }
  return "no error";
}

/** Version 4, AS 65001, 90 s, 192.0.2.1, and parameters with this total length in front. */
function open(parameters: readonly number[], length = parameters.length): Uint8Array {
  return message(1, [4, 0xfd, 0xe9, 0, 90, 192, 0, 2, 1, length, ...parameters]);
}

t.test("header errors carry the field that is wrong (RFC 4271 §6.1)", async (t) => {
  const keepalive = message(4, []);
  const changed = (at: number, value: number) => keepalive.with(at, value);
  const frame = (bytes: Uint8Array, extendedMessage = false) =>
    errorOf(() => readFrame(bytes, 0, bytes.length, { extendedMessage }));
  t.equal(frame(changed(3, 0)), "1/1 ");
  t.equal(frame(changed(17, 18)), "1/2 0012");
  t.equal(frame(changed(17, 20)), "1/2 0014", "a KEEPALIVE has 19 octets");
  t.equal(frame(changed(18, 9)), "1/3 09");
  t.equal(frame(changed(18, 0)), "1/3 00");
  for (const [type, least] of [
    [1, 29],
    [2, 23],
    [3, 21],
    [5, 19],
  ] as const) {
    const short = changed(18, type).with(17, least - 1);
    t.equal(frame(short), `1/2 00${(least - 1).toString(16)}`);
    t.equal(frame(changed(18, type).with(17, least)), "no error");
  }
});

t.test("limits of 4,096 and 65,535 octets (RFC 8654 §4)", async (t) => {
  const header = (type: number, length: number): Uint8Array =>
    message(type, [])
      .with(16, length >> 8)
      .with(17, length & 255);
  const answer = (type: number, length: number, extendedMessage: boolean): string =>
    errorOf(() => readFrame(header(type, length), 0, 19, { extendedMessage }));
  for (const type of [1, 2, 3, 5]) {
    t.equal(answer(type, 4096, false), "no error");
    t.equal(answer(type, 4097, false), "1/2 1001");
  }
  for (const type of [2, 3, 5]) t.equal(answer(type, 65535, true), "no error");
  t.equal(answer(1, 4097, true), "1/2 1001", "an OPEN keeps its limit");
  const data = new Uint8Array(4076);
  const notification = { type: "notification", code: 6, subcode: 2, data } as const;
  t.throws(() => encodeMessage(notification, CONTEXT), RangeError);
  t.equal(encodeMessage(notification, { ...CONTEXT, extendedMessage: true }).length, 4097);
});

t.test("frames are found in a stream, octet by octet", async (t) => {
  const stream = Uint8Array.from([...message(4, []), ...open([]), ...message(4, [])]);
  for (let end = 0; end < 19; end++) t.equal(readFrame(stream, 0, end, CONTEXT), NEED_MORE);
  t.equal(readFrame(stream, 0, 19, CONTEXT), 19);
  for (let end = 19; end < 48; end++) t.equal(readFrame(stream, 19, end, CONTEXT), NEED_MORE);
  t.equal(readFrame(stream, 19, stream.length, CONTEXT), 29);
});

t.test("OPEN: octets and value, both ways", async (t) => {
  const bytes = open([2, 20, 1, 4, 0, 1, 0, 1, 65, 4, 0, 0, 0xfd, 0xe9, 2, 0, 69, 4, 0, 2, 1, 3]);
  const value: OpenMessage = {
    type: "open",
    version: 4,
    asn: 65001,
    holdTimeSeconds: 90,
    routerId: RouterId(0xc0000201),
    capabilities: [
      { type: "multiprotocol", family: IPV4_UNICAST },
      { type: "fourOctetAsn", asn: Asn(65001) },
      { type: "routeRefresh" },
      { type: "addPath", families: [{ family: IPV6_UNICAST, mode: "both" }] },
    ],
  };
  t.strictSame(decodeMessage(bytes, CONTEXT), value);
  t.equal(toHex(encodeMessage(value, CONTEXT)), toHex(bytes));
});

t.test("OPEN: several capabilities in one parameter or in many (RFC 5492 §4)", async (t) => {
  const many = decodeMessage(open([2, 2, 2, 0, 2, 2, 70, 0, 2, 0, 2, 4, 6, 0, 2, 0]), CONTEXT);
  const one = decodeMessage(open([2, 8, 2, 0, 70, 0, 6, 0, 2, 0]), CONTEXT);
  t.strictSame(many, one);
});

t.test("OPEN: extended optional parameters (RFC 9072)", async (t) => {
  const capabilities: Capability[] = Array.from({ length: 60 }, (_, i) => ({
    type: "unknown",
    code: 200,
    value: Uint8Array.of(i, 0, 0),
  }));
  const value = { ...(decodeMessage(open([]), CONTEXT) as OpenMessage), capabilities };
  const bytes = encodeMessage(value, CONTEXT);
  t.equal(toHex(bytes.subarray(28, 35)), "ffff012f02012c", "255, 255, total, type 2, length 300");
  t.strictSame(decodeMessage(bytes, CONTEXT), value);
  const short = open([255, 0, 5, 2, 0, 2, 70, 0], 1);
  t.match(decodeMessage(short, CONTEXT), { capabilities: [{ type: "enhancedRouteRefresh" }] });
  t.equal(
    errorOf(() => decodeMessage(open([255, 0, 9, 2, 0, 2, 70, 0], 255), CONTEXT)),
    "2/0 ",
  );
});

t.test("OPEN: what is refused, and with which data (RFC 4271 §6.2)", async (t) => {
  const fixed = (at: number, ...values: number[]): Uint8Array => {
    const bytes = open([]);
    bytes.set(values, at);
    return bytes;
  };
  const rows: readonly (readonly [string, Uint8Array, string])[] = [
    ["version 3", fixed(19, 3), "2/1 0004"],
    ["version 5", fixed(19, 5), "2/1 0004"],
    ["AS 0", fixed(20, 0, 0), "2/2 "],
    ["four-octet AS 0", open([2, 6, 65, 4, 0, 0, 0, 0]), "2/2 "],
    ["hold time 1", fixed(22, 0, 1), "2/6 "],
    ["hold time 2", fixed(22, 0, 2), "2/6 "],
    ["identifier 0.0.0.0", fixed(24, 0, 0, 0, 0), "2/3 "],
    ["parameter of type 1", open([1, 0]), "2/4 "],
    ["parameter overruns", open([2, 3, 2, 0]), "2/0 "],
    ["capability overruns", open([2, 2, 65, 4]), "2/0 "],
    ["capability without a length", open([2, 1, 65]), "2/0 "],
    ["too little said", open([2, 2, 2, 0], 2), "2/0 "],
    ["too much said", open([2, 2, 2, 0], 6), "2/0 "],
    ["extended message with a value", open([2, 3, 6, 1, 0]), "2/0 "],
    ["extended next hop of 5 octets", open([2, 7, 5, 5, 0, 1, 0, 1, 0]), "2/0 "],
  ];
  for (const [name, bytes, error] of rows) {
    t.equal(
      errorOf(() => decodeMessage(bytes, CONTEXT)),
      error,
      name,
    );
  }
});

t.test("capabilities: octets and value, both ways", async (t) => {
  const rows: readonly (readonly [string, Capability])[] = [
    ["010400020001", { type: "multiprotocol", family: IPV6_UNICAST }],
    ["0200", { type: "routeRefresh" }],
    [
      "0506000100010002",
      { type: "extendedNextHop", entries: [{ family: IPV4_UNICAST, nextHopAfi: 2 }] },
    ],
    ["0600", { type: "extendedMessage" }],
    ["090103", { type: "role", role: "customer" }],
    ["090107", { type: "role", role: 7 }],
    [
      "4006c07800010180",
      {
        type: "gracefulRestart",
        restarting: true,
        notification: true,
        restartTimeSeconds: 120,
        families: [{ family: IPV4_UNICAST, forwarding: true }],
      },
    ],
    ["410400011170", { type: "fourOctetAsn", asn: Asn(70000) }],
    ["450400010101", { type: "addPath", families: [{ family: IPV4_UNICAST, mode: "receive" }] }],
    ["4600", { type: "enhancedRouteRefresh" }],
    [
      "470700020180015180",
      {
        type: "longLivedGracefulRestart",
        families: [{ family: IPV6_UNICAST, forwarding: true, staleTimeSeconds: 86400 }],
      },
    ],
    ["4908026162" + "0463c3a464", { type: "fqdn", hostName: "ab", domainName: "cäd" }],
    ["4b0302312e", { type: "softwareVersion", version: "1." }],
    ["c803010203", { type: "unknown", code: 200, value: Uint8Array.of(1, 2, 3) }],
  ];
  for (const [hex, value] of rows) {
    const bytes = fromHex(hex);
    t.strictSame(decodeCapability(bytes[0] as number, bytes.slice(2)), value, hex);
    const writer = new OctetWriter();
    encodeCapability(value, writer);
    t.equal(toHex(writer.toBytes()), hex);
  }
  t.equal(capabilityName({ type: "unknown", code: 200, value: Uint8Array.of() }), "capability 200");
  t.equal(capabilityName({ type: "routeRefresh" }), "route refresh");
});

t.test(
  "malformed capabilities of no consequence for the encoding are kept as octets",
  async (t) => {
    const rows = [
      [2, "01"],
      [9, ""],
      [64, "78"],
      [64, "0078000101"],
      [69, "00010104"],
      [69, "000101"],
      [70, "00"],
      [71, "000101"],
      [73, "05616200"],
      [73, "0261620063"],
      [73, "01ff00"],
      [75, "0361"],
    ] as const;
    for (const [code, hex] of rows) {
      const value = fromHex(hex);
      t.strictSame(decodeCapability(code, value), { type: "unknown", code, value });
    }
  },
);

t.test("values that have no octets are a RangeError of the caller", async (t) => {
  const encode = (capability: Capability) => () => encodeCapability(capability, new OctetWriter());
  const restart = { type: "gracefulRestart", restarting: false, notification: false } as const;
  t.throws(encode({ ...restart, restartTimeSeconds: 4096, families: [] }), RangeError);
  const family = { family: IPV4_UNICAST, forwarding: false, staleTimeSeconds: 0x100_0000 };
  t.throws(encode({ type: "longLivedGracefulRestart", families: [family] }), RangeError);
  t.throws(encode({ type: "softwareVersion", version: "x".repeat(256) }), RangeError);
  t.throws(encode({ type: "unknown", code: 1, value: new Uint8Array(256) }), RangeError);
});

t.test("messages that cannot be sent are a RangeError of the caller", async (t) => {
  const value = decodeMessage(open([]), CONTEXT) as OpenMessage;
  const encode = (message: Message) => () => encodeMessage(message, CONTEXT);
  t.throws(encode({ ...value, asn: 70000 }), RangeError);
  t.throws(encode({ ...value, holdTimeSeconds: -1 }), RangeError);
  t.throws(
    encode({ type: "notification", code: 256, subcode: 0, data: new Uint8Array(0) }),
    RangeError,
  );
  const update = endOfRibUpdate(IPV4_UNICAST);
  t.throws(encode({ ...update, nlri: [{ prefix: Prefix("::/0") }] }), RangeError, "another family");
  const many = Array.from({ length: 1400 }, () => ({ prefix: Prefix("10.0.0.0/16") }));
  t.throws(encode({ ...update, withdrawn: many }), RangeError, "4,223 octets");
  const extended = { ...CONTEXT, extendedMessage: true };
  t.equal(encodeMessage({ ...update, withdrawn: many }, extended).length, 23 + 3 * 1400);
});

t.test("ROUTE-REFRESH (RFC 2918, RFC 7313)", async (t) => {
  const bytes = message(5, [0, 2, 1, 1]);
  const value: Message = { type: "routeRefresh", family: IPV6_UNICAST, subtype: 1 };
  t.strictSame(decodeMessage(bytes, CONTEXT), value);
  t.equal(toHex(encodeMessage(value, CONTEXT)), toHex(bytes));
  for (const body of [[0, 1, 1], [], [0, 1, 1, 1, 9], [0, 1, 2, 1, 9]]) {
    const wrong = message(5, body);
    t.equal(
      errorOf(() => decodeMessage(wrong, CONTEXT)),
      `7/1 ${toHex(wrong)}`,
      "whole message",
    );
  }
  const filters = message(5, [0, 1, 0, 1, 1, 128, 0, 0]);
  t.match(decodeMessage(filters, CONTEXT), { outboundRouteFilters: Uint8Array.of(1, 128, 0, 0) });
  t.equal(toHex(encodeMessage(decodeMessage(filters, CONTEXT), CONTEXT)), toHex(filters));
});

t.test("End-of-RIB (RFC 4724 §2)", async (t) => {
  const ipv4 = encodeMessage(endOfRibUpdate(IPV4_UNICAST), CONTEXT);
  t.equal(toHex(ipv4.subarray(16)), "00170200000000");
  const ipv6 = encodeMessage(endOfRibUpdate(IPV6_UNICAST), CONTEXT);
  t.equal(toHex(ipv6.subarray(16)), "001d0200000006800f03000201");
  for (const family of [IPV4_UNICAST, IPV6_UNICAST, Family(1, 128)]) {
    const update = decodeMessage(encodeMessage(endOfRibUpdate(family), CONTEXT), CONTEXT);
    t.equal(update.type === "update" && endOfRibFamily(update), family);
  }
});

t.test("octets that are not exactly one message", async (t) => {
  const keepalive = message(4, []);
  t.strictSame(decodeMessage(keepalive, CONTEXT), { type: "keepalive" });
  t.equal(
    errorOf(() => decodeMessage(Uint8Array.from([...keepalive, 1]), CONTEXT)),
    "1/2 0013",
  );
  t.equal(
    errorOf(() => decodeMessage(keepalive.subarray(0, 18), CONTEXT)),
    "1/2 0000",
  );
});
