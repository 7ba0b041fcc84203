import t, { type Test } from "tap";
import { BgpCapture, type BgpRecord } from "../../../protocol/capture/bgp-capture.ts";
import { readCapture } from "../../../protocol/capture/capture-file.ts";
import { decodeMessage } from "../../../protocol/wire/decode-message.ts";
import { encodeMessage } from "../../../protocol/wire/encode-message.ts";
import { ProtocolError } from "../../../protocol/wire/protocol-error.ts";
import { listFixtures, readFixture, readJsonLines } from "../../support/fixture.ts";
import { tsharkText } from "../../support/tshark-text.ts";

type OracleMessage = {
  readonly file: string;
  readonly frame: number;
  readonly hex: string;
  readonly text: string;
};

const oracle = Map.groupBy(
  readJsonLines<OracleMessage>("test/fixtures/tshark/messages.jsonl.gz"),
  ({ file }) => file,
);
const captures = listFixtures("pcaps").filter((name) => /\.pcap(ng)?$/.test(name));

/**
 * Damaged captures (made to crash tcpdump) in which we and tshark differ, and why. What we find there
 * must still decode to a message or a ProtocolError.
 */
const FRAMING_DIFFERS = new Map([
  [
    "tcpdump__bgp-as-path-oobr.pcap",
    "tshark goes on after a marker that is not all ones; we look for the next one",
  ],
  ["tcpdump__bgp-ub.pcap", "the same"],
  [
    "tcpdump__bgp-bgp_capabilities_print-oobr-1.pcap",
    "the first fragment of a datagram that never completes",
  ],
  ["tcpdump__bgp_pmsi_tunnel-oobr.pcap", "the first fragment of a datagram that never completes"],
]);

/** Messages that tshark shows and RFC 4271 §6 refuses: [capture, our error]. */
const REFUSED = new Map([
  ["tcpdump__bgp-infinite-loop.pcap", "1/2: message length 19"],
  ["tcpdump__tok2str-oobr-1.pcap", "3/1: path attributes overrun the message"],
]);

function recordsOf(name: string): BgpRecord[] {
  const capture = new BgpCapture();
  const records: BgpRecord[] = [];
  for (const packet of readCapture(readFixture(`pcaps/${name}`)))
    records.push(...capture.add(packet));
  return [...records, ...capture.finish()];
}

/** tshark shows octets before the first header as "CONTINUATION", and a wrong type as a message of its own. */
function isMessage({ text }: OracleMessage): boolean {
  return !/^(CONTINUATION|TYPE)/.test(text);
}

for (const name of captures) {
  const expected = (oracle.get(name) ?? []).filter(isMessage);
  const records = recordsOf(name);
  const messages = records.filter(({ frame }) => frame.type === "message");

  t.test(`${name}: the messages that tshark finds, octet for octet`, (t) => {
    if (FRAMING_DIFFERS.has(name)) {
      t.ok(messages.every(({ decoded }) => decoded !== undefined));
      t.end();
      return;
    }
    t.strictSame(
      messages.map(({ frame }) => Buffer.from(frame.bytes).toString("hex")).sort(),
      expected.map(({ hex }) => hex).sort(),
    );
    t.end();
  });

  t.test(`${name}: every message decodes as tshark says`, (t) => {
    for (const record of messages) {
      const hex = Buffer.from(record.frame.bytes).toString("hex");
      const said = expected.find((candidate) => candidate.hex === hex);
      if (said === undefined || said.text.includes("tshark-error")) continue;
      if (record.decoded === undefined || record.decoded instanceof ProtocolError) {
        t.equal(record.decoded?.message, REFUSED.get(name), `frame ${said.frame}: ${said.text}`);
        continue;
      }
      compareWords(t, record, said);
    }
    t.end();
  });

  t.test(`${name}: what decodes encodes to octets that decode the same`, (t) => {
    for (const { decoded, context } of messages) {
      if (decoded === undefined || decoded instanceof ProtocolError) continue;
      if (decoded.type === "update" && decoded.faults.length > 0) continue;
      t.strictSame(decodeMessage(encodeMessage(decoded, context), context), decoded);
    }
    t.end();
  });
}

t.test("the captures were all there, and tshark's messages with them", (t) => {
  t.equal(captures.length, oracle.size);
  t.ok(captures.length >= 40);
  t.end();
});

/** Our words must stand in tshark's line in this order; "*" stands for a value that is not compared. */
function compareWords(t: Test, record: BgpRecord, { text, frame }: OracleMessage): void {
  const { decoded, context } = record;
  if (decoded === undefined || decoded instanceof ProtocolError) return;
  let rest = text.replaceAll(/handles?=[^ ]*/g, "");
  const [path] = /\/AS_PATH=[^ ]*/.exec(text) ?? [""];
  if (/[24]\(/.test(path))
    t.equal(context.fourOctetAsn, /4\(/.test(path), `frame ${frame}: width of AS numbers`);
  for (const word of tsharkText(decoded, { ...context, length: record.frame.bytes.length })) {
    const wanted = word.endsWith("*") ? word.slice(0, -1) : word;
    const at = rest.indexOf(wanted);
    if (at < 0) {
      t.fail(`frame ${frame}: ours has "${word}", tshark: ${rest.slice(0, 300)}`);
      return;
    }
    rest = rest.slice(at + wanted.length);
  }
  t.pass(`frame ${frame}`);
}
