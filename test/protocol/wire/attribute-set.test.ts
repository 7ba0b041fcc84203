import t from "tap";
import { IPV4_UNICAST, IPV6_UNICAST } from "../../../protocol/types/family.ts";
import type { AsPath } from "../../../protocol/wire/attribute/path-attribute.ts";
import { decodeAttributeSet } from "../../../protocol/wire/attribute-set.ts";
import { toHex } from "../../../protocol/wire/octets.ts";
import { UpdateCursor } from "../../../protocol/wire/update-cursor.ts";
import type { WireContext } from "../../../protocol/wire/wire-context.ts";
import { readByCursor } from "./two-doors.ts";
import {
  AS_PATH_65001,
  attribute,
  EXTERNAL,
  INTERNAL,
  MANDATORY,
  MP_REACH,
  NEXT_HOP,
  NLRI,
  ORIGIN_IGP,
  TWO_OCTET,
  u16,
  u32,
  updateOctets,
} from "./update-octets.ts";

const OLD: WireContext = { ...TWO_OCTET, peerType: "unknown" };

/** Segments by name: [2, 1, 2] is a sequence of AS 1 and 2; types 1 to 4 as on the wire. */
type Segments = readonly (readonly number[])[];

function pathAttribute(
  flags: number,
  code: number,
  segments: Segments,
  asnOctets: 2 | 4,
): number[] {
  const encode = asnOctets === 2 ? u16 : u32;
  const value = segments.flatMap(([type = 0, ...asns]) => [
    type,
    asns.length,
    ...asns.flatMap(encode),
  ]);
  return attribute(flags, code, value);
}

function setOf(attributes: readonly number[][], context: WireContext) {
  const bytes = updateOctets({ attributes, nlri: NLRI });
  const reading = readByCursor(bytes, context);
  if (reading.outcome === "error") throw new Error(`reset ${reading.notification}`);
  return reading.sets[0];
}

function pathOf(path: AsPath | undefined): Segments {
  const types = ["", "set", "sequence", "confedSequence", "confedSet"];
  return (path ?? []).map(({ type, asns }) => [types.indexOf(type), ...asns]);
}

t.test("AS4_PATH is laid over the end of AS_PATH (RFC 6793 §4.2.3)", async (t) => {
  const TRANS = 23456;
  const rows: readonly (readonly [string, Segments, Segments, Segments])[] = [
    ["equal length", [[2, TRANS, 2]], [[2, 70000, 2]], [[2, 70000, 2]]],
    ["shorter: the lead of AS_PATH stays", [[2, 9, 8, TRANS]], [[2, 70000]], [[2, 9, 8, 70000]]],
    ["longer: ignored", [[2, TRANS]], [[2, 70000, 70001]], [[2, TRANS]]],
    [
      "a set counts one",
      [
        [2, 9, TRANS],
        [1, 5, 6],
      ],
      [
        [2, 70000],
        [1, 5, 6],
      ],
      [
        [2, 9, 70000],
        [1, 5, 6],
      ],
    ],
    [
      "a set in the lead is taken whole",
      [
        [1, 5, 6],
        [2, TRANS],
      ],
      [[2, 70000]],
      [
        [1, 5, 6],
        [2, 70000],
      ],
    ],
    ["the cut is within a sequence", [[2, 9, TRANS, 7]], [[2, 70000, 7]], [[2, 9, 70000, 7]]],
    [
      "leading confederation segments stay",
      [
        [3, 64512],
        [2, TRANS],
      ],
      [[2, 70000]],
      [
        [3, 64512],
        [2, 70000],
      ],
    ],
    [
      "confederation segments that touch the lead stay",
      [
        [2, 9],
        [3, 64512],
        [2, TRANS],
      ],
      [[2, 70000]],
      [
        [2, 9],
        [3, 64512],
        [2, 70000],
      ],
    ],
    [
      "those in AS4_PATH are dropped",
      [[2, TRANS]],
      [
        [3, 64512],
        [2, 70000],
      ],
      [[2, 70000]],
    ],
    ["AS4_PATH of nothing else is ignored", [[2, TRANS]], [[3, 64512]], [[2, TRANS]]],
    ["an empty AS_PATH cannot be merged", [], [[2, 70000]], []],
  ];
  for (const [name, asPath, as4Path, merged] of rows) {
    const attributes = [
      ORIGIN_IGP,
      pathAttribute(0x40, 2, asPath, 2),
      NEXT_HOP,
      pathAttribute(0xc0, 17, as4Path, 4),
    ];
    t.strictSame(pathOf(setOf(attributes, OLD)?.asPath), merged, name);
  }
});

t.test("joined sequences keep to 255 AS numbers", async (t) => {
  const lead = Array.from({ length: 200 }, (_, i) => i + 1);
  const tail = Array.from({ length: 56 }, (_, i) => 70000 + i);
  const asPath = [
    [2, ...lead],
    [2, ...tail.map(() => 23456)],
  ];
  const long = (octets: number[]) => [octets[0] as number, octets[1] as number, ...octets.slice(3)];
  const widePath = pathAttribute(0x40, 2, asPath, 2);
  const value = long(widePath).slice(2);
  const attributes = [
    ORIGIN_IGP,
    [0x50, 2, ...u16(value.length), ...value],
    NEXT_HOP,
    pathAttribute(0xc0, 17, [[2, ...tail]], 4),
  ];
  t.strictSame(pathOf(setOf(attributes, OLD)?.asPath), [
    [2, ...lead],
    [2, ...tail],
  ]);
});

t.test("AGGREGATOR decides whether AS4 attributes count (RFC 6793 §4.2.3)", async (t) => {
  const base = [ORIGIN_IGP, pathAttribute(0x40, 2, [[2, 23456]], 2), NEXT_HOP];
  const as4 = [
    pathAttribute(0xc0, 17, [[2, 70000]], 4),
    attribute(0xc0, 18, [...u32(70000), 10, 0, 0, 2]),
  ];
  const aggregator = (asn: number) => attribute(0xc0, 7, [...u16(asn), 10, 0, 0, 1]);
  const current = setOf([...base, aggregator(23456), ...as4], OLD);
  t.strictSame(current?.aggregator, { asn: 70000, address: 0x0a000002 });
  t.strictSame(pathOf(current?.asPath), [[2, 70000]]);
  const outdated = setOf([...base, aggregator(5), ...as4], OLD);
  t.strictSame(outdated?.aggregator, { asn: 5, address: 0x0a000001 });
  t.strictSame(pathOf(outdated?.asPath), [[2, 23456]]);
  const alone = setOf([...base, ...as4], OLD);
  t.equal(alone?.aggregator, undefined, "AS4_AGGREGATOR alone says nothing");
  t.strictSame(pathOf(alone?.asPath), [[2, 70000]]);
});

function canonical(attributes: readonly number[][], context: WireContext = INTERNAL): string {
  const cursor = new UpdateCursor();
  const bytes = updateOctets({ attributes, nlri: NLRI });
  cursor.open(bytes, 0, bytes.length, context);
  cursor.nextAnnounced();
  return toHex(cursor.attributeSet(IPV4_UNICAST));
}

t.test("equal sets are equal octets, however the peer writes them", async (t) => {
  const med = attribute(0x80, 4, u32(7));
  const communities = attribute(0xc0, 8, u32(0x10001));
  const plain = canonical([...MANDATORY, med, communities]);
  t.equal(
    plain,
    "04c0000201" + "40010100" + "4002060201" + "0000fde9" + "80040400000007" + "c0080400010001",
  );
  t.equal(canonical([communities, NEXT_HOP, med, AS_PATH_65001, ORIGIN_IGP]), plain, "order");
  const extended = (octets: number[]) =>
    [octets[0] as number | 0x10, octets[1] as number, 0, ...octets.slice(2)].with(
      0,
      (octets[0] as number) | 0x10,
    );
  t.equal(
    canonical([...MANDATORY.map(extended), extended(med), extended(communities)]),
    plain,
    "length",
  );
  const low = [(med[0] as number) | 0x0f, ...med.slice(1)];
  t.equal(canonical([...MANDATORY, low, communities]), plain, "low flag bits mean nothing");
  const stray = [(med[0] as number) | 0x20, ...med.slice(1)];
  t.equal(
    canonical([...MANDATORY, stray, communities]),
    plain,
    "no partial bit on what is not transitive",
  );
  const old = [ORIGIN_IGP, pathAttribute(0x40, 2, [[2, 65001]], 2), NEXT_HOP, med, communities];
  t.equal(canonical(old, OLD), plain, "two-octet AS numbers");
});

t.test(
  "the extended length stands where a value has more than 255 octets, and only there",
  async (t) => {
    for (const octets of [254, 255, 256, 257, 600]) {
      const value = new Array(octets).fill(9);
      const written = [[0xf0, 200, ...u16(octets), ...value]];
      if (octets < 256) written.push([0xe0, 200, octets, ...value]);
      for (const unknown of written) {
        const bytes = canonical([...MANDATORY, unknown]);
        const header = octets > 255 ? [0xf0, 200, ...u16(octets)] : [0xe0, 200, octets];
        t.ok(bytes.endsWith(toHex(Uint8Array.from([...header, ...value]))), `${octets} octets`);
      }
    }
  },
);

t.test("unknown attributes: partial and passed on, or dropped (RFC 4271 §5)", async (t) => {
  const set = setOf(
    [
      ...MANDATORY,
      attribute(0xc0, 201, [1]),
      attribute(0xe7, 200, [2]),
      attribute(0x80, 199, [3]),
      attribute(0xe0, 8, u32(1)),
      attribute(0xc0, 25, new Array(20).fill(1)),
    ],
    EXTERNAL,
  );
  t.strictSame(set?.unknown, [
    { code: 25, flags: 0xc0, value: new Uint8Array(20).fill(1) },
    { code: 200, flags: 0xe0, value: Uint8Array.of(2) },
    { code: 201, flags: 0xe0, value: Uint8Array.of(1) },
  ]);
  t.strictSame(set?.partial, [8], "a partial bit that another speaker set stays");
});

t.test(
  "repeated large communities are removed, few or many, and the order stays (RFC 8092 §5)",
  async (t) => {
    for (const distinct of [2, 5, 9, 20]) {
      const one = (i: number) => [...u32(distinct - i), ...u32(i % 2), ...u32(7)];
      const first = Array.from({ length: distinct }, (_, i) => one(i));
      const octets = [...first, one(0), ...first.slice(1), one(distinct - 1)].flat();
      const set = setOf([...MANDATORY, [0xd0, 32, ...u16(octets.length), ...octets]], INTERNAL);
      const expected = first.map((_, i) => `${distinct - i}:${i % 2}:7`);
      t.strictSame(set?.largeCommunities, expected);
      const bytes = canonical([...MANDATORY, [0xd0, 32, ...u16(octets.length), ...octets]]);
      t.ok(bytes.endsWith(toHex(Uint8Array.from(first.flat()))), "in the octets of the set too");
    }
  },
);

t.test("each section of an UPDATE has its own next hop", async (t) => {
  const mapped = attribute(0x80, 14, [
    0,
    1,
    1,
    16,
    ...new Array(16).fill(0x20),
    0,
    24,
    198,
    51,
    100,
  ]);
  const bytes = updateOctets({ attributes: [mapped, ...MANDATORY], nlri: NLRI });
  const context = { ...INTERNAL, extendedNextHop: new Set([IPV4_UNICAST]) };
  const reading = readByCursor(bytes, context);
  if (reading.outcome === "error") throw new Error("a reset");
  t.strictSame(
    reading.announced.map(({ prefix }) => prefix),
    ["203.0.113.0/24", "198.51.100.0/24"],
  );
  const [first, second] = reading.sets.map(({ nextHop }) => nextHop);
  t.equal(first, "192.0.2.1");
  t.equal(second, "2020:2020:2020:2020:2020:2020:2020:2020");
});

t.test(
  "the same message through one cursor twice, and a clean one after a faulty one",
  async (t) => {
    const cursor = new UpdateCursor();
    const good = updateOctets({ attributes: [MP_REACH, ...MANDATORY], nlri: NLRI });
    const bad = updateOctets({ attributes: [attribute(0x40, 1, [9]), MP_REACH], nlri: NLRI });
    const read = (bytes: Uint8Array): unknown => {
      cursor.open(bytes, 0, bytes.length, INTERNAL);
      const prefixes: string[] = [];
      while (cursor.nextWithdrawn()) prefixes.push(`-${cursor.family}`);
      while (cursor.nextAnnounced())
        prefixes.push(`${cursor.family} ${cursor.word0}/${cursor.length}`);
      return { prefixes, severity: cursor.severity, faults: cursor.faults.length };
    };
    const first = read(good);
    t.match(read(bad), { severity: 2, faults: 3 });
    t.strictSame(read(good), first);
    t.equal(toHex(cursor.attributeSet(IPV6_UNICAST)).slice(0, 6), "102001");
  },
);

t.test("octets that are no whole set are a RangeError, not a wrong set", async (t) => {
  const bytes = Buffer.from(canonical([...MANDATORY, attribute(0xc0, 8, u32(1))]), "hex");
  const whole = new Uint8Array(bytes);
  t.ok(decodeAttributeSet(whole));
  for (let length = 0; length < whole.length - 7; length++) {
    t.throws(() => decodeAttributeSet(whole.slice(0, length)), RangeError, `${length} octets`);
  }
});
