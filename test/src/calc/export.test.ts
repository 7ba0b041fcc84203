import t from "tap";
import { Announcements } from "../../../src/analyse/announcements.ts";
import type { HostState } from "../../../src/calc/host-state.ts";
import type { AnyResource } from "../../../src/resources/schemas.ts";
import {
  affinity,
  block,
  config,
  filter,
  nodeV4,
  peer,
  pool,
  resource,
  stateOf,
  workload,
} from "./calc-support.ts";

const POOL = pool("p", "10.65.0.0/16");
const IN_BLOCK = workload("in-block", { ipNetworks: ["10.65.0.1"] });
const BORROWED = workload("borrowed", { ipNetworks: ["10.65.9.1"] });

function hostA(...resources: readonly AnyResource[]): HostState {
  return stateOf("a", nodeV4("a"), nodeV4("b"), POOL, ...resources);
}

const prefixes = ({ originations }: HostState) =>
  originations.map(({ prefix, kind }) => `${kind} ${prefix}`);

t.test("a block speaks for its addresses; what is borrowed is announced alone", async (t) => {
  const state = hostA(
    affinity("a", "10.65.0.0/26"),
    block("10.65.0.0/26", "host:a"),
    affinity("b", "10.65.9.0/26"),
    block("10.65.9.0/26", "host:b"),
    IN_BLOCK,
    BORROWED,
  );
  t.strictSame(prefixes(state), ["block 10.65.0.0/26", "workload 10.65.9.1/32"]);
  t.strictSame(state.blackholes, ["10.65.0.0/26"], "what nobody has does not loop");
});

/** What is there besides one workload in 10.65.0.0/26, and whether the block speaks for it. */
const AFFINITIES: readonly (readonly [string, readonly AnyResource[], boolean])[] = [
  ["confirmed", [affinity("a", "10.65.0.0/26")], true],
  ["without a state, as of old", [affinity("a", "10.65.0.0/26", { state: undefined })], true],
  ["with its block", [affinity("a", "10.65.0.0/26"), block("10.65.0.0/26", "host:a")], true],
  ["pending", [affinity("a", "10.65.0.0/26", { state: "pending" })], false],
  ["being given up", [affinity("a", "10.65.0.0/26", { state: "pendingDeletion" })], false],
  ["marked as deleted", [affinity("a", "10.65.0.0/26", { deleted: "true" })], false],
  ["another host's", [affinity("b", "10.65.0.0/26")], false],
  ["no host's", [affinity("a", "10.65.0.0/26", { type: "virtual" })], false],
  [
    "late: the block is another's",
    [affinity("a", "10.65.0.0/26"), block("10.65.0.0/26", "host:b")],
    false,
  ],
  [
    "late: the block is nobody's",
    [affinity("a", "10.65.0.0/26"), block("10.65.0.0/26", undefined)],
    false,
  ],
  ["of one address", [affinity("a", "10.65.0.1/32")], false],
  ["a block without an affinity", [block("10.65.0.0/26", "host:a")], false],
];

t.test("only confirmed affinities of this host count", async (t) => {
  for (const [what, resources, counts] of AFFINITIES) {
    const state = hostA(...resources, IN_BLOCK);
    const expected = counts ? ["block 10.65.0.0/26"] : ["workload 10.65.0.1/32"];
    t.strictSame(prefixes(state), expected, what);
    t.strictSame(state.blackholes, counts ? ["10.65.0.0/26"] : [], what);
  }
});

t.test(
  "a workload of elevated priority is announced beside its block, and preferred",
  async (t) => {
    const moving = (annotation: string) =>
      hostA(
        affinity("a", "10.65.0.0/26"),
        workload(
          "w",
          { ipNetworks: ["10.65.0.1"] },
          { annotations: { "tortie/route-priority": annotation } },
        ),
      );
    t.strictSame(moving("512").originations, [
      { prefix: "10.65.0.0/26", kind: "block", localPref: 2147482623 },
      {
        prefix: "10.65.0.1/32",
        kind: "workload",
        interface: "cali-w",
        localPref: 2147483135,
      },
    ]);
    t.strictSame(prefixes(moving("1024")), ["block 10.65.0.0/26"], "the normal one is no more");
    t.strictSame(moving("high").problems, [
      {
        resource: "WorkloadEndpoint/default/w",
        message: "annotation tortie/route-priority must be a whole number from 1: not in force",
      },
    ]);
  },
);

/** What the first peer of host a is told: prefix and its communities. */
function told(...resources: readonly AnyResource[]): readonly string[] {
  const state = hostA(affinity("a", "10.65.0.0/26"), IN_BLOCK, BORROWED, ...resources);
  const [first] = state.speaker.peers;
  if (first === undefined) throw new Error("no peer");
  return [...new Announcements().attributesTo(first, state.originations)].map(
    ([prefix, { communities = [], largeCommunities = [] }]) =>
      [prefix, ...communities.map((each) => each & 0xffff), ...largeCommunities].join(" "),
  );
}

t.test(
  "communities of every range around a prefix, of this node's own configuration first",
  async (t) => {
    const advertised = [
      { cidr: "10.65.0.0/16", communities: ["blue"] },
      { cidr: "10.65.0.0/24", communities: ["65000:2", "65000:1:2"] },
      { cidr: "10.0.0.0/8", communities: ["65000:1", "65000:3"] },
      { cidr: "192.0.2.0/24", communities: ["65000:4"] },
    ];
    const communities = [{ name: "blue", value: "65000:1" }];
    const general = config({ communities, prefixAdvertisements: advertised });
    t.strictSame(told(general), ["10.65.0.0/26 1 2 3 65000:1:2", "10.65.9.1/32 1 3"]);
    const own = resource("BGPConfiguration", "node.a", {
      prefixAdvertisements: [{ cidr: "10.65.9.0/24", communities: ["65000:1", "65000:9"] }],
    });
    t.strictSame(told(general, own), ["10.65.0.0/26", "10.65.9.1/32 1 9"]);
  },
);

t.test("filters come first and end there; hidden pools and strays", async (t) => {
  const stamped = config({
    prefixAdvertisements: [{ cidr: "10.65.0.0/16", communities: ["65000:1"] }],
    nodeToNodeMeshEnabled: false,
  });
  const tor = peer("tor", { peerIP: "10.0.0.254", asNumber: 65001, filters: ["f"] });
  const f = (exportV4: readonly object[]) => filter("f", { exportV4 });
  const range = { cidr: "10.65.9.0/24", matchOperator: "In" };
  t.strictSame(told(stamped, tor, f([{ action: "Reject", ...range }])), ["10.65.0.0/26 1"]);
  const accept = { action: "Accept", ...range };
  t.strictSame(
    told(stamped, tor, f([{ ...accept, operations: [{ addCommunity: { value: "65000:7" } }] }])),
    ["10.65.0.0/26 1", "10.65.9.1/32 7"],
    "an accepting filter is asked before communities are added, as in Calico",
  );
  t.strictSame(
    told(stamped, tor, f([{ ...accept, priority: 1024 }])),
    ["10.65.0.0/26 1", "10.65.9.1/32"],
    "a host's own routes have the normal priority",
  );
  t.strictSame(told(pool("hidden", "10.65.0.0/24", { disableBGPExport: true })), ["10.65.9.1/32"]);
  t.strictSame(
    told(affinity("a", "10.66.0.0/26"), workload("stray", { ipNetworks: ["10.67.0.1"] })),
    ["10.65.0.0/26", "10.66.0.0/26", "10.65.9.1/32"],
    "a block whose pool is gone is announced, an address that never was in one is not",
  );
});

t.test("a workload that moves has its address at the new place beside the old one", async (t) => {
  const ipNetworks = ["10.65.0.1"];
  const old = workload(
    "old",
    { node: "b", ipNetworks },
    { creationTimestamp: "2020-01-01T00:00:00Z" },
  );
  const claims = (annotations: object, ...others: readonly AnyResource[]) =>
    hostA(old, workload("new", { ipNetworks }, { annotations }), ...others).originations;
  t.match(claims({ "tortie/route-priority": "512" }), [
    { prefix: "10.65.0.1/32", localPref: 2147483135 },
  ]);
  t.strictSame(claims({}), [], "which one has it is not said");
  const here = workload("here", { ipNetworks }, { creationTimestamp: "2019-01-01T00:00:00Z" });
  t.match(claims({ "tortie/route-priority": "512" }, here), [{ localPref: 2147482623 }]);
});
