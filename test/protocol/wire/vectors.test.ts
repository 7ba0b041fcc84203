import { isDeepStrictEqual } from "node:util";
import t from "tap";
import { decodeMessage } from "../../../protocol/wire/decode-message.ts";
import { encodeMessage } from "../../../protocol/wire/encode-message.ts";
import type { Message } from "../../../protocol/wire/message.ts";
import { ProtocolError } from "../../../protocol/wire/protocol-error.ts";
import type { WireContext } from "../../../protocol/wire/wire-context.ts";
import { readFixture } from "../../support/fixture.ts";
import { differencesFromBgpdump, differencesFromExabgp, differencesFromTshark } from "./oracles.ts";
import { readByCursor, readByMessage } from "./two-doors.ts";
import { readVectors, type Vector, vectorContext, vectorOctets } from "./vector.ts";

/*
 * Messages of other implementations, real sessions and route collectors against independent decoders. What differs must stand
 * in docs/wire-disagreements.md, with its reason.
 */
const VECTORS = readVectors();
const EXPLAINED = new Set(
  readFixture("docs/wire-disagreements.md")
    .toString("utf8")
    .split("\n")
    .flatMap((line) => [...(line.split("|")[2] ?? "").matchAll(/`(v[0-9a-f]{10})`/g)])
    .map((match) => match[1]),
);

type Count = { messages: number; errors: number; tshark: number; bgpdump: number; exabgp: number };

t.test("messages decode as others say, or the difference is explained", async (t) => {
  const count: Count = { messages: 0, errors: 0, tshark: 0, bgpdump: 0, exabgp: 0 };
  const different = new Set<string>();
  for (const vector of VECTORS) {
    const differences = differencesOf(vector, count);
    if (differences.length > 0) different.add(vector.id);
    if (differences.length > 0 && !EXPLAINED.has(vector.id)) {
      t.fail(`${vector.id} ${differences.join("; ")}`);
    }
  }
  t.strictSame([...different].sort(), [...EXPLAINED].sort(), "the table has all, and no more");
  t.strictSame(count, { messages: 928, errors: 76, tshark: 928, bgpdump: 487, exabgp: 107 });
});

t.test("both doors agree on every UPDATE", async (t) => {
  let updates = 0;
  for (const vector of VECTORS) {
    const bytes = vectorOctets(vector);
    if (bytes[18] !== 2) continue;
    updates++;
    const context = vectorContext(vector);
    for (const peerType of ["unknown", "internal", "external"] as const) {
      const seen = { ...context, peerType };
      const [mine, theirs] = [readByCursor(bytes, seen), readByMessage(bytes, seen)];
      if (!isDeepStrictEqual(mine, theirs)) t.strictSame(mine, theirs, vector.id);
    }
  }
  t.ok(updates > 850, `${updates} UPDATEs`);
});

t.test("every message is encoded to octets that decode the same", async (t) => {
  let exact = 0;
  for (const vector of VECTORS) {
    const context = vectorContext(vector);
    const bytes = vectorOctets(vector);
    const message = decoded(bytes, context);
    if (message === undefined) continue;
    const again = encodeMessage(message, context);
    if (Buffer.compare(again, bytes) === 0) exact++;
    const before = withoutFaults(message);
    const after = withoutFaults(decodeMessage(again, context));
    if (!isDeepStrictEqual(before, after)) t.strictSame(after, before, vector.id);
  }
  t.ok(exact > 800, `${exact} of them are the same octets`);
});

function differencesOf(vector: Vector, count: Count): string[] {
  const [bytes, context] = [vectorOctets(vector), vectorContext(vector)];
  const message = decoded(bytes, context);
  if (message === undefined) {
    count.errors++;
    const damaged = /tshark-error|CONTINUATION|Malformed|heuristic/.test(vector.tshark ?? "");
    return vector.tshark === undefined || damaged ? [] : ["a ProtocolError"];
  }
  count.messages++;
  const differences: string[] = [];
  if (vector.tshark) {
    count.tshark++;
    const options = { fourOctetAsn: context.fourOctetAsn, length: bytes.length };
    differences.push(...differencesFromTshark(message, vector.tshark, options));
  }
  const reading = message.type === "update" ? readByMessage(bytes, context) : undefined;
  if (reading?.outcome !== "update") return differences;
  if (vector.bgpdump) {
    count.bgpdump++;
    differences.push(...differencesFromBgpdump(reading, vector.bgpdump));
  }
  if (vector.expected?.json) {
    count.exabgp++;
    differences.push(...differencesFromExabgp(reading, vector.expected.json));
  }
  return differences;
}

function decoded(bytes: Uint8Array, context: WireContext): Message | undefined {
  try {
    return decodeMessage(bytes, context);
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    return undefined;
  }
}

/** What a fault took away is not encoded again, and its absence may be another fault. */
function withoutFaults(message: Message): Message {
  return message.type === "update" ? { ...message, faults: [] } : message;
}
