import t from "tap";
import { PolicyEvaluator } from "../../../protocol/policy/evaluate.ts";
import type { PolicyMatch, PolicyRule } from "../../../protocol/policy/policy.ts";
import { DEFAULT_DECISION } from "../../../protocol/rib/decision-config.ts";
import { wordsOfPrefix } from "../../../protocol/rib/prefix-words.ts";
import { Rib } from "../../../protocol/rib/rib.ts";
import { Prefix } from "../../../protocol/types/prefix.ts";
import { encodeAttributeSet } from "../../../protocol/wire/attribute-set.ts";
import { filter, nodeV4, peer, pool, stateOf, torWith, workload } from "./calc-support.ts";

t.test(
  "pools: nothing of a hidden one, only what lies in a pool, and all without pools",
  async (t) => {
    const hidden = pool("secret", "10.65.128.0/17", { disableBGPExport: true });
    const { exportPolicy } = torWith({}, pool("a-first", "10.65.0.0/16"), hidden);
    t.strictSame(exportPolicy, {
      name: "export",
      rules: [
        {
          name: "IPPool secret (disableBGPExport)",
          match: { prefix: { cidr: "10.65.128.0/17", operator: "in" } },
          action: "reject",
        },
        {
          name: "IPPool a-first",
          match: { prefix: { cidr: "10.65.0.0/16", operator: "in" } },
          action: "accept",
        },
      ],
      otherwise: "reject",
    });
    const stray = workload("w", { ipNetworks: ["10.99.0.1"] });
    t.strictSame(stateOf("a", nodeV4("a"), pool("p", "10.65.0.0/16"), stray).problems, [
      {
        resource: "WorkloadEndpoint/default/w",
        message: "10.99.0.1 is in no IPPool: not announced",
      },
    ]);
  },
);

/** A rule of importV4, and the condition and operations that it becomes. */
const RULES: readonly (readonly [object, PolicyMatch, Partial<PolicyRule>])[] = [
  [{ action: "Accept" }, { family: 257 as never }, { action: "accept" }],
  [
    { action: "Reject", cidr: "10.0.0.0/8", matchOperator: "Equal" },
    { family: 257 as never, prefix: { cidr: "10.0.0.0/8" as never, operator: "equal" } },
    { action: "reject" },
  ],
  [
    { action: "Accept", cidr: "10.0.0.0/8", matchOperator: "In", prefixLength: { max: 24 } },
    {
      family: 257 as never,
      prefix: { cidr: "10.0.0.0/8" as never, operator: "in", minLength: 8, maxLength: 24 },
    },
    {},
  ],
  [
    { action: "Accept", cidr: "10.0.0.0/8", matchOperator: "NotIn", prefixLength: { min: 16 } },
    {
      family: 257 as never,
      prefix: { cidr: "10.0.0.0/8" as never, operator: "notIn", minLength: 16, maxLength: 32 },
    },
    {},
  ],
  [
    { action: "Accept", cidr: "10.0.0.0/8", matchOperator: "NotEqual" },
    { family: 257 as never, prefix: { cidr: "10.0.0.0/8" as never, operator: "notEqual" } },
    {},
  ],
  [
    { action: "Accept", source: "RemotePeers", peerType: "eBGP" },
    { family: 257 as never, source: "peer" },
    {},
  ],
  [
    { action: "Accept", communities: { values: ["1:2"] } },
    { family: 257 as never, community: 65538 as never },
    {},
  ],
  [
    { action: "Accept", communities: { values: ["1:2:3"] }, asPathPrefix: [65001, "1.0"] },
    { family: 257 as never, community: "1:2:3" as never, asPathPrefix: [65001, 65536] as never },
    {},
  ],
  [{ action: "Accept", interface: "eth*" }, { family: 257 as never, interface: "eth*" }, {}],
  [{ action: "Accept", priority: 512 }, { family: 257 as never, localPref: 2147483135 }, {}],
  [
    {
      action: "Accept",
      operations: [
        { addCommunity: { value: "1:2" } },
        { prependASPath: { prefix: [65001, 65002] } },
        { setPriority: { value: 1024 } },
      ],
    },
    { family: 257 as never },
    {
      operations: [
        { type: "addCommunity", community: 65538 as never },
        { type: "prependAsPath", asns: [65001, 65002] as never },
        { type: "setLocalPref", localPref: 2147482623 },
      ],
    },
  ],
];

t.test("rules for IPv6 leave IPv4 routes alone, as the speaker evaluates them", async (t) => {
  const reject = { action: "Reject" };
  const spec = {
    exportV4: [{ action: "Accept", cidr: "10.0.0.0/8", matchOperator: "NotIn" }],
    exportV6: [reject],
  };
  const { exportPolicy } = torWith({ filters: ["f"] }, filter("f", spec));
  const octets = encodeAttributeSet({ nextHop: undefined, origin: "igp", asPath: [] });
  const rib = new Rib(DEFAULT_DECISION);
  const set = rib.attributeSets.intern(octets, 0, octets.length);
  const evaluator = new PolicyEvaluator(exportPolicy, rib);
  const ruleFor = (text: string) => {
    const { words, length } = wordsOfPrefix(Prefix(text));
    return evaluator.explain(words, length, set, "local").rule;
  };
  t.equal(ruleFor("192.0.2.1/32"), "f.exportV4[0]");
  t.equal(ruleFor("10.0.0.1/32"), undefined);
  t.equal(ruleFor("fd00::1/128"), "f.exportV6[0]");
});

t.test("a rule with a peerType is for sessions of that kind only", async (t) => {
  const rules = [
    { action: "Reject", peerType: "iBGP" },
    { action: "Accept", peerType: "eBGP" },
  ];
  const names = (asNumber: number) =>
    torWith({ filters: ["f"], asNumber }, filter("f", { importV4: rules })).importPolicy.rules.map(
      ({ name }) => name,
    );
  t.strictSame(names(65001), ["f.importV4[1]"]);
  t.strictSame(names(64512), ["f.importV4[0]"]);
});

t.test("each condition and operation of a BGPFilter becomes one of a policy", async (t) => {
  for (const [rule, match, rest] of RULES) {
    const { importPolicy } = torWith({ filters: ["f"] }, filter("f", { importV4: [rule] }));
    t.strictSame(importPolicy.rules[0]?.match, match, JSON.stringify(rule));
    t.match(importPolicy.rules, [{ name: "f.importV4[0]", ...rest }]);
    t.equal(importPolicy.otherwise, "accept");
  }
});

t.test(
  "filters: in order, both families, before the standard filter; what is missing rejects",
  async (t) => {
    const accept = { action: "Accept" };
    const filters = [
      filter("one", { exportV4: [accept], exportV6: [accept], importV6: [accept] }),
      filter("two", {
        exportV4: [
          { ...accept, interface: "eth0" },
          { action: "Reject", interface: "eth*" },
        ],
      }),
    ];
    const spec = { filters: ["two", "gone", "one"] };
    const { exportPolicy, importPolicy } = torWith(spec, ...filters, pool("p", "10.65.0.0/16"));
    t.strictSame(
      exportPolicy.rules.map(({ name, action, match }) => [name, action, match.family]),
      [
        ["two.exportV4[0]", "accept", 257],
        ["two.exportV4[1]", "reject", 257],
        ["gone: does not exist", "reject", undefined],
        ["one.exportV4[0]", "accept", 257],
        ["one.exportV6[0]", "accept", 513],
        ["IPPool p", "accept", undefined],
      ],
    );
    t.equal(exportPolicy.name, "export:two,gone,one");
    t.strictSame(
      importPolicy.rules.map(({ name }) => name),
      ["gone: does not exist", "one.importV6[0]"],
    );
    const tor = peer("tor", { peerIP: "10.0.0.254", asNumber: 65001, ...spec });
    const { problems } = stateOf("a", nodeV4("a"), nodeV4("b"), tor, ...filters);
    t.strictSame(
      problems.map(({ resource: where, message }) => `${where}: ${message}`),
      ["BGPPeer/tor: BGPFilter gone does not exist: every route is rejected"],
    );
  },
);
