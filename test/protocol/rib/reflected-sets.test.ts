import fc from "fast-check";
import t from "tap";
import { SET_MASK } from "../../../protocol/rib/attribute-set-table.ts";
import { DEFAULT_DECISION } from "../../../protocol/rib/decision-config.ts";
import { Rib } from "../../../protocol/rib/rib.ts";
import { Asn } from "../../../protocol/types/asn.ts";
import { Community } from "../../../protocol/types/community.ts";
import { IpAddress } from "../../../protocol/types/ip-address.ts";
import { RouterId } from "../../../protocol/types/router-id.ts";
import {
  type AttributeSet,
  decodeAttributeSet,
  encodeAttributeSet,
} from "../../../protocol/wire/attribute-set.ts";

const routerId = fc.integer({ min: 1, max: 0xffff_ffff }).map((id) => RouterId(id));
const CLUSTER = RouterId(0xc0a8_0001);

/** Attributes on both sides of the two that are added; a CLUSTER_LIST of 63 clusters is the longest without a longer header. */
const attributeSet: fc.Arbitrary<AttributeSet> = fc
  .record({
    asns: fc.array(fc.integer({ min: 1, max: 70_000 }), { maxLength: 70 }),
    originatorId: fc.option(routerId, { nil: undefined }),
    clusters: fc.oneof(
      fc.constant(0),
      fc.integer({ min: 1, max: 3 }),
      fc.integer({ min: 61, max: 66 }),
    ),
    communities: fc.boolean(),
    onlyToCustomer: fc.boolean(),
    nextHop: fc.constantFrom("10.0.0.1", "2001:db8::1", undefined),
  })
  .map((it) => ({
    nextHop: it.nextHop === undefined ? undefined : IpAddress(it.nextHop),
    origin: "igp",
    asPath:
      it.asns.length === 0 ? [] : [{ type: "sequence", asns: it.asns.map((asn) => Asn(asn)) }],
    localPref: 100,
    ...(it.originatorId !== undefined && { originatorId: it.originatorId }),
    ...(it.clusters > 0 && {
      clusterList: Array.from({ length: it.clusters }, (_, i) => RouterId(i + 1)),
    }),
    ...(it.communities && { communities: [Community(7)] }),
    ...(it.onlyToCustomer && { onlyToCustomer: Asn(9) }),
  }));

function intern(rib: Rib, set: AttributeSet): number {
  const octets = encodeAttributeSet(set);
  return rib.attributeSets.intern(octets, 0, octets.length);
}

t.test("a reflected set has the octets that its value has (RFC 4456 §8)", (t) => {
  const rib = new Rib(DEFAULT_DECISION);
  const originators = [RouterId(5), RouterId(0xffff_ffff)];
  fc.assert(
    fc.property(attributeSet, fc.constantFrom(...originators), (set, originator) => {
      const id = intern(rib, set);
      const reflected = rib.reflectedSets.reflected(id, originator, CLUSTER);
      if ((reflected & SET_MASK) !== id || reflected <= SET_MASK) return false;
      const expected = encodeAttributeSet({
        ...set,
        originatorId: set.originatorId ?? originator,
        clusterList: [CLUSTER, ...(set.clusterList ?? [])],
      });
      const end = rib.reflectedSets.end(reflected);
      const octets = rib.reflectedSets
        .buffer(reflected)
        .subarray(rib.reflectedSets.start(reflected), end);
      return Buffer.compare(octets, expected) === 0;
    }),
  );
  t.end();
});

t.test("equal numbers are equal attributes, and who holds one holds the set it is made of", (t) => {
  const rib = new Rib(DEFAULT_DECISION);
  const { attributeSets, reflectedSets } = rib;
  const set: AttributeSet = {
    nextHop: IpAddress("10.0.0.1"),
    origin: "igp",
    asPath: [],
    localPref: 100,
  };
  const id = intern(rib, set);
  const own = intern(rib, { ...set, originatorId: RouterId(9) });
  const one = reflectedSets.reflected(id, 1, CLUSTER);
  t.not(reflectedSets.reflected(id, 2, CLUSTER), one);
  t.not(reflectedSets.reflected(id, 1, 8), one);
  t.equal(reflectedSets.reflected(id, 1, CLUSTER), one);
  t.equal(
    reflectedSets.reflected(own, 1, CLUSTER),
    reflectedSets.reflected(own, 2, CLUSTER),
    "an originator of its own is the one it has",
  );
  attributeSets.retain(one);
  attributeSets.collect(100);
  t.equal(attributeSets.count(), 1);
  const plain = reflectedSets.intern(one);
  t.same(decodeAttributeSet(attributeSets.octets(plain)), {
    ...set,
    originatorId: 1,
    clusterList: [CLUSTER],
  });
  t.equal(reflectedSets.intern(id), id, "a plain id is its own");
  attributeSets.release(one);
  attributeSets.collect(100);
  t.equal(attributeSets.count(), 0);
  t.end();
});

t.test("what has no number is to be interned: too long, or of too many sources", (t) => {
  const rib = new Rib(DEFAULT_DECISION);
  const set: AttributeSet = { nextHop: undefined, origin: "igp", asPath: [] };
  const unknown = [{ code: 200, flags: 0xe0, value: new Uint8Array(4_080) }];
  t.equal(rib.reflectedSets.reflected(intern(rib, { ...set, unknown }), 1, CLUSTER), 0);
  const id = intern(rib, set);
  const numbers = new Set<number>();
  for (let source = 1; source <= 200; source++) {
    numbers.add(rib.reflectedSets.reflected(id, source, CLUSTER));
  }
  t.ok(numbers.delete(0));
  t.equal(numbers.size, 127);
  t.ok([...numbers].every((number) => number > SET_MASK));
  t.not(rib.reflectedSets.reflected(id, 1, CLUSTER), 0, "known ones stay");
  t.end();
});
