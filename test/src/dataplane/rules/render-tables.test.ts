import t from "tap";
import { IpAddress } from "../../../../protocol/types/ip-address.ts";
import { Prefix } from "../../../../protocol/types/prefix.ts";
import type { HostNat } from "../../../../src/calc/nat-state.ts";
import type { HostPolicy, PolicyRule } from "../../../../src/calc/policy-state.ts";
import { renderTables, rulesBeforeSync } from "../../../../src/dataplane/rules/render-tables.ts";
import { compileTable } from "../../../../src/kernel/nftables/compiled-table.ts";
import type { NftTable } from "../../../../src/kernel/nftables/nft-table.ts";
import { chainText, rulesText, setText } from "../../../support/nft-text.ts";

const EMPTY = rulesBeforeSync(["cali"]);

function tables(
  policy: Partial<HostPolicy>,
  nat: Partial<HostNat> = {},
): { readonly ip: NftTable; readonly ip6: NftTable } {
  const [ip, ip6] = renderTables({
    policy: { ...EMPTY.policy, ...policy },
    nat: { ...EMPTY.nat, ...nat },
  });
  if (ip === undefined || ip6 === undefined) throw new Error("two tables");
  for (const table of [ip, ip6]) compileTable(table);
  return { ip, ip6 };
}

/** The rules to which a profile with this one ingress rule leads, of both families. */
function rendered(rule: Partial<PolicyRule>): readonly string[] {
  const whole: PolicyRule = { action: "allow", source: {}, destination: {}, ...rule };
  const { ip, ip6 } = tables({
    endpoints: [{ name: "w", interface: "cali1", profiles: ["p"] }],
    profiles: [{ name: "p", ingress: [whole], egress: [] }],
    sets: [{ id: "s:x", members: [Prefix("10.0.0.1/32"), Prefix("fd00::1/128")] }],
  });
  return [ip, ip6].flatMap((table) =>
    table.chains
      .filter(({ name }) => name.startsWith("profile-"))
      .flatMap((chain) => rulesText(chain).map((text) => `${table.family}: ${anonymous(text)}`)),
  );
}

/** Without the digests of content in names. */
function anonymous(text: string): string {
  return text.replaceAll(/-[0-9a-f]{16}/g, "-#");
}

const HTTP = [{ first: 80, last: 80 }];
const ROWS: readonly (readonly [
  what: string,
  rule: Partial<PolicyRule>,
  text: readonly string[],
])[] = [
  ["everything", {}, ["ip: accept", "ip6: accept"]],
  ["one family", { ipVersion: 6 }, ["ip6: accept"]],
  [
    "ICMP is IPv4's",
    { protocol: 1, icmp: { type: 8 } },
    ["ip: l4proto == 01 icmpType == 08 accept"],
  ],
  [
    "ICMPv6 with a code",
    { protocol: 58, icmp: { type: 1, code: 4 } },
    ["ip6: l4proto == 3a icmpType == 01 icmpCode == 04 accept"],
  ],
  [
    "not this type with this code",
    { protocol: 1, notIcmp: { type: 3, code: 1 } },
    ["ip: l4proto == 01 icmpType.icmpCode != @icmp-3-1 accept"],
  ],
  [
    "not a type",
    { protocol: 1, notIcmp: { type: 8 } },
    ["ip: l4proto == 01 icmpType != 08 accept"],
  ],
  [
    "another protocol",
    { notProtocol: 17, action: "deny" },
    ["ip: l4proto != 11 counter drop", "ip6: l4proto != 11 counter drop"],
  ],
  [
    "nets speak of their own family",
    { source: { nets: [Prefix("10.0.0.0/8")] } },
    ["ip: saddr @nets-# accept"],
  ],
  [
    "not these nets: the other family is free",
    { destination: { notNets: [Prefix("10.0.0.0/8")] } },
    ["ip: daddr != @nets-# accept", "ip6: accept"],
  ],
  [
    "members of a selector",
    { source: { set: "s:x" }, destination: { notSet: "s:x" } },
    ["ip", "ip6"].map((family) => `${family}: saddr @members-# daddr != @members-# accept`),
  ],
  [
    "one port",
    { protocol: 6, destination: { ports: HTTP } },
    ["ip: l4proto == 06 dport == 0050 accept", "ip6: l4proto == 06 dport == 0050 accept"],
  ],
  [
    "ports and not ports",
    {
      protocol: 17,
      ipVersion: 4,
      source: { ports: [...HTTP, { first: 1, last: 9 }], notPorts: HTTP },
    },
    ["ip: l4proto == 11 sport @ports-# sport != @ports-# accept"],
  ],
  ["log goes on", { action: "log", ipVersion: 4 }, ['ip: log "tortie: "']],
  ["pass leaves the profile", { action: "pass", ipVersion: 4 }, ["ip: return"]],
];

t.test("each part of a rule", (t) => {
  for (const [what, rule, text] of ROWS) t.same(rendered(rule), text, what);
  t.end();
});

t.test("dispatch by interface; endpoints with equal profiles share their chains", (t) => {
  const allow: PolicyRule = { action: "allow", source: {}, destination: {} };
  const { ip, ip6 } = tables({
    endpoints: [
      { name: "a", interface: "cali1", profiles: ["p"] },
      { name: "b", interface: "cali2", profiles: ["p"] },
      { name: "c", interface: "tap0", profiles: [] },
    ],
    profiles: [{ name: "p", ingress: [allow], egress: [allow] }],
  });
  const chainOf = (element: string | undefined) => element?.split(" goto ")[1];
  const [first, second, third] = setText(ip, "to-workload").map(chainOf);
  t.equal(first, second, "one chain for two endpoints");
  t.not(first, third);
  t.same(chainText(ip, first ?? "").map(anonymous), [
    "ctState vmap @connection-states",
    "ctStatus & 20000000 daddr.l4proto.dport @published accept",
    "jump profile-#",
    "counter drop",
  ]);
  t.same(chainText(ip, third ?? "").at(-1), "counter drop", "no profile: nothing passes");
  t.same(chainText(ip, "forward-to"), [
    "oifname vmap @to-workload",
    "oifname == 63616c69 counter drop",
  ]);
  t.same(chainText(ip6, "raw-prerouting"), [
    `iifname != ${name("lo")} daddr == 00000000000000000000000000000001 counter drop`,
    "iifname == 63616c69 saddrHasReturnPath == 00000000 counter drop",
    "iifname @unusual-interfaces saddrHasReturnPath == 00000000 counter drop",
  ]);
  t.same(setText(ip, "unusual-interfaces"), [name("tap0")]);
  t.end();
});

function name(text: string): string {
  return Buffer.from(text.padEnd(16, "\0")).toString("hex");
}

t.test("before anything is known, workloads' interfaces are shut but for ND and MLD", (t) => {
  const { ip, ip6 } = tables({});
  t.same(setText(ip, "from-workload"), []);
  t.same(chainText(ip, "forward-from").at(-1), "iifname == 63616c69 counter drop");
  t.same(chainText(ip, "workload-to-host"), ["ctState vmap @connection-states", "counter drop"]);
  t.equal(chainText(ip6, "workload-to-host")[0], "l4proto == 3a icmpType @nd-and-mld accept");
  t.same(setText(ip6, "nd-and-mld"), ["82", "83", "84", "85", "87", "88", "8f"]);
  t.equal(ip.chains.filter(({ hook }) => hook?.type === "nat").length, 0, "nothing is translated");
  t.end();
});

t.test("tunnels are taken from nodes alone, and workloads do not encapsulate", (t) => {
  const { ip, ip6 } = tables({
    endpoints: [{ name: "a", interface: "cali1", profiles: [] }],
    tunnels: {
      ipip: true,
      vxlanPorts: [4789],
      nodes: [Prefix("10.0.0.1/32"), Prefix("10.0.0.2/32"), Prefix("fd00::1/128")],
      fromWorkloads: { ipip: false, vxlan: true },
    },
  });
  t.same(chainText(ip, "input").slice(0, 2), [
    "l4proto == 04 saddr != @nodes counter drop",
    "l4proto == 11 dport == 12b5 daddrType == 02000000 saddr != @nodes counter drop",
  ]);
  t.same(setText(ip, "nodes"), ["0a000001-0a000002"], "neighbours make one range");
  t.equal(chainText(ip6, "input").length, 2, "IPIP is IPv4's");
  const from = ip.chains.find((chain) => chain.name.startsWith("from-"));
  t.ok(from && rulesText(from).includes("l4proto == 04 counter drop"));
  t.notOk(
    from && rulesText(from).some((text) => text.includes("12b5")),
    "allowed by configuration",
  );
  t.end();
});

t.test("translations", (t) => {
  const nat: HostNat = {
    outgoing: {
      sources: [Prefix("192.168.0.0/16")],
      exempt: [Prefix("192.168.0.0/16"), Prefix("192.169.0.0/16"), Prefix("192.168.4.0/24")],
      addresses: { ipv4: IpAddress("10.0.0.9") },
      ports: { first: 2000, last: 2999 },
      outputInterface: "eth*",
    },
    hostPorts: [
      { protocol: 6, hostPort: 80, address: IpAddress("192.168.0.1"), port: 8080 },
      {
        protocol: 17,
        hostPort: 53,
        hostAddress: IpAddress("10.0.0.1"),
        address: IpAddress("192.168.0.1"),
        port: 5353,
      },
    ],
    tunnelDevices: [
      { name: "tunl0", version: 4 },
      { name: "vxlan-v6.calico", version: 6 },
    ],
  };
  const { ip, ip6 } = tables({}, nat);
  const match = "saddr @nat-sources daddr != @nat-exempt oifname == 657468";
  t.same(chainText(ip, "nat-postrouting"), [
    "ctStatus & 20000000 saddr.daddr @hairpin masquerade",
    `${match} l4proto == 06 snat 0a000009 2000-2999`,
    `${match} l4proto == 11 snat 0a000009 2000-2999`,
    `${match} snat 0a000009`,
    "oifname == 74756e6c300000000000000000000000 saddrType == 02000000 saddrTypeAtOutput != 02000000 masquerade",
  ]);
  t.same(setText(ip, "nat-exempt"), ["c0a80000-c0a9ffff"], "ranges that touch or overlap are one");
  t.same(chainText(ip, "nat-output"), [
    "daddr != 7f dnat daddr.l4proto.dport @host-ports-at",
    "daddr != 7f daddrType == 02000000 dnat l4proto.dport @host-ports",
  ]);
  t.same(setText(ip, "host-ports"), ["0600000000500000 : c0a800011f900000"]);
  t.same(setText(ip, "published"), ["c0a80001060000001f900000", "c0a800011100000014e90000"]);
  t.match(chainText(ip6, "nat-postrouting")[0], /^oifname == 7678.* masquerade$/);
  t.end();
});

t.test(
  "what a workload may say to its host where that is configured: what its profiles allow",
  (t) => {
    const { ip } = tables({ endpointToHost: "accept" });
    t.same(chainText(ip, "workload-to-host"), [
      "ctState vmap @connection-states",
      "iifname vmap @from-workload",
      "counter drop",
    ]);
    t.end();
  },
);

t.test(
  "a workload that is a BGP peer reaches its host at the port and addresses of its sessions",
  (t) => {
    const addresses = [IpAddress("169.254.0.179"), IpAddress("fd00::179")];
    const bgpSessions = { port: 1179, from: [{ interface: "cali1", addresses }] };
    for (const [table, key] of [
      [tables({ bgpSessions }).ip, "a9fe00b3"],
      [tables({ bgpSessions }).ip6, "fd000000000000000000000000000179"],
    ] as const) {
      t.ok(
        chainText(table, "workload-to-host").includes(
          "l4proto == 06 dport == 049b iifname.daddr @bgp-sessions accept",
        ),
        chainText(table, "workload-to-host").join("\n"),
      );
      t.same(setText(table, "bgp-sessions"), [
        `63616c693100000000000000000000 00${key}`.replace(" ", ""),
      ]);
    }
    t.end();
  },
);

t.test("no name of a user reaches the kernel as it is", (t) => {
  const evil = 'x"; drop table ip filter; $(reboot)';
  const { ip } = tables({
    endpoints: [{ name: evil, interface: "cali1", profiles: [evil] }],
    profiles: [
      {
        name: evil,
        ingress: [{ action: "allow", source: { set: evil }, destination: {} }],
        egress: [],
      },
    ],
    sets: [{ id: evil, members: [] }],
  });
  const names = [...ip.chains, ...ip.sets].map((each) => each.name);
  for (const each of names) t.match(each, /^[a-z][a-z0-9-]*$/);
  const comments = ip.chains.flatMap(({ rules }) => rules.map(({ comment }) => comment ?? ""));
  t.ok(
    comments.includes("profile x__ drop table ip filter_ __reboot_"),
    "a comment keeps what is harmless",
  );
  for (const interfaceName of ["a b", "a/b", "sixteen-octets-x", "", "ü".repeat(8)]) {
    const endpoints = [{ name: "w", interface: interfaceName, profiles: [] }];
    t.throws(() => tables({ endpoints }), RangeError, `interface "${interfaceName}"`);
  }
  t.end();
});

t.test("equal rules give equal octets, whatever the order of nets", (t) => {
  const nets = ["10.0.0.0/8", "192.0.2.0/24"].map(Prefix);
  const of = (order: readonly Prefix[]) =>
    rendered({ source: { nets: order } }).join() +
    tables({}, { outgoing: { sources: order, exempt: order, addresses: {} } })
      .ip.sets.map((set) => JSON.stringify(set))
      .join();
  t.equal(of(nets), of(nets.toReversed()));
  t.end();
});
