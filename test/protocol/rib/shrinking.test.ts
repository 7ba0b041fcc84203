import fc from "fast-check";
import t from "tap";
import {
  CHANGE_BEST,
  type ChangeCursor,
  ChangeLog,
  LAPPED,
  NO_CHANGE,
} from "../../../protocol/rib/change-log.ts";
import { DEFAULT_DECISION } from "../../../protocol/rib/decision-config.ts";
import { HashIndex } from "../../../protocol/rib/hash-index.ts";
import { PAGE_BITS, PAGE_MASK, PAGE_ROWS } from "../../../protocol/rib/page.ts";
import { Rib } from "../../../protocol/rib/rib.ts";
import { totalOctets } from "../../../protocol/rib/rib-memory.ts";
import { RowAllocator, VACANT_PAGE } from "../../../protocol/rib/row-allocator.ts";
import { type Family, IPV4_UNICAST, IPV6_UNICAST } from "../../../protocol/types/family.ts";
import { IpAddress } from "../../../protocol/types/ip-address.ts";
import {
  type AttributeSet,
  decodeAttributeSet,
  encodeAttributeSet,
} from "../../../protocol/wire/attribute-set.ts";
import { randomFrom } from "./world.ts";

const SLAB_PAGE = 1 << 18;
const NEXT_HOP = IpAddress("10.9.0.1");

/** A set whose octets differ by number, and are about so many. */
function setOf(number: number, length: number): AttributeSet {
  const value = new Uint8Array(length).fill(number & 255);
  new DataView(value.buffer).setUint32(0, number);
  return {
    nextHop: NEXT_HOP,
    origin: "igp",
    asPath: [],
    med: number,
    unknown: [{ code: 200, flags: 0xe0, value }],
  };
}

t.test("rows keep their ids while pages come and go, and the low ones are used first", (t) => {
  const act = fc.oneof(
    fc.record({ type: fc.constant("take" as const), count: fc.integer({ min: 1, max: 9000 }) }),
    fc.record({ type: fc.constant("freeSome" as const), seed: fc.nat(), of: fc.nat(16) }),
    fc.record({ type: fc.constant("freePage" as const), seed: fc.nat() }),
  );
  fc.assert(
    fc.property(fc.array(act, { maxLength: 12 }), (acts) => {
      const wide = { pages: [] as Int32Array[], stride: 4 };
      const narrow = { pages: [] as Int32Array[], stride: 3 };
      const rows = new RowAllocator([wide, narrow]);
      const used = new Map<number, number>();
      const free = (id: number) => {
        used.delete(id);
        word(wide, id, 1, 0);
        rows.free(id);
      };
      let stamp = 0;
      for (const it of acts) {
        if (it.type === "take") {
          for (let i = 0; i < it.count; i++) {
            const id = rows.allocate();
            if (id === 0 || used.has(id)) return false;
            used.set(id, ++stamp);
            word(wide, id, 1, stamp);
            word(narrow, id, 2, -stamp);
          }
        } else if (it.type === "freeSome") {
          for (const id of used.keys()) if (Math.imul(id, it.seed | 1) >>> 28 < it.of) free(id);
        } else {
          const page = it.seed % (1 + (rows.end >>> PAGE_BITS));
          for (const id of used.keys()) if (id >>> PAGE_BITS === page) free(id);
        }
        // Exactly the pages with a used row are there, and one that was given up may be kept.
        const pages = new Set([...used.keys()].map((id) => id >>> PAGE_BITS)).size;
        const kept = rows.byteLength() / (4 * 7 * PAGE_ROWS) - pages;
        if (kept !== 0 && kept !== 1) return false;
        if (rows.count !== used.size || rows.end <= Math.max(0, ...used.keys())) return false;
        for (let id = 1; id < rows.end; id++) {
          if (word(wide, id, 1) !== (used.get(id) ?? 0)) return false;
        }
        for (const [id, value] of used) if (word(narrow, id, 2) !== -value) return false;
      }
      return VACANT_PAGE.every((value) => value === 0);
    }),
    { numRuns: 20 },
  );
  t.end();
});

type Words = { readonly pages: Int32Array[]; readonly stride: number };

/** Reads a word of a row, or writes it. */
function word({ pages, stride }: Words, id: number, number: number, value?: number): number {
  const page = pages[id >>> PAGE_BITS] as Int32Array;
  const at = (id & PAGE_MASK) * stride + number;
  if (value !== undefined) page[at] = value;
  return page[at] as number;
}

t.test("a table of rows that lost its upper pages ends lower, and fills its holes first", (t) => {
  const pages: Int32Array[] = [];
  const rows = new RowAllocator([{ pages, stride: 2 }]);
  const ids = Array.from({ length: 3 * PAGE_ROWS }, () => rows.allocate());
  t.equal(rows.end, 3 * PAGE_ROWS + 1);
  for (const id of ids) if (id >= PAGE_ROWS) rows.free(id);
  t.equal(rows.end, PAGE_ROWS, "as after the first page alone");
  rows.free(17);
  t.equal(rows.allocate(), 17);
  t.equal(rows.allocate(), PAGE_ROWS);
  t.end();
});

t.test("the hash index halves its shards as it empties, and ends as it began", (t) => {
  const index = new HashIndex();
  const empty = index.byteLength();
  const hashOf = (id: number) => Math.imul(id, 0x9e3779b1) | 0;
  const most = 100_000;
  for (let id = 1; id <= most; id++) index.add(hashOf(id), id);
  const full = index.byteLength();
  t.ok(full >= 8 * most, "two words an entry");
  let worst = 0;
  for (let id = 1; id <= most; id++) {
    index.remove(hashOf(id), id);
    const left = most - id;
    if (left > 10_000) worst = Math.max(worst, index.byteLength() / (8 * left));
  }
  // Never emptier than an eighth, and a shard may have a few more or fewer than the others.
  t.ok(worst < 9, `${worst} slots an entry`);
  t.equal(index.byteLength(), empty);
  t.end();
});

t.test("a change log is small again when all have read it", (t) => {
  const log = new ChangeLog();
  const small = log.byteLength();
  const reader = log.subscribe(CHANGE_BEST);
  for (let id = 1; id <= 20_000; id++) log.append(id, CHANGE_BEST);
  log.shrink();
  t.ok(log.byteLength() > small, "there is something to read");
  for (let id = 1; id <= 20_000; id++) if (reader.next() !== id) t.fail(`${id} was lost`);
  t.ok(log.isOversized());
  log.shrink();
  t.equal(log.byteLength(), small);
  log.append(7, CHANGE_BEST);
  t.equal(reader.next(), 7);
  t.end();
});

const MOST_BEHIND = 1 << 14;

/** A reader of a log whose entries are numbered; it finds out what it misses. */
class NumberReader {
  readonly #cursor: ChangeCursor;
  #last = 0;
  lapped = 0;

  constructor(log: ChangeLog) {
    this.#cursor = log.subscribe(CHANGE_BEST);
  }

  /** Reads up to `limit` entries of a log whose last one is `head`; what is wrong, as a sentence. */
  read(limit: number, head: number): string | undefined {
    for (let i = 0; i < limit; i++) {
      const next = this.#cursor.next();
      if (next === NO_CHANGE)
        return this.#last === head ? undefined : `nothing after ${this.#last}`;
      if (next === LAPPED) {
        if (head - this.#last <= MOST_BEHIND) return `lapped ${head - this.#last} behind`;
        this.lapped++;
        this.#cursor.skipToHead();
        this.#last = head;
      } else if (next !== ++this.#last) return `${next} in place of ${this.#last}`;
    }
    return undefined;
  }
}

t.test(
  "whatever the size of a change log, a reader misses nothing or hears that it was lapped",
  (t) => {
    let lapped = 0;
    let shrunk = 0;
    for (let seed = 1; seed <= 40; seed++) {
      const random = randomFrom(seed);
      const log = new ChangeLog(MOST_BEHIND);
      const readers = [1, 2, 3].map(() => new NumberReader(log));
      for (let step = 0, head = 0; step < 60; step++) {
        for (let i = Math.floor(random() * 9000); i > 0; i--) log.append(++head, CHANGE_BEST);
        for (const reader of readers) {
          const wrong = reader.read(random() < 0.2 ? head : Math.floor(random() * 8000), head);
          if (wrong !== undefined) throw new Error(`seed ${seed}, step ${step}: ${wrong}`);
        }
        if (log.isOversized()) shrunk++;
        log.shrink();
      }
      for (const reader of readers) lapped += reader.lapped;
    }
    t.ok(lapped > 10, `${lapped} times lapped`);
    t.ok(shrunk > 10, `${shrunk} times made small`);
    t.end();
  },
);

/** Most of what comes goes again. */
const MANY_LEAVE: ["come" | "go" | "collect", number][] = [
  ["come", 60],
  ["come", 60],
  ["come", 60],
  ["come", 60],
  ["go", 12],
  ["collect", 300],
  ["collect", 300],
  ["collect", 300],
  ["come", 60],
  ["collect", 300],
];

t.test("octets of attribute sets survive that they are moved; holes never outweigh them", (t) => {
  const act = fc.oneof(
    {
      weight: 4,
      arbitrary: fc.tuple(fc.constant("come" as const), fc.integer({ min: 1, max: 60 })),
    },
    { weight: 3, arbitrary: fc.tuple(fc.constant("go" as const), fc.nat(15)) },
    { weight: 4, arbitrary: fc.tuple(fc.constant("collect" as const), fc.nat(80)) },
  );
  let moves = 0;
  fc.assert(
    fc.property(fc.array(act, { minLength: 10, maxLength: 60 }), fc.nat(), (acts, seed) => {
      const { attributeSets: table } = new Rib(DEFAULT_DECISION);
      const held = new Map<number, number>();
      let number = 0;
      const octetsOf = (of: number) => encodeAttributeSet(setOf(of, 100 + (of % 7) * 1500));
      const intact = () =>
        [...held].every(([id, of]) => Buffer.compare(table.octets(id), octetsOf(of)) === 0);
      const live = () => [...held.keys()].reduce((sum, id) => sum + table.octets(id).length, 0);
      for (const [type, count] of acts) {
        if (type === "come") {
          for (let i = 0; i < count; i++) {
            const octets = octetsOf(++number);
            const id = table.intern(octets, 0, octets.length);
            if (held.has(id)) return false;
            held.set(id, number);
            table.retain(id);
          }
        } else if (type === "go") {
          for (const [id, of] of held) {
            if (Math.imul(of + seed, 0x9e3779b1) >>> 28 >= count) continue;
            table.release(id);
            held.delete(id);
          }
        } else {
          const before = [...held.keys()].map((id) => table.start(id)).join();
          table.collect(count);
          if (before !== [...held.keys()].map((id) => table.start(id)).join()) moves++;
        }
        if (!intact()) return false;
      }
      while (table.hasGarbage()) table.collect(5);
      if (!intact() || table.count() !== held.size) return false;
      return table.slabByteLength() <= 1.5 * live() + 3 * SLAB_PAGE;
    }),
    { numRuns: 12, examples: [[MANY_LEAVE, 1]] },
  );
  t.ok(moves > 0, "the histories made octets move");
  t.end();
});

/** A RIB with two peers, which are fed by number of a route. */
function feeder(family: Family) {
  const rib = new Rib(DEFAULT_DECISION);
  for (const peer of [1, 2]) {
    const address = IpAddress(`10.0.0.${peer}`);
    rib.setPeer(peer, { type: "ibgp", routeReflectorClient: true, routerId: peer, address });
  }
  const table = rib.family(family);
  const wide = family === IPV6_UNICAST;
  const words = new Uint32Array(wide ? 4 : 1);
  const announce = (peer: number, route: number, number: number) => {
    words[0] = wide ? 0x2001_0db8 : route << 8;
    if (wide) words[1] = route;
    const octets = encodeAttributeSet(setOf(number, 40));
    const set = rib.attributeSets.intern(octets, 0, octets.length);
    table.announce(peer, words, wide ? 64 : 24, 0, set, set);
  };
  const settle = () => {
    while (rib.work(512) || rib.hasGarbage());
  };
  return { rib, table, announce, settle };
}

for (const family of [IPV4_UNICAST, IPV6_UNICAST]) {
  const words = family === IPV4_UNICAST ? 4 : 7;
  t.test(
    `a table of ${words === 4 ? "IPv4" : "IPv6"} that came and went leaves a page each`,
    (t) => {
      const { rib, table, announce, settle } = feeder(family);
      const start = rib.memory();
      const routes = 30_000;
      for (let round = 0; round < 2; round++) {
        for (let i = 1; i <= routes; i++) announce(1, i, i >> 2);
        settle();
        const full = rib.memory();
        t.ok(full.routes >= 24 * routes && full.prefixes >= 4 * words * routes, "all are there");
        table.removePeer(1);
        settle();
        t.same(rib.memory(), {
          prefixes: 4 * words * PAGE_ROWS,
          prefixIndex: start.prefixIndex,
          routes: 24 * PAGE_ROWS,
          changeLog: start.changeLog,
          attributeSets: start.attributeSets + 48 * PAGE_ROWS,
          attributes: SLAB_PAGE,
        });
        t.ok(totalOctets(rib.memory()) < totalOctets(full) / 3);
      }
      t.end();
    },
  );
}

t.test("of two peers with one table, the one that leaves takes its rows along", (t) => {
  const { rib, table, announce, settle } = feeder(IPV4_UNICAST);
  const routes = 20_000;
  for (const peer of [1, 2]) {
    for (let i = 1; i <= routes; i++) announce(peer, i, peer * routes + i);
    settle();
  }
  const both = rib.memory();
  table.removePeer(1);
  settle();
  const one = rib.memory();
  const pages = Math.ceil(routes / PAGE_ROWS);
  // Rows of the two stand on one page at the seam, and one empty page is kept.
  t.ok(one.routes <= 24 * PAGE_ROWS * (pages + 2), `${one.routes} octets of routes`);
  t.ok(one.attributeSets <= both.attributeSets - 48 * PAGE_ROWS * (pages - 2));
  t.ok(one.attributes <= both.attributes / 2 + 2 * SLAB_PAGE, `${one.attributes} octets`);
  t.equal(one.prefixes, both.prefixes);
  t.same(table.counts(2), { received: routes, accepted: routes, best: 0 });
  const [view] = table.explain(table.page(0, 1).prefixes[0] as never);
  t.equal(
    decodeAttributeSet(rib.attributeSets.octets(view?.receivedSet as number)).med,
    2 * routes + 1,
  );
  t.end();
});

t.test("a hundred thousand changes of attributes leave no more behind than the first ones", (t) => {
  const { rib, announce, settle } = feeder(IPV4_UNICAST);
  const routes = 5_000;
  const sizes: number[] = [];
  for (let round = 0; round < 20; round++) {
    for (let i = 1; i <= routes; i++) announce(1, i, round * routes + i);
    settle();
    sizes.push(totalOctets(rib.memory()));
  }
  const early = Math.max(...sizes.slice(0, 4));
  t.ok(Math.max(...sizes) <= early + 2 * SLAB_PAGE, sizes.join(" "));
  t.end();
});

t.test("a pass over the routes ends though the table has shrunk below where it began", (t) => {
  const { rib, table, announce, settle } = feeder(IPV4_UNICAST);
  for (let i = 1; i <= 3 * PAGE_ROWS; i++) announce(1, i, 1);
  for (let i = 1; i <= 100; i++) announce(2, 100_000 + i, 2);
  settle();
  table.removePeer(1);
  // The pass is high up in the table when peer 2 asks for another round.
  for (let i = 0; i < 25; i++) rib.work(512);
  table.removePeer(2);
  let slices = 0;
  while ((rib.work(512) || rib.hasGarbage()) && slices < 10_000) slices++;
  t.ok(slices < 10_000);
  t.equal(table.routeCount(), 0);
  t.end();
});
