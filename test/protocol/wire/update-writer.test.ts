import { isDeepStrictEqual } from "node:util";
import fc from "fast-check";
import t from "tap";
import {
  type Family,
  formatFamily,
  IPV4_UNICAST,
  IPV6_UNICAST,
} from "../../../protocol/types/family.ts";
import { IpAddress, ipAddressToBytes } from "../../../protocol/types/ip-address.ts";
import { prefixAddress, prefixFromBytes, prefixLength } from "../../../protocol/types/prefix.ts";
import { type AttributeSet, encodeAttributeSet } from "../../../protocol/wire/attribute-set.ts";
import { decodeMessage } from "../../../protocol/wire/decode-message.ts";
import { readFrame } from "../../../protocol/wire/header.ts";
import type { UpdateMessage } from "../../../protocol/wire/message.ts";
import { u32 } from "../../../protocol/wire/octets.ts";
import { UpdateWriter } from "../../../protocol/wire/update-writer.ts";
import { DEFAULT_WIRE_CONTEXT, type WireContext } from "../../../protocol/wire/wire-context.ts";
import { attributeSets } from "./arbitraries.ts";
import { type RoutedNlri, readByCursor } from "./two-doors.ts";

/** What one run of the writer does, in order. */
type Step =
  | { readonly type: "announce"; readonly set: AttributeSet; readonly nlri: readonly RoutedNlri[] }
  | { readonly type: "withdraw"; readonly family: Family; readonly nlri: readonly RoutedNlri[] }
  | { readonly type: "endOfRib"; readonly family: Family };

const contexts = fc
  .record({
    fourOctetAsn: fc.boolean(),
    addPath: fc.subarray([IPV4_UNICAST, IPV6_UNICAST]),
    extendedMessage: fc.boolean(),
  })
  .map(
    (options): WireContext => ({
      ...DEFAULT_WIRE_CONTEXT,
      ...options,
      addPath: new Set(options.addPath),
      extendedNextHop: new Set([IPV4_UNICAST]),
      peerType: "internal",
    }),
  );

const families = fc.constantFrom(IPV4_UNICAST, IPV6_UNICAST);

function prefixes(family: Family, maxLength: number): fc.Arbitrary<RoutedNlri[]> {
  const width = family === IPV4_UNICAST ? 4 : 16;
  const one = fc
    .tuple(
      fc.uint8Array({ minLength: width, maxLength: width }),
      fc.nat({ max: width * 8 }),
      fc.nat({ max: 0xffff_ffff }),
    )
    .map(([address, length, pathId]) => ({
      family: formatFamily(family),
      prefix: prefixFromBytes(address, length),
      pathId,
    }));
  return fc.array(one, { minLength: 1, maxLength, size: "max" });
}

/** Old speakers never learn the numbers in confederation segments. RFC 6793 §3. */
function withoutConfederation(set: AttributeSet): AttributeSet {
  return { ...set, asPath: set.asPath.filter(({ type }) => !type.startsWith("confed")) };
}

const IPV6_NEXT_HOP = IpAddress("2001:db8::1");

const steps: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: families.chain((family) =>
      fc.tuple(attributeSets, prefixes(family, 900)).map(([set, nlri]): Step => {
        const fits = family === IPV4_UNICAST || set.nextHop?.includes(":");
        const suited = fits ? set : { ...set, nextHop: IPV6_NEXT_HOP };
        return { type: "announce", set: withoutConfederation(suited), nlri };
      }),
    ),
  },
  families.chain((family) =>
    prefixes(family, 900).map((nlri): Step => ({ type: "withdraw", family, nlri })),
  ),
  families.map((family): Step => ({ type: "endOfRib", family })),
);

const familyOf = (nlri: readonly RoutedNlri[]): Family =>
  nlri[0]?.family === formatFamily(IPV4_UNICAST) ? IPV4_UNICAST : IPV6_UNICAST;

/** Writes everything, with as many buffers as it takes, and returns the messages. */
function write(all: readonly Step[], context: WireContext, bufferOctets: number): Uint8Array[] {
  const writer = new UpdateWriter(context);
  const messages: Uint8Array[] = [];
  let buffer = new Uint8Array(bufferOctets);
  writer.attach(buffer);
  const flush = (): void => {
    const end = writer.finish();
    for (let at = 0; at < end; ) {
      const length = readFrame(buffer, at, end, context);
      messages.push(buffer.slice(at, at + length));
      at += length;
    }
    buffer = new Uint8Array(bufferOctets);
    writer.attach(buffer);
  };
  const insist = (put: () => boolean): void => {
    if (put()) return;
    flush();
    if (!put()) throw new Error("an empty buffer takes a message");
  };
  for (const step of all) {
    if (step.type === "endOfRib") insist(() => writer.endOfRib(step.family));
    else if (step.type === "withdraw") {
      writer.withdraw(step.family);
      for (const nlri of step.nlri) insist(() => put(writer, "putWithdrawn", nlri));
    } else if (writer.announce(encodeAttributeSet(step.set), familyOf(step.nlri))) {
      for (const nlri of step.nlri) insist(() => put(writer, "putAnnounced", nlri));
    } else throw new Error("these sets are small");
  }
  flush();
  return messages;
}

function put(
  writer: UpdateWriter,
  method: "putAnnounced" | "putWithdrawn",
  { prefix, pathId }: RoutedNlri,
): boolean {
  const address = new Uint8Array(16);
  address.set(ipAddressToBytes(prefixAddress(prefix)));
  const [word0, word1] = [u32(address, 0), u32(address, 4)];
  const [word2, word3] = [u32(address, 8), u32(address, 12)];
  return writer[method](prefixLength(prefix), word0, word1, word2, word3, pathId);
}

t.test(
  "what is written is what a peer reads: prefixes, sets and End-of-RIB, in order",
  async (t) => {
    let split = 0;
    fc.assert(
      fc.property(
        contexts,
        fc.array(steps, { minLength: 1, maxLength: 8 }),
        fc.constantFrom(65535, 70_000, 200_000),
        (context, all, bufferOctets) => {
          const messages = write(all, context, bufferOctets);
          if (messages.length > all.length) split++;
          const expected = expectedReadings(all, context);
          const read = readings(messages, context);
          if (!isDeepStrictEqual(read, expected)) t.strictSame(read, expected);
          return isDeepStrictEqual(read, expected);
        },
      ),
      { numRuns: 60 },
    );
    t.ok(split > 4, `${split} runs needed more messages than steps`);
  },
);

type Event = { readonly kind: string; readonly set?: AttributeSet; readonly nlri: RoutedNlri[] };

/** Neighbouring messages of one kind are one event: where they were split does not matter. */
function readings(messages: readonly Uint8Array[], context: WireContext): Event[] {
  const events: Event[] = [];
  for (const bytes of messages) {
    const reading = readByCursor(bytes, context);
    if (reading.outcome === "error" || reading.severity > 0) throw new Error("a faulty message");
    if (reading.endOfRib) add(events, { kind: `end ${reading.endOfRib}`, nlri: [] });
    else if (reading.withdrawn.length > 0) {
      add(events, { kind: "withdraw", nlri: [...reading.withdrawn] });
    }
    const set = reading.sets[0];
    if (set) add(events, { kind: "announce", set, nlri: [...reading.announced] });
  }
  return events;
}

function expectedReadings(all: readonly Step[], context: WireContext): Event[] {
  const events: Event[] = [];
  for (const step of all) {
    if (step.type === "endOfRib")
      add(events, { kind: `end ${formatFamily(step.family)}`, nlri: [] });
    else {
      const withIds = context.addPath.has(familyOf(step.nlri));
      const nlri = step.nlri.map((one) => (withIds ? one : { ...one, pathId: 0 }));
      if (step.type === "withdraw") add(events, { kind: "withdraw", nlri });
      else add(events, { kind: "announce", set: step.set, nlri });
    }
  }
  return events;
}

function add(events: Event[], event: Event): void {
  const last = events.at(-1);
  const family = (one: Event): string | undefined => one.nlri[0]?.family;
  const joins =
    last !== undefined &&
    last.nlri.length > 0 &&
    last.kind === event.kind &&
    family(last) === family(event) &&
    isDeepStrictEqual(last.set, event.set);
  if (joins) last.nlri.push(...event.nlri);
  else events.push(event);
}

const SET: AttributeSet = {
  nextHop: IpAddress("192.0.2.1"),
  origin: "igp",
  asPath: [],
  localPref: 100,
};
const CONTEXT: WireContext = { ...DEFAULT_WIRE_CONTEXT, peerType: "internal" };

function decodeAll(messages: readonly Uint8Array[], context: WireContext): UpdateMessage[] {
  return messages.map((bytes) => decodeMessage(bytes, context) as UpdateMessage);
}

t.test(
  "MP attributes come first, all others in ascending order (RFC 7606 §5.1, RFC 4271 §5)",
  async (t) => {
    const nlri = [
      { family: "ipv6-unicast", prefix: prefixFromBytes(new Uint8Array(16), 0), pathId: 0 },
    ];
    const set = { ...SET, nextHop: IPV6_NEXT_HOP, med: 7 };
    const [update] = decodeAll(write([{ type: "announce", set, nlri }], CONTEXT, 5000), CONTEXT);
    const types = update?.attributes.map(({ type }) => type);
    t.strictSame(types, ["mpReach", "origin", "asPath", "multiExitDisc", "localPref"]);
    t.strictSame(update?.nlri, []);
  },
);

t.test(
  "an IPv4 next hop goes into NEXT_HOP, an IPv6 one into MP_REACH_NLRI where RFC 8950 allows it",
  async (t) => {
    const nlri = [
      { family: "ipv4-unicast", prefix: prefixFromBytes(new Uint8Array(4), 8), pathId: 0 },
    ];
    const [classic] = decodeAll(
      write([{ type: "announce", set: SET, nlri }], CONTEXT, 5000),
      CONTEXT,
    );
    t.equal(classic?.attributes[2]?.type, "nextHop");
    t.equal(classic?.nlri.length, 1);
    const set = { ...SET, nextHop: IPV6_NEXT_HOP };
    const extended = { ...CONTEXT, extendedNextHop: new Set([IPV4_UNICAST]) };
    const [mp] = decodeAll(write([{ type: "announce", set, nlri }], extended, 5000), extended);
    t.equal(mp?.attributes[0]?.type, "mpReach");
    t.throws(() => write([{ type: "announce", set, nlri }], CONTEXT, 5000), RangeError);
    const ipv6 = [{ ...nlri[0], family: "ipv6-unicast" } as RoutedNlri];
    t.throws(() => write([{ type: "announce", set: SET, nlri: ipv6 }], CONTEXT, 5000), RangeError);
  },
);

t.test(
  "attributes that leave no room for a prefix are refused, and fit an extended message (RFC 8654 §5)",
  async (t) => {
    const unknown = [{ code: 200, flags: 0xe0, value: new Uint8Array(4060) }];
    const canonical = encodeAttributeSet({ ...SET, unknown });
    const small = new UpdateWriter(CONTEXT);
    small.attach(new Uint8Array(4096));
    t.equal(small.announce(canonical, IPV4_UNICAST), false);
    t.throws(() => small.putAnnounced(8, 0, 0, 0, 0, 0), /announce/);
    t.equal(small.finish(), 0);
    const large = new UpdateWriter({ ...CONTEXT, extendedMessage: true });
    large.attach(new Uint8Array(65535));
    t.equal(large.announce(canonical, IPV4_UNICAST), true);
    t.equal(large.putAnnounced(8, 0, 0, 0, 0, 0), true);
    t.ok(large.finish() > 4096);
  },
);

t.test("a message is filled to its last octet, and a full buffer says so", async (t) => {
  const writer = new UpdateWriter(CONTEXT);
  writer.attach(new Uint8Array(4096));
  writer.withdraw(IPV4_UNICAST);
  let count = 0;
  while (writer.putWithdrawn(0, 0, 0, 0, 0, 0)) count++;
  t.equal(count, 4096 - 23, "one octet each, beside header and two lengths");
  t.equal(writer.finish(), 4096);
  t.equal(writer.endOfRib(IPV6_UNICAST), false);
});

t.test(
  "for old speakers AS_TRANS stands in, and AS4_PATH only where it hides something (RFC 6793 §4.2.2)",
  async (t) => {
    const old = { ...CONTEXT, fourOctetAsn: false };
    const nlri = [
      { family: "ipv4-unicast", prefix: prefixFromBytes(new Uint8Array(4), 8), pathId: 0 },
    ];
    const attributes = (asns: readonly number[]): readonly unknown[] => {
      const set = { ...SET, asPath: [{ type: "sequence", asns }] } as unknown as AttributeSet;
      const [update] = decodeAll(write([{ type: "announce", set, nlri }], old, 5000), old);
      return update?.attributes.filter(({ type }) => type === "asPath" || type === "as4Path") ?? [];
    };
    t.match(attributes([1, 70_000]), [
      { asPath: [{ asns: [1, 23456] }] },
      { type: "as4Path", asPath: [{ asns: [1, 70_000] }] },
    ]);
    t.equal(attributes([1, 2]).length, 1);
  },
);

t.test("attributes of more than 255 octets, for new and old speakers", async (t) => {
  const long = Array.from({ length: 100 }, (_, i) => i + 1);
  const set = {
    ...SET,
    asPath: [{ type: "sequence", asns: [70_000, ...long] }],
    communities: long,
    unknown: [{ code: 200, flags: 0xe0, value: new Uint8Array(400) }],
  } as unknown as AttributeSet;
  const nlri = [
    { family: "ipv4-unicast", prefix: prefixFromBytes(new Uint8Array(4), 8), pathId: 0 },
  ];
  for (const fourOctetAsn of [true, false]) {
    const context = { ...CONTEXT, fourOctetAsn };
    const messages = write([{ type: "announce", set, nlri }], context, 5000);
    t.strictSame(readings(messages, context), [{ kind: "announce", set, nlri }]);
    const [update] = decodeAll(messages, context);
    const codes = update?.attributes.map(({ flags }) => (flags & 0x10) !== 0);
    // ORIGIN, AS_PATH, NEXT_HOP, LOCAL_PREF, COMMUNITIES, AS4_PATH for the old one, and the unknown one.
    const [asPath, as4Path] = fourOctetAsn ? [true, []] : [false, [true]];
    t.strictSame(codes, [false, asPath, false, false, true, ...as4Path, true]);
  }
});
