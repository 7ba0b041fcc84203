import { isDeepStrictEqual } from "node:util";
import fc from "fast-check";
import t from "tap";
import { decodeAttributeSet, encodeAttributeSet } from "../../../protocol/wire/attribute-set.ts";
import { decodeMessage } from "../../../protocol/wire/decode-message.ts";
import { encodeMessage } from "../../../protocol/wire/encode-message.ts";
import { NEED_MORE, readFrame } from "../../../protocol/wire/header.ts";
import { setU16 } from "../../../protocol/wire/octets.ts";
import { ProtocolError } from "../../../protocol/wire/protocol-error.ts";
import { UpdateCursor } from "../../../protocol/wire/update-cursor.ts";
import { DEFAULT_WIRE_CONTEXT, type WireContext } from "../../../protocol/wire/wire-context.ts";
import { attributeSets, contexts, messages, updates } from "./arbitraries.ts";
import { mutated, mutations } from "./mutations.ts";
import { readByCursor, readByMessage } from "./two-doors.ts";

const RUNS = 800;
const inContext = contexts.chain((context) =>
  messages(context).map((message) => ({ context, message })),
);
const updateInContext = contexts.chain((context) =>
  updates(context).map((message) => ({ context, message })),
);

t.test("what is encoded decodes to the same message", async (t) => {
  const reached = new Map<string, number>();
  fc.assert(
    fc.property(inContext, ({ context, message }) => {
      const bytes = encodeMessage(message, context);
      const again = decodeMessage(bytes, context);
      reached.set(message.type, (reached.get(message.type) ?? 0) + 1);
      // A value of more than 255 octets gets the extended length flag, whatever the flags were.
      if (!isDeepStrictEqual(plain(again), plain(message))) t.strictSame(again, message);
      return isDeepStrictEqual(plain(again), plain(message));
    }),
    { numRuns: RUNS },
  );
  t.equal(reached.size, 5, "all types of messages came up");
});

function plain(value: ReturnType<typeof decodeMessage>): unknown {
  if (value.type !== "update") return value;
  const attributes = value.attributes.map((one) => ({ ...one, flags: one.flags & ~0x10 }));
  return { ...value, attributes };
}

t.test("attribute sets and their canonical octets are exact inverses", async (t) => {
  fc.assert(
    fc.property(attributeSets, (set) => {
      const bytes = encodeAttributeSet(set);
      const again = decodeAttributeSet(bytes);
      t.ok(isDeepStrictEqual(again, set) || t.strictSame(again, set));
      return Buffer.compare(encodeAttributeSet(again), bytes) === 0;
    }),
    { numRuns: 500 },
  );
});

t.test("the cursor's set is the canonical form, octet for octet", async (t) => {
  const cursor = new UpdateCursor();
  let sets = 0;
  fc.assert(
    fc.property(updateInContext, ({ context, message }) => {
      const bytes = encodeMessage(message, context);
      cursor.open(bytes, 0, bytes.length, context);
      if (!cursor.nextAnnounced()) return true;
      sets++;
      const canonical = cursor.attributeSet(cursor.family);
      const again = encodeAttributeSet(decodeAttributeSet(canonical));
      return Buffer.compare(again, canonical) === 0;
    }),
    { numRuns: RUNS },
  );
  t.ok(sets > RUNS / 2);
});

t.test(
  "mutated messages end in a message, faults or a ProtocolError, the same through both doors",
  async (t) => {
    const reached = { error: 0, faults: 0, clean: 0 };
    const peerTypes = fc.constantFrom("internal" as const, "external" as const, "unknown" as const);
    fc.assert(
      fc.property(
        updateInContext,
        mutations,
        peerTypes,
        ({ context, message }, changes, peerType) => {
          const seen: WireContext = { ...context, peerType };
          const bytes = mutated(encodeMessage(message, context), changes);
          const [cursor, value] = [readByCursor(bytes, seen), readByMessage(bytes, seen)];
          if (value.outcome === "error") reached.error++;
          else if (value.severity > 0) reached.faults++;
          else reached.clean++;
          if (!isDeepStrictEqual(cursor, value)) t.strictSame(cursor, value);
          return isDeepStrictEqual(cursor, value);
        },
      ),
      { numRuns: 4 * RUNS },
    );
    for (const [outcome, count] of Object.entries(reached))
      t.ok(count > 250, `${count} ${outcome}`);
  },
);

t.test("any octets end in a message or a ProtocolError", async (t) => {
  const body = fc.uint8Array({ maxLength: 200 });
  let decoded = 0;
  fc.assert(
    fc.property(fc.nat({ max: 6 }), body, contexts, (type, octets, context) => {
      const bytes = new Uint8Array(19 + octets.length).fill(0xff, 0, 16);
      setU16(bytes, 16, bytes.length);
      bytes[18] = type;
      bytes.set(octets, 19);
      if (isMessageOrProtocolError(bytes, context)) decoded++;
      return isMessageOrProtocolError(octets, context) !== undefined;
    }),
    { numRuns: 4 * RUNS },
  );
  t.ok(decoded > 100, `${decoded} were messages`);
});

t.test("every message is cut at every octet", async (_t) => {
  fc.assert(
    fc.property(inContext, ({ context, message }) => {
      const bytes = encodeMessage(message, context);
      for (let length = 0; length < bytes.length; length++) {
        const cut = bytes.slice(0, length);
        if (readFrame(cut, 0, length, context) !== NEED_MORE) return false;
        if (isMessageOrProtocolError(cut, context)) return false;
        if (length < 19) continue;
        setU16(cut, 16, length);
        isMessageOrProtocolError(cut, context);
      }
      return readFrame(bytes, 0, bytes.length, context) === bytes.length;
    }),
    { numRuns: 60 },
  );
});

t.test("a frame is found wherever it stands, and octets behind it do not matter", async (_t) => {
  fc.assert(
    fc.property(inContext, fc.uint8Array({ maxLength: 30 }), ({ context, message }, around) => {
      const bytes = encodeMessage(message, context);
      const all = Uint8Array.from([...around, ...bytes, ...around]);
      return readFrame(all, around.length, all.length, context) === bytes.length;
    }),
    { numRuns: 200 },
  );
});

/** True for a message, false for a ProtocolError; anything else that is thrown goes on. */
function isMessageOrProtocolError(bytes: Uint8Array, context: WireContext): boolean {
  try {
    decodeMessage(bytes, context);
    return true;
  } catch (error) {
    if (error instanceof ProtocolError) return false;
    throw error;
  }
}

t.test("time is linear: twice the octets, twice the reads", async (t) => {
  const old: WireContext = { ...DEFAULT_WIRE_CONTEXT, fourOctetAsn: false, extendedMessage: true };
  const wide: WireContext = { ...old, fourOctetAsn: true };
  for (const [name, shape] of Object.entries(SHAPES)) {
    let most = 0;
    for (const context of [old, wide]) {
      const [once, twice] = [readsOf(shape(400), context), readsOf(shape(800), context)];
      t.ok(twice <= 2.1 * once, `${name}: ${once} reads, then ${twice}`);
      most = Math.max(most, once);
    }
    t.ok(most > 1600, `${name} is read whole in one of the two contexts`);
  }
});

/** Messages that grow in one way each. */
const SHAPES: { readonly [name: string]: (n: number) => Uint8Array } = {
  prefixes: (n) => update([], repeat(n, [8, 10])),
  "withdrawn default routes": (n) => update([], [], repeat(n, [0])),
  "repeated attributes": (n) => update(repeat(n, [0x40, 6, 0])),
  "path segments": (n) =>
    update([0x50, 2, ...u16(6 * n), ...repeat(n, [2, 1, 0, 1, 0, 1])], [8, 10]),
  "old path segments": (n) => update([0x50, 2, ...u16(4 * n), ...repeat(n, [2, 1, 0, 1])], [8, 10]),
  "AS4_PATH segments": (n) =>
    update(
      [
        ...[0x50, 2, ...u16(4 * n), ...repeat(n, [2, 1, 0, 1])],
        ...[0xd0, 17, ...u16(6 * n), ...repeat(n, [2, 1, 0, 1, 0, 1])],
      ],
      [8, 10],
    ),
  "equal large communities": (n) =>
    update([0xd0, 32, ...u16(12 * n), ...repeat(12 * n, [7])], [8, 10]),
  "AIGP TLVs": (n) => update([0x90, 26, ...u16(3 * n), ...repeat(n, [9, 0, 3])], [8, 10]),
};

const u16 = (value: number): number[] => [value >> 8, value & 255];
const repeat = (n: number, octets: readonly number[]): number[] =>
  Array.from({ length: n }, () => octets).flat();

function update(attributes: number[], nlri: number[] = [], withdrawn: number[] = []): Uint8Array {
  const mandatory = [0x40, 1, 1, 0, 0x40, 3, 4, 1, 1, 1, 1];
  const all = [...mandatory, ...attributes];
  const body = [...u16(withdrawn.length), ...withdrawn, ...u16(all.length), ...all, ...nlri];
  return Uint8Array.from([...repeat(16, [255]), ...u16(19 + body.length), 2, ...body]);
}

/** How often octets of the message are looked at, through both doors. */
function readsOf(bytes: Uint8Array, context: WireContext): number {
  let reads = 0;
  const counted = (octets: Uint8Array): Uint8Array =>
    new Proxy(octets, {
      get(target, property) {
        const value: unknown = Reflect.get(target, property, target);
        if (typeof property === "string" && /^\d+$/.test(property)) reads++;
        if (typeof value !== "function") return value;
        return (...args: unknown[]) => {
          const result: unknown = value.apply(target, args);
          return result instanceof Uint8Array ? counted(result) : result;
        };
      },
    });
  try {
    decodeMessage(counted(bytes), context);
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
  }
  readByCursorCounted(counted(bytes), context);
  return reads;
}

function readByCursorCounted(bytes: Uint8Array, context: WireContext): void {
  const cursor = new UpdateCursor();
  try {
    cursor.open(bytes, 0, bytes.length, context);
    while (cursor.nextWithdrawn());
    while (cursor.nextAnnounced());
    cursor.attributeSet(cursor.family);
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
  }
}
