import t from "tap";
import {
  ATTRIBUTE,
  CanonicalEditor,
  findAttribute,
} from "../../../protocol/policy/canonical-editor.ts";
import { PolicyEvaluator, type RouteSource } from "../../../protocol/policy/evaluate.ts";
import {
  ACCEPT_ALL,
  type Policy,
  type PolicyMatch,
  type PolicyOperation,
  REJECT_ALL,
} from "../../../protocol/policy/policy.ts";
import { wordsOfPrefix } from "../../../protocol/rib/prefix-words.ts";
import { Asn } from "../../../protocol/types/asn.ts";
import { Community, type LargeCommunity } from "../../../protocol/types/community.ts";
import { IpAddress } from "../../../protocol/types/ip-address.ts";
import { Prefix } from "../../../protocol/types/prefix.ts";
import { RouterId } from "../../../protocol/types/router-id.ts";
import {
  type AttributeSet,
  decodeAttributeSet,
  encodeAttributeSet,
} from "../../../protocol/wire/attribute-set.ts";
import { World } from "../rib/world.ts";

const LARGE = "65000:1:2" as LargeCommunity;
const SET: AttributeSet = {
  nextHop: IpAddress("10.0.0.1"),
  origin: "igp",
  asPath: [{ type: "sequence", asns: [Asn(64512), Asn(64513)] }],
  localPref: 150,
  communities: [Community(1), Community(2)],
  largeCommunities: [LARGE],
};

type Row = readonly [
  what: string,
  match: PolicyMatch,
  prefix: string,
  source: RouteSource,
  expected: boolean,
];

const cidr = (
  text: string,
  operator: "equal" | "notEqual" | "in" | "notIn",
  bounds = {},
): PolicyMatch => ({
  prefix: { cidr: Prefix(text), operator, ...bounds },
});

const ROWS: readonly Row[] = [
  ["no condition", {}, "10.0.0.0/8", "ebgp", true],
  ["equal", cidr("10.0.0.0/8", "equal"), "10.0.0.0/8", "ebgp", true],
  ["equal, longer", cidr("10.0.0.0/8", "equal"), "10.0.0.0/9", "ebgp", false],
  ["notEqual", cidr("10.0.0.0/8", "notEqual"), "10.0.0.0/9", "ebgp", true],
  ["in, itself", cidr("10.0.0.0/8", "in"), "10.0.0.0/8", "ebgp", true],
  ["in, longer", cidr("10.0.0.0/8", "in"), "10.255.255.255/32", "ebgp", true],
  ["in, shorter", cidr("10.0.0.0/8", "in"), "10.0.0.0/7", "ebgp", false],
  ["in, beside", cidr("10.0.0.0/8", "in"), "11.0.0.0/8", "ebgp", false],
  ["in everything", cidr("0.0.0.0/0", "in"), "192.0.2.0/24", "ebgp", true],
  [
    "in, at the upper bound",
    cidr("10.0.0.0/8", "in", { maxLength: 24 }),
    "10.1.1.0/24",
    "ebgp",
    true,
  ],
  [
    "in, above the upper bound",
    cidr("10.0.0.0/8", "in", { maxLength: 24 }),
    "10.1.1.0/25",
    "ebgp",
    false,
  ],
  [
    "in, at the lower bound",
    cidr("10.0.0.0/8", "in", { minLength: 24 }),
    "10.1.1.0/24",
    "ebgp",
    true,
  ],
  [
    "in, below the lower bound",
    cidr("10.0.0.0/8", "in", { minLength: 24 }),
    "10.1.0.0/23",
    "ebgp",
    false,
  ],
  ["notIn", cidr("10.0.0.0/8", "notIn"), "11.0.0.0/8", "ebgp", true],
  ["notIn, inside", cidr("10.0.0.0/8", "notIn"), "10.1.0.0/16", "ebgp", false],
  [
    "notIn, inside its bounds",
    cidr("10.0.0.0/8", "notIn", { minLength: 24 }),
    "10.1.1.0/24",
    "ebgp",
    false,
  ],
  [
    "notIn, inside with another length",
    cidr("10.0.0.0/8", "notIn", { minLength: 24 }),
    "10.1.0.0/16",
    "ebgp",
    true,
  ],
  [
    "notEqual, other length",
    cidr("10.0.0.0/8", "notEqual", { minLength: 9 }),
    "10.0.0.0/8",
    "ebgp",
    true,
  ],
  ["in, IPv6", cidr("2001:db8::/33", "in"), "2001:db8:7fff::/48", "ebgp", true],
  ["in, IPv6 beside", cidr("2001:db8::/33", "in"), "2001:db8:8000::/48", "ebgp", false],
  ["equal, IPv6 last bit", cidr("2001:db8::1/128", "equal"), "2001:db8::/128", "ebgp", false],
  ["another family never matches", cidr("::/0", "in"), "10.0.0.0/8", "ebgp", false],
  ["another family never matches, negated", cidr("::/0", "notIn"), "10.0.0.0/8", "ebgp", false],
  ["source local", { source: "local" }, "10.0.0.0/8", "local", true],
  ["source local, from a peer", { source: "local" }, "10.0.0.0/8", "ibgp", false],
  ["source peer", { source: "peer" }, "10.0.0.0/8", "ibgp", true],
  ["source peer, local", { source: "peer" }, "10.0.0.0/8", "local", false],
  ["eBGP", { peerType: "ebgp" }, "10.0.0.0/8", "ebgp", true],
  ["eBGP, from iBGP", { peerType: "ebgp" }, "10.0.0.0/8", "ibgp", false],
  ["eBGP, local", { peerType: "ebgp" }, "10.0.0.0/8", "local", false],
  ["community", { community: Community(2) }, "10.0.0.0/8", "ebgp", true],
  ["community, absent", { community: Community(0x0102) }, "10.0.0.0/8", "ebgp", false],
  ["large community", { community: LARGE }, "10.0.0.0/8", "ebgp", true],
  [
    "large community, absent",
    { community: "65000:1:3" as LargeCommunity },
    "10.0.0.0/8",
    "ebgp",
    false,
  ],
  ["AS_PATH begins", { asPathPrefix: [Asn(64512)] }, "10.0.0.0/8", "ebgp", true],
  ["AS_PATH wholly", { asPathPrefix: [Asn(64512), Asn(64513)] }, "10.0.0.0/8", "ebgp", true],
  [
    "AS_PATH too short",
    { asPathPrefix: [Asn(64512), Asn(64513), Asn(1)] },
    "10.0.0.0/8",
    "ebgp",
    false,
  ],
  ["AS_PATH second", { asPathPrefix: [Asn(64513)] }, "10.0.0.0/8", "ebgp", false],
  ["LOCAL_PREF", { localPref: 150 }, "10.0.0.0/8", "ebgp", true],
  ["LOCAL_PREF, other", { localPref: 100 }, "10.0.0.0/8", "ebgp", false],
  ["two conditions, one fails", { localPref: 150, source: "local" }, "10.0.0.0/8", "ebgp", false],
];

function evaluator(policy: Policy): { readonly world: World; readonly it: PolicyEvaluator } {
  const world = new World();
  return { world, it: new PolicyEvaluator(policy, world.rib) };
}

for (const [what, match, prefix, source, expected] of ROWS) {
  t.test(`${what}: ${expected ? "matches" : "does not match"}`, (t) => {
    const policy: Policy = {
      name: "row",
      rules: [{ name: "rule", match, action: "accept" }],
      otherwise: "reject",
    };
    const { world, it } = evaluator(policy);
    const { words, length } = wordsOfPrefix(Prefix(prefix));
    const id = world.intern(SET);
    for (const _ of ["worked out", "remembered"]) {
      t.equal(it.evaluate(words, length, id, source), expected ? id : 0);
      t.same(it.explain(words, length, id, source), {
        rule: expected ? "rule" : undefined,
        action: expected ? "accept" : "reject",
      });
    }
    t.end();
  });
}

t.test("the first rule that matches decides, and accept-all and reject-all do", (t) => {
  const { words, length } = wordsOfPrefix(Prefix("10.1.0.0/16"));
  const policy: Policy = {
    name: "order",
    rules: [
      { name: "never", match: { localPref: 1 }, action: "reject" },
      { name: "inside", match: cidr("10.1.0.0/16", "equal"), action: "reject" },
      { name: "all", match: {}, action: "accept" },
      { name: "too late", match: {}, action: "reject" },
    ],
    otherwise: "reject",
  };
  const { world, it } = evaluator(policy);
  const id = world.intern(SET);
  t.equal(it.explain(words, length, id, "ebgp").rule, "inside");
  t.equal(it.explain(words, 17, id, "ebgp").rule, "all");
  t.equal(it.looksBeyondSet(), true);
  const all = new PolicyEvaluator(ACCEPT_ALL, world.rib);
  t.equal(all.evaluate(words, length, id, "ebgp"), id);
  t.equal(all.looksBeyondSet(), false);
  t.equal(new PolicyEvaluator(REJECT_ALL, world.rib).evaluate(words, length, id, "ebgp"), 0);
  t.end();
});

/** Interface names, "" for none, that a pattern does and does not match. */
const PATTERNS: readonly (readonly [string, readonly string[], readonly string[]])[] = [
  ["eth0", ["eth0"], ["eth01", "veth0", ""]],
  ["eth*", ["eth", "eth0", "eth0.100"], ["veth0", ""]],
  ["*.cali", ["vxlan.cali"], ["vxlan-cali", "vxlan.calico"]],
  ["c*i*1", ["cali-1", "ci1"], ["cali-12"]],
  ["eth?", ["eth0"], ["eth", "eth10"]],
  ["*", ["eth0", ""], []],
];

t.test("interfaces: wildcards, of what this host originates and of next hops", (t) => {
  const prefix = Prefix("10.65.0.1/32");
  const { words, length } = wordsOfPrefix(prefix);
  for (const [pattern, matching, others] of PATTERNS) {
    const match = { interface: pattern };
    const rules = [{ name: "rule", match, action: "accept" }] as const;
    const { world, it } = evaluator({ name: "row", rules, otherwise: "reject" });
    const own = world.intern({ ...SET, nextHop: undefined });
    const learned = world.intern(SET);
    for (const name of [...matching, ...others]) {
      world.rib.interfaces.setOwn([{ prefix, ...(name !== "" && { interface: name }) }]);
      const state = { nextHop: IpAddress("10.0.0.1"), reachable: true, metric: 0, onLink: true };
      world.rib.nextHopChanged([{ ...state, ...(name !== "" && { interface: name }) }]);
      const expected = matching.includes(name);
      t.equal(it.evaluate(words, length, own, "local") !== 0, expected, `${name} ${pattern}`);
      t.equal(
        it.evaluate(words, length, learned, "ibgp") !== 0,
        expected,
        `via ${name} ${pattern}`,
      );
    }
    t.equal(it.looksAtInterface() && it.looksBeyondSet(), true);
  }
  t.end();
});

const long = Array.from({ length: 255 }, () => Asn(7));
const OPERATIONS: readonly (readonly [
  string,
  PolicyOperation,
  AttributeSet,
  Partial<AttributeSet>,
])[] = [
  [
    "addCommunity",
    { type: "addCommunity", community: Community(9) },
    SET,
    { communities: [Community(1), Community(2), Community(9)] },
  ],
  ["addCommunity, there already", { type: "addCommunity", community: Community(2) }, SET, {}],
  [
    "addCommunity, large",
    { type: "addCommunity", community: "1:2:4294967295" as LargeCommunity },
    SET,
    { largeCommunities: [LARGE, "1:2:4294967295" as LargeCommunity] },
  ],
  ["setMed", { type: "setMed", med: 4_294_967_295 }, SET, { med: 4_294_967_295 }],
  ["setMed, replaced", { type: "setMed", med: 0 }, { ...SET, med: 3 }, { med: 0 }],
  ["setLocalPref", { type: "setLocalPref", localPref: 7 }, SET, { localPref: 7 }],
  [
    "prependAsPath",
    { type: "prependAsPath", asns: [Asn(8), Asn(9)] },
    SET,
    { asPath: [{ type: "sequence", asns: [Asn(8), Asn(9), Asn(64512), Asn(64513)] }] },
  ],
  [
    "prependAsPath, empty path",
    { type: "prependAsPath", asns: [Asn(8)] },
    { ...SET, asPath: [] },
    { asPath: [{ type: "sequence", asns: [Asn(8)] }] },
  ],
  [
    "prependAsPath, before a set",
    { type: "prependAsPath", asns: [Asn(8)] },
    { ...SET, asPath: [{ type: "set", asns: [Asn(1)] }] },
    {
      asPath: [
        { type: "sequence", asns: [Asn(8)] },
        { type: "set", asns: [Asn(1)] },
      ],
    },
  ],
  [
    "prependAsPath, segment full",
    { type: "prependAsPath", asns: [Asn(8)] },
    { ...SET, asPath: [{ type: "sequence", asns: long }] },
    {
      asPath: [
        { type: "sequence", asns: [Asn(8)] },
        { type: "sequence", asns: long },
      ],
    },
  ],
];

for (const [what, operation, before, change] of OPERATIONS) {
  t.test(`operation ${what}`, (t) => {
    const { world, it } = evaluator({
      name: "op",
      rules: [{ name: "rule", match: {}, action: "accept", operations: [operation] }],
      otherwise: "reject",
    });
    const { words, length } = wordsOfPrefix(Prefix("10.1.0.0/16"));
    const id = world.intern(before);
    world.rib.attributeSets.retain(id);
    const result = it.evaluate(words, length, id, "ebgp");
    t.same(world.set(result), { ...before, ...change });
    t.equal(world.intern({ ...before, ...change }), result, "and canonical");
    world.rib.attributeSets.collect(100);
    t.equal(it.evaluate(words, length, id, "ebgp"), result, "kept while the set is");
    world.rib.attributeSets.release(id);
    world.rib.attributeSets.collect(100);
    world.rib.attributeSets.collect(100);
    t.equal(world.rib.attributeSets.count(), 0, "and let go with it");
    t.end();
  });
}

t.test("a closed evaluator still judges, and holds nothing", (t) => {
  const { world, it } = evaluator({
    name: "op",
    rules: [
      { name: "rule", match: {}, action: "accept", operations: [{ type: "setMed", med: 1 }] },
    ],
    otherwise: "reject",
  });
  const { words, length } = wordsOfPrefix(Prefix("10.1.0.0/16"));
  it.evaluate(words, length, world.intern(SET), "ebgp");
  it.close();
  t.equal(world.set(it.evaluate(words, length, world.intern(SET), "ebgp")).med, 1);
  world.rib.attributeSets.collect(100);
  t.equal(world.rib.attributeSets.count(), 0);
  t.end();
});

t.test("the editor writes what encoding the edited value writes", (t) => {
  const editor = new CanonicalEditor();
  editor.open(encodeAttributeSet({ ...SET, med: 5, clusterList: [RouterId(1)] }));
  editor.setNextHop(Uint8Array.of(192, 0, 2, 1));
  editor.remove(ATTRIBUTE.multiExitDisc);
  editor.put(ATTRIBUTE.originatorId, Uint8Array.of(0, 0, 0, 9));
  editor.put(ATTRIBUTE.originatorId, Uint8Array.of(0, 0, 0, 8));
  editor.put(ATTRIBUTE.asPath, new Uint8Array(0));
  t.equal(editor.has(ATTRIBUTE.multiExitDisc), false);
  t.equal(editor.has(ATTRIBUTE.clusterList), true);
  t.same(editor.value(ATTRIBUTE.originatorId), Uint8Array.of(0, 0, 0, 8));
  const { localPref, communities, largeCommunities } = SET;
  const expected: AttributeSet = {
    nextHop: IpAddress("192.0.2.1"),
    origin: "igp",
    asPath: [],
    ...(localPref && { localPref }),
    ...(communities && { communities }),
    originatorId: RouterId(8),
    clusterList: [RouterId(1)],
    ...(largeCommunities && { largeCommunities }),
  };
  t.same(editor.finish(), encodeAttributeSet(expected));
  t.same(decodeAttributeSet(editor.finish()), expected);
  t.equal(findAttribute(encodeAttributeSet(expected), 4), undefined);
  t.end();
});
