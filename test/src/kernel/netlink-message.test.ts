import fc from "fast-check";
import t from "tap";
import { readKernelEvent } from "../../../src/kernel/netlink/kernel-message.ts";
import { FLAG, MESSAGE } from "../../../src/kernel/netlink/netlink-constants.ts";
import { formatNetlinkFault, readNetlinkError } from "../../../src/kernel/netlink/netlink-error.ts";
import { MalformedNetlinkError, readMessages } from "../../../src/kernel/netlink/netlink-reader.ts";
import { NetlinkWriter } from "../../../src/kernel/netlink/netlink-writer.ts";

function written(write: (writer: NetlinkWriter) => void): Buffer {
  const writer = new NetlinkWriter(4);
  write(writer);
  return Buffer.from(writer.bytes);
}

t.test("an extended acknowledgement becomes words", async (t) => {
  const text = Buffer.from("Nexthop has invalid gateway\0");
  const message = written((writer) => {
    writer.begin(MESSAGE.error, FLAG.cappedAck | FLAG.extendedAck, 77);
    writer.u32(-101);
    writer.padded(Buffer.alloc(16));
    writer.attribute(1, text);
    writer.attributeU32(2, 36);
    writer.end();
  });
  const [read] = readMessages(message);
  const fault = read && readNetlinkError(read);
  t.strictSame(fault, {
    errno: 101,
    code: "ENETUNREACH",
    message: "Nexthop has invalid gateway",
    offset: 36,
  });
  t.equal(
    fault && formatNetlinkFault(fault),
    "ENETUNREACH: Nexthop has invalid gateway (at octet 36 of the request)",
  );
});

t.test("an uncapped error echoes the request before the attributes", async (t) => {
  const request = written((writer) => {
    writer.begin(MESSAGE.newRoute, 0, 5);
    writer.u32(0);
    writer.end();
  });
  const message = written((writer) => {
    writer.begin(MESSAGE.error, FLAG.extendedAck, 5);
    writer.u32(-17);
    writer.padded(request);
    writer.attributeText(1, "there");
    writer.end();
  });
  const [read] = readMessages(message);
  t.strictSame(read && readNetlinkError(read), { errno: 17, code: "EEXIST", message: "there" });
});

/** Whole messages of each kind, to be damaged. */
const WHOLE: readonly { readonly type: number; readonly payload: Buffer }[] = [
  {
    type: MESSAGE.newRoute,
    payload: Buffer.from(
      "0220000000740001000000000800010 00a00000124000900100000000700000008000500c000020110000002080000000800 0500c0000202".replaceAll(
        " ",
        "",
      ),
      "hex",
    ),
  },
  {
    type: MESSAGE.deleteRoute,
    payload: Buffer.from(
      "0a400000fe740001000000001400010 0fd80000000000000000000000000000008000400030000000800060000040000".replaceAll(
        " ",
        "",
      ),
      "hex",
    ),
  },
  {
    type: MESSAGE.newLink,
    payload: Buffer.from(
      "00000100060000000110000000000000090003006574683000000000080004 00dc0500000a000100eeeeeeeeeeee0000".replaceAll(
        " ",
        "",
      ),
      "hex",
    ),
  },
  {
    type: MESSAGE.newAddress,
    payload: Buffer.from("022080fd0400000008000200a9fe010108000100a9fe0101", "hex"),
  },
  {
    type: MESSAGE.newNeighbor,
    payload: Buffer.from("020000000500000080000000080001000a0000070a000200eeeeeeeeeeee0000", "hex"),
  },
  {
    type: MESSAGE.newRule,
    payload: Buffer.from(
      "020010007400000100000000080002000a41000008000600630000 00".replaceAll(" ", ""),
      "hex",
    ),
  },
  {
    type: MESSAGE.newNexthop,
    payload: Buffer.from(
      "02007400040000000800010007000000080006 00c0000209080005000300 0000".replaceAll(" ", ""),
      "hex",
    ),
  },
];

t.test("damaged messages are read, or refused as malformed, and nothing else", async (t) => {
  const reached = new Map<string, number>();
  const damage = fc.array(fc.tuple(fc.nat(79), fc.nat(255)), { maxLength: 3 });
  fc.assert(
    fc.property(fc.constantFrom(...WHOLE), damage, fc.nat(80), ({ type, payload }, edits, cut) => {
      const bytes = Buffer.from(payload.subarray(0, Math.max(cut, payload.length - cut)));
      for (const [at, value] of edits) if (at < bytes.length) bytes[at] = value;
      let outcome = "nothing";
      try {
        const message = { type, flags: 0, sequence: 0, portId: 0, payload: bytes };
        outcome = readKernelEvent(message)?.type ?? outcome;
      } catch (error) {
        if (!(error instanceof MalformedNetlinkError)) throw error;
        outcome = "malformed";
      }
      reached.set(outcome, (reached.get(outcome) ?? 0) + 1);
    }),
    { numRuns: 5000, seed: 1 },
  );
  const kinds = ["address", "link", "malformed", "neighbor", "nexthop", "nothing", "route", "rule"];
  t.strictSame([...reached.keys()].sort(), kinds);
});
