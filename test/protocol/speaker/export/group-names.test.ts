/*
 * What members of a group still have to hear names its prefixes by their ids, and an id is given to another prefix when its
 * own is dead. So for each place where such names wait (runs on the stream, marks of one who catches up, the table of a
 * group that one has left) there is a test in which the id is wanted for another prefix meanwhile. And what moves from one
 * group to another may go on as it was only where both tables are the same.
 */
import t from "tap";
import type { Policy } from "../../../../protocol/policy/policy.ts";
import { CatchUp } from "../../../../protocol/speaker/export/catch-up.ts";
import type { ExportProfile } from "../../../../protocol/speaker/export/export-profile.ts";
import { FormerHoldings } from "../../../../protocol/speaker/export/former-holdings.ts";
import { SentTable } from "../../../../protocol/speaker/export/sent-table.ts";
import { UpdateGroup } from "../../../../protocol/speaker/export/update-group.ts";
import { UpdateGroups } from "../../../../protocol/speaker/export/update-groups.ts";
import { IpAddress } from "../../../../protocol/types/ip-address.ts";
import { Prefix } from "../../../../protocol/types/prefix.ts";
import { World } from "../../rib/world.ts";
import { CLIENT, NON_CLIENT, NOW, SET } from "./export-bench.ts";
import { Receiver } from "./receiver.ts";

const NEXT_HOP = IpAddress("10.9.0.1");
const ROUTE = { ...SET, nextHop: NEXT_HOP, localPref: 100 };
/** What dies, what may get its id, and what only makes news. */
const [DEAD, NEW, OTHER] = [Prefix("10.1.0.0/16"), Prefix("10.2.0.0/16"), Prefix("10.3.0.0/16")];
/** The peers that routes come from, and two that hear of them; the first always reads. */
const [SOURCE, SILENT, READER, SLOW] = [2, 3, 8, 9];

const TAGGED: Policy = {
  name: "tagged",
  rules: [{ name: "all", match: {}, action: "accept", operations: [{ type: "setMed", med: 77 }] }],
  otherwise: "accept",
};
const WITHOUT_DEAD: Policy = {
  name: "without",
  rules: [{ name: "dead", match: { prefix: { cidr: DEAD, operator: "equal" } }, action: "reject" }],
  otherwise: "accept",
};

class Scene {
  readonly world = new World();
  readonly groups: UpdateGroups;
  readonly receivers = new Map<number, Receiver>();

  constructor({ maxLagOctets = 1 << 20 } = {}) {
    for (const peer of [SOURCE, SILENT, READER, SLOW]) {
      this.world.setPeer(peer, { type: peer === SOURCE ? "ebgp" : "ibgp" });
    }
    this.world.nextHop(NEXT_HOP, { reachable: true, metric: 1 });
    this.groups = new UpdateGroups(this.world.rib, { maxLagOctets });
  }

  join(peer: number, profile: ExportProfile = CLIENT): void {
    this.receivers.set(peer, new Receiver(profile.wireContext));
    this.groups.join({ peerIndex: peer, family: this.world.family.family }, profile);
  }

  move(peer: number, exportPolicy: Policy): void {
    const key = { peerIndex: peer, family: this.world.family.family };
    this.groups.regroup(key, { ...CLIENT, exportPolicy });
  }

  announce(prefix: Prefix, set: object = {}, from = SOURCE): void {
    this.world.announce(from, prefix, { ...ROUTE, ...set });
    this.world.settle();
  }

  withdraw(prefix: Prefix): void {
    this.world.withdraw(SOURCE, prefix, 0);
    this.world.settle();
  }

  /** All that the peer is to hear now. */
  pull(peer: number): readonly Uint8Array[] {
    const buffers: Uint8Array[] = [];
    while (this.groups.hasOutput(peer, NOW)) {
      const octets = this.groups.pull(peer, 1 << 16, NOW);
      buffers.push(...octets);
      this.receivers.get(peer)?.receive(octets);
    }
    return buffers;
  }

  /** Ids that can be freed are freed, and the next prefix may have one of them. */
  bury(): void {
    for (let i = 0; i < 5 || this.world.rib.hasGarbage(); i++) this.world.rib.work(1000);
  }

  held(peer: number): readonly string[] {
    const routes = [...(this.receivers.get(peer)?.routes.values() ?? [])];
    return routes.map(({ prefix, set }) => `${prefix} ${set.med ?? "-"}`).sort();
  }
}

/** Both peers have heard of the prefix that dies. */
function scene(options: { readonly maxLagOctets?: number } = {}): Scene {
  const it = new Scene(options);
  for (const peer of [READER, SLOW]) it.join(peer);
  it.announce(DEAD);
  for (const peer of [READER, SLOW]) it.pull(peer);
  return it;
}

t.test("an id that nobody names is given to the next prefix", (t) => {
  const it = scene();
  it.withdraw(DEAD);
  for (const peer of [READER, SLOW]) it.pull(peer);
  t.equal(it.world.family.prefixCount(), 1, "its withdrawal is still on the stream");
  it.announce(OTHER, {}, SOURCE);
  it.pull(READER);
  it.bury();
  t.equal(it.world.family.prefixCount(), 1, "all have read it");
  t.end();
});

t.test("news of which nobody is told let go of what all have read", (t) => {
  const it = new Scene();
  it.join(READER, NON_CLIENT);
  it.announce(DEAD);
  it.pull(READER);
  it.withdraw(DEAD);
  it.pull(READER);
  it.announce(OTHER, {}, SILENT);
  it.pull(READER);
  it.bury();
  t.same(it.held(READER), [], "from one non-client to another nothing is told");
  t.equal(it.world.family.prefixCount(), 1);
  t.end();
});

t.test("a run that waits on the stream keeps its ids", (t) => {
  const it = scene({ maxLagOctets: 0 });
  it.withdraw(DEAD);
  it.pull(READER);
  it.bury();
  it.announce(NEW);
  // The slow one lags too far: what it missed is looked up by the ids of the run.
  it.pull(READER);
  it.pull(SLOW);
  t.same(it.held(SLOW), [`${NEW} -`]);
  t.end();
});

t.test("marks of one who catches up keep their ids", (t) => {
  const it = scene({ maxLagOctets: 0 });
  it.withdraw(DEAD);
  it.pull(READER);
  it.announce(OTHER);
  it.pull(READER);
  it.announce(OTHER, { med: 1 });
  it.pull(READER);
  it.bury();
  it.announce(NEW);
  it.pull(READER);
  it.pull(SLOW);
  t.same(it.held(SLOW), [`${NEW} -`, `${OTHER} 1`]);
  t.end();
});

t.test("who left a group keeps the ids of what it holds from there", (t) => {
  const it = scene();
  it.move(READER, WITHOUT_DEAD);
  it.pull(READER);
  it.move(SLOW, WITHOUT_DEAD);
  it.withdraw(DEAD);
  it.pull(READER);
  it.bury();
  it.announce(NEW);
  it.pull(READER);
  it.pull(SLOW);
  t.same(it.held(SLOW), [`${NEW} -`]);
  t.same(it.receivers.get(SLOW)?.needless, []);
  t.end();
});

t.test("who left a group keeps the ids of what it had missed there", (t) => {
  const it = scene();
  it.move(READER, WITHOUT_DEAD);
  it.pull(READER);
  it.join(SOURCE);
  it.withdraw(DEAD);
  // Another member reads the withdrawal of the old group on; its run is missed by the slow one.
  it.pull(SOURCE);
  it.move(SLOW, WITHOUT_DEAD);
  it.groups.leave({ peerIndex: SOURCE, family: it.world.family.family });
  it.pull(READER);
  it.bury();
  it.announce(NEW);
  it.pull(READER);
  it.pull(SLOW);
  t.same(it.held(SLOW), [`${NEW} -`]);
  t.end();
});

t.test("a group that nobody is left in is asked no more", (t) => {
  const it = scene();
  it.withdraw(DEAD);
  for (const peerIndex of [READER, SLOW]) {
    it.groups.leave({ peerIndex, family: it.world.family.family });
  }
  const asked = t.capture(UpdateGroup.prototype, "holdsPrefix");
  it.bury();
  t.equal(it.world.family.prefixCount(), 0);
  t.same(asked(), []);
  t.end();
});

t.test("a group that changes its policy as a whole encodes the difference once for all", (t) => {
  const it = scene();
  for (const peer of [READER, SLOW]) it.move(peer, TAGGED);
  const first = it.pull(READER);
  const second = it.pull(SLOW);
  t.equal(first.length, 1);
  t.equal(second.length, 1);
  t.equal(second[0]?.buffer, first[0]?.buffer);
  t.equal(second[0]?.byteOffset, first[0]?.byteOffset, "the very octets");
  t.same(it.held(SLOW), [`${DEAD} 77`]);
  t.end();
});

t.test("of a group that changes its policy, one has still to read what another has read", (t) => {
  const it = scene();
  it.announce(OTHER, { med: 77 });
  it.pull(READER);
  for (const peer of [SLOW, READER]) it.move(peer, TAGGED);
  for (const peer of [READER, SLOW]) it.pull(peer);
  // The new policy changes nothing of this route, so the new group has nothing to say of it.
  t.same(it.held(SLOW), [`${DEAD} 77`, `${OTHER} 77`]);
  t.same(it.held(READER), it.held(SLOW));
  t.end();
});

t.test("a group that went on after another took its table over is no twin of it any more", (t) => {
  const it = scene();
  it.announce(OTHER, { med: 77 });
  for (const peer of [READER, SLOW]) it.pull(peer);
  it.move(READER, TAGGED);
  it.announce(OTHER, { med: 1 });
  it.pull(SLOW);
  t.same(it.held(SLOW), [`${DEAD} -`, `${OTHER} 1`]);
  it.move(SLOW, TAGGED);
  for (const peer of [READER, SLOW]) it.pull(peer);
  // The new group says what was said before the other went on; only who went on with that has to hear it.
  t.same(it.held(SLOW), [`${DEAD} 77`, `${OTHER} 77`]);
  t.same(it.held(READER), it.held(SLOW));
  t.end();
});

t.test("who moves again and again is looked up in few tables", (t) => {
  for (const addPath of [false, true]) {
    const sent = new SentTable(new World().rib.attributeSets, { addPath });
    let former = FormerHoldings.of(sent, 1, new CatchUp("missed", SLOW));
    const again = FormerHoldings.of(sent, 1, new CatchUp(former, SLOW));
    t.equal(again, former, "nothing was compared: it holds what it held");
    const moves: number[] = [];
    for (let i = 0; i < 6; i++) {
      const before = new CatchUp(former, SLOW);
      before.take(1, sent, 1000, () => {});
      former = FormerHoldings.of(sent, 1000, before);
      moves.push(former.moves);
    }
    // With ADD-PATH it may hold paths for which the group has no row, so it never looks back further.
    t.same(moves, addPath ? [1, 1, 1, 1, 1, 1] : [2, 3, 4, 1, 2, 3]);
  }
  t.end();
});
