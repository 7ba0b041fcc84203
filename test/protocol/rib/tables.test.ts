import t from "tap";
import {
  CHANGE_BEST,
  CHANGE_MULTIPATH,
  ChangeLog,
  LAPPED,
  NO_CHANGE,
} from "../../../protocol/rib/change-log.ts";
import { DEFAULT_DECISION } from "../../../protocol/rib/decision-config.ts";
import { HashIndex, home } from "../../../protocol/rib/hash-index.ts";
import { IdQueue } from "../../../protocol/rib/id-queue.ts";
import { PAGE_ROWS } from "../../../protocol/rib/page.ts";
import { PrefixTable } from "../../../protocol/rib/prefix-table.ts";
import { prefixFromWords, wordsOfPrefix } from "../../../protocol/rib/prefix-words.ts";
import { IPV4_UNICAST, IPV6_UNICAST } from "../../../protocol/types/family.ts";
import { IpAddress } from "../../../protocol/types/ip-address.ts";
import { Prefix } from "../../../protocol/types/prefix.ts";
import type { AttributeSet } from "../../../protocol/wire/attribute-set.ts";
import { pick, randomFrom, randomSet, World } from "./world.ts";

const SET: AttributeSet = { nextHop: IpAddress("10.9.0.1"), origin: "igp", asPath: [] };

function world(options: { readonly logCapacity?: number; readonly maxPaths?: number } = {}): World {
  const { logCapacity } = options;
  const it = new World(
    { ...DEFAULT_DECISION, maxPaths: options.maxPaths ?? 16 },
    logCapacity === undefined ? {} : { logCapacity },
  );
  for (const peer of [1, 2, 3]) it.setPeer(peer);
  for (const last of [1, 2, 3]) it.nextHop(`10.9.0.${last}`, { reachable: true, metric: 1 });
  return it;
}

t.test("a queue of ids gives them back in order, over many pages and when it runs empty", (t) => {
  const random = randomFrom(2);
  const queue = new IdQueue();
  let pushed = 0;
  let shifted = 0;
  let wrong = 0;
  for (let round = 0; round < 60; round++) {
    for (let i = Math.floor(random() * 2 * PAGE_ROWS); i > 0; i--) queue.push(++pushed);
    if (queue.length !== pushed - shifted) wrong++;
    // Every fifth round all of it; exactly a page's end is met on the way.
    const some = round % 5 === 4 ? queue.length : Math.floor(random() * queue.length);
    for (let i = some; i > 0; i--) {
      const next = ++shifted;
      if (queue.first() !== next || queue.shift() !== next) wrong++;
    }
  }
  t.equal(wrong, 0);
  t.ok(shifted > 20 * PAGE_ROWS, `${shifted} ids went through`);
  t.equal(queue.length, 0);
  t.end();
});

t.test("the hash index finds what is in it, through growth, collisions and removals", (t) => {
  const random = randomFrom(1);
  const index = new HashIndex();
  const entries = new Map<number, number>();
  for (let step = 0; step < 20_000; step++) {
    const id = 1 + Math.floor(random() * 3000);
    const hash = entries.get(id);
    if (hash !== undefined) {
      index.remove(hash, id);
      entries.delete(id);
    } else {
      // A quarter of all hashes collide in one shard, many of them wholly.
      const made = random() < 0.25 ? 0x0100_0000 | (id & 7) : (random() * 2 ** 32) | 0;
      index.add(made, id);
      entries.set(id, made);
    }
  }
  const found = (hash: number, id: number) => {
    const slots = index.shard(hash);
    const mask = slots.length - 1;
    for (let at = home(hash, mask); slots[at + 1] !== 0; at = (at + 2) & mask) {
      if (slots[at] === hash && slots[at + 1] === id) return true;
    }
    return false;
  };
  t.ok([...entries].every(([id, hash]) => found(hash, id)));
  for (const [id, hash] of entries) index.remove(hash, id);
  t.ok(![...entries].some(([id, hash]) => found(hash, id)));
  t.end();
});

t.test("prefixes keep their ids, their words and their state", (t) => {
  for (const [words, texts] of [
    [1, ["0.0.0.0/0", "10.0.0.0/8", "10.0.0.0/9", "255.255.255.255/32", "128.0.0.0/1"]],
    [4, ["::/0", "2001:db8::/32", "2001:db8::/33", "2001:db8::1/128", "8000::/1"]],
  ] as const) {
    const table = new PrefixTable(words);
    const ids = texts.map((text) => {
      const it = wordsOfPrefix(Prefix(text));
      const id = table.insert(it.words, it.length);
      t.equal(table.insert(it.words, it.length), id, "inserting twice is finding");
      return id;
    });
    t.equal(new Set(ids).size, texts.length);
    const out = new Uint32Array(words);
    for (const [i, id] of ids.entries()) {
      table.read(id, out);
      t.equal(prefixFromWords(out, table.length(id)), texts[i] as string);
    }
    const gone = wordsOfPrefix(Prefix(texts[1]));
    table.remove(ids[1] as number);
    t.equal(table.find(gone.words, gone.length), 0);
    t.equal(table.count(), texts.length - 1);
    const again = wordsOfPrefix(Prefix(words === 1 ? "192.0.2.0/24" : "fd00::/8"));
    t.equal(table.insert(again.words, again.length), ids[1] as number, "a free id is used again");
  }
  t.end();
});

t.test("a cursor reads what it asked for, and learns that it was lapped", (t) => {
  const log = new ChangeLog(4);
  const best = log.subscribe(CHANGE_BEST);
  const multipath = log.subscribe(CHANGE_MULTIPATH);
  log.append(7, CHANGE_BEST);
  log.append(8, CHANGE_MULTIPATH);
  t.same([best.next(), best.next()], [7, NO_CHANGE]);
  t.same([multipath.next(), multipath.next()], [8, NO_CHANGE]);
  t.equal(log.oldestPinned(), 2);
  best.pin(1);
  t.equal(log.oldestPinned(), 1, "a pin keeps ids that were read");
  best.pin(undefined);
  for (let id = 1; id <= 5; id++) log.append(id, CHANGE_BEST);
  t.equal(best.next(), LAPPED);
  t.equal(log.oldestPinned(), log.head(), "lapped readers hold nothing");
  best.skipToHead();
  t.equal(best.next(), NO_CHANGE);
  t.throws(() => new ChangeLog(6), RangeError);
  t.end();
});

t.test(
  "ids of attribute sets go when the last holder lets go, and facts are those of the value",
  (t) => {
    const it = world();
    const table = it.rib.attributeSets;
    const random = randomFrom(9);
    for (let i = 0; i < 300; i++) {
      const set = randomSet(random, [IpAddress("10.9.0.1"), IpAddress("fd00::1")]);
      const id = it.intern(set);
      t.same(it.set(id), set);
      t.equal(table.localPref(id), set.localPref ?? 100);
      t.equal(table.med(id), set.med ?? 0);
      t.equal(table.clusterListLength(id), set.clusterList?.length ?? 0);
      t.equal(table.originatorId(id), set.originatorId ?? 0);
      const [segment] = set.asPath;
      const length = segment === undefined ? 0 : segment.type === "set" ? 1 : segment.asns.length;
      t.equal(table.asPathLength(id), length);
      t.equal(table.neighborAsn(id), segment?.type === "sequence" ? segment.asns[0] : 0);
    }
    const kept = it.intern(SET);
    table.retain(kept);
    table.collect(10_000);
    t.equal(table.count(), 1);
    t.same(it.set(kept), SET);
    table.release(kept);
    table.collect(10_000);
    t.equal(table.count(), 0);
    t.throws(() => table.release(kept), "released too often");
    t.end();
  },
);

t.test("a prefix id is not used again under a stalled reader or a holder", (t) => {
  const it = world();
  const stalled = it.family.changeLog.subscribe(CHANGE_BEST);
  let held = true;
  const holder = { holdsPrefix: () => held };
  it.family.locRib.addHolder(holder);
  it.announce(1, "10.1.0.0/16", SET);
  it.settle();
  it.withdraw(1, "10.1.0.0/16");
  it.settle();
  const id = stalled.next();
  it.announce(1, "10.2.0.0/16", SET);
  it.settle();
  t.equal(it.family.locRib.prefix(id), "10.1.0.0/16", "still the prefix of the entry");
  while (stalled.next() > 0);
  it.rib.work(10);
  it.rib.work(10);
  t.equal(it.family.locRib.prefix(id), "10.1.0.0/16", "the holder holds it");
  held = false;
  it.rib.work(10);
  it.rib.work(10);
  t.notOk(it.family.locRib.isUsed(id), "free at last");
  it.announce(1, "10.3.0.0/16", SET);
  it.settle();
  t.equal(it.family.locRib.prefix(id), "10.3.0.0/16", "and used again");
  t.end();
});

t.test("a thousand stale marks do not bring back an old epoch", (t) => {
  const it = world();
  it.announce(1, "10.1.0.0/16", SET);
  it.announce(1, "10.2.0.0/16", SET);
  it.settle();
  it.family.markStale(1);
  t.ok(it.family.hasStale(1));
  for (let i = 0; i < 1000; i++) {
    it.announce(1, "10.1.0.0/16", SET);
    it.family.markStale(1);
  }
  it.announce(1, "10.1.0.0/16", SET);
  it.settle();
  t.same(it.family.page(0, 10).prefixes, ["10.1.0.0/16"]);
  t.end();
});

t.test(
  "routes over a next hop are decided again when it changes, and only tracked while used",
  (t) => {
    const it = world();
    it.rib.takeTrackedNextHops();
    it.announce(1, "10.1.0.0/16", SET);
    it.announce(2, "10.2.0.0/16", { ...SET, nextHop: IpAddress("10.9.0.2") });
    it.announce(0, "10.3.0.0/16", { ...SET, nextHop: undefined });
    it.settle();
    t.same(it.rib.takeTrackedNextHops(), ["10.9.0.1", "10.9.0.2"]);
    t.equal(it.rib.takeTrackedNextHops(), undefined);
    const cursor = it.family.changeLog.subscribe(CHANGE_BEST);
    it.nextHop("10.9.0.1", { reachable: false, metric: 0 });
    it.settle();
    t.equal(it.family.locRib.prefix(cursor.next()), "10.1.0.0/16");
    t.equal(cursor.next(), NO_CHANGE, "no other prefix was touched");
    t.same(it.family.counts(1), { received: 1, accepted: 1, best: 0 });
    it.withdraw(1, "10.1.0.0/16");
    t.same(it.rib.takeTrackedNextHops(), ["10.9.0.2"]);
    t.end();
  },
);

t.test("no route is selected while selection is deferred (RFC 4724 §4.1)", (t) => {
  const it = world();
  it.family.deferSelection(true);
  it.announce(1, "10.1.0.0/16", SET);
  it.settle();
  t.equal(it.family.counts(1).best, 0);
  it.family.deferSelection(false);
  t.ok(it.family.hasUndecided());
  it.settle();
  t.equal(it.family.counts(1).best, 1);
  t.end();
});

t.test("the reader of best routes leads its kernel to the model's table", (t) => {
  for (let seed = 1; seed <= 30; seed++) {
    const random = randomFrom(seed);
    const it = world({ logCapacity: 16, maxPaths: seed % 2 === 0 ? 16 : 1 });
    const reader = it.family.bestRoutes();
    const sets = new Map<number, readonly string[]>();
    let kernel = new Map<string, readonly string[]>();
    let generation = 0;
    const read = () => {
      for (let batch = reader.read(3); batch !== undefined; batch = reader.read(3)) {
        if (batch.generation !== generation) {
          generation = batch.generation;
          kernel = new Map();
          sets.clear();
        }
        for (const set of batch.newNextHopSets) sets.set(set.id, set.nextHops);
        for (let i = 0; i < batch.count; i++) {
          const words = batch.addresses.slice(i, i + 1);
          const prefix = prefixFromWords(words, batch.lengths[i] as number);
          const set = batch.nextHopSets[i] as number;
          if (set === 0) kernel.delete(prefix);
          else kernel.set(prefix, sets.get(set) as readonly string[]);
        }
      }
    };
    for (let step = 0; step < 120; step++) {
      const prefix = `10.${Math.floor(random() * 12)}.0.0/16`;
      const peer = pick(random, [1, 2, 3]);
      const nextHops = [1, 2, 3].map((last) => IpAddress(`10.9.0.${last}`));
      if (random() < 0.6) it.announce(peer, prefix, { ...SET, nextHop: pick(random, nextHops) });
      else if (random() < 0.2) it.announce(0, prefix, { ...SET, nextHop: undefined });
      else it.withdraw(random() < 0.2 ? 0 : peer, prefix);
      if (random() < 0.3) it.settle();
      if (random() < 0.15) read();
      if (random() < 0.02) reader.restart();
    }
    it.settle();
    read();
    const expected = it.model.prefixes().flatMap((prefix) => {
      const best = it.model.best(prefix);
      if (best === undefined || best.peer === 0) return [];
      const paths = it.model.multipath(prefix);
      const hops = (paths.length === 0 ? [best] : paths).map((r) => r.accepted?.nextHop as string);
      return [[prefix, [...new Set(hops)].sort()] as const];
    });
    t.same([...kernel].sort(), expected.toSorted(), `seed ${seed}`);
  }
  t.end();
});

t.test("a page holds what its prefix covers, and every prefix comes once", (t) => {
  for (const family of [IPV4_UNICAST, IPV6_UNICAST]) {
    const it = new World(DEFAULT_DECISION, { family });
    it.setPeer(1);
    const all = Array.from({ length: 40 }, (_, i) =>
      Prefix(family === IPV4_UNICAST ? `10.${i % 4}.${i}.0/24` : `fd00:${i % 4}:${i + 1}::/48`),
    );
    const nextHop = family === IPV4_UNICAST ? SET.nextHop : IpAddress("fd00::1");
    for (const prefix of all) it.announce(1, prefix, { ...SET, nextHop });
    const seen: string[] = [];
    let after: number | undefined = 0;
    while (after !== undefined) {
      const page = it.family.page(after, 7);
      seen.push(...page.prefixes);
      after = page.next;
    }
    t.same(seen.toSorted(), all.toSorted());
    const cover = Prefix(family === IPV4_UNICAST ? "10.2.0.0/16" : "fd00:2::/32");
    t.equal(it.family.page(0, 100, cover).prefixes.length, 10);
    const host = IpAddress(family === IPV4_UNICAST ? "10.1.5.9" : "fd00:1:6::9");
    t.equal(it.family.longestMatch(host), all[5] as string);
  }
  t.end();
});
