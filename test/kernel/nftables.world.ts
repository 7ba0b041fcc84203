import fc from "fast-check";
import t from "tap";
import { warmThreadPool } from "../../src/kernel/native/network-namespace.ts";
import { compileTable } from "../../src/kernel/nftables/compiled-table.ts";
import type {
  NftFamily,
  NftSet,
  NftStatement,
  NftTable,
} from "../../src/kernel/nftables/nft-table.ts";
import { readTable } from "../../src/kernel/nftables/table-reader.ts";
import { NftHost } from "./nft-host.ts";

await warmThreadPool();

const DROP: NftStatement = { type: "verdict", verdict: { type: "drop" } };
const TCP: NftStatement = {
  type: "compare",
  field: "l4proto",
  operator: "==",
  octets: Uint8Array.of(6),
};

/** A table with every kind of statement and set. */
function everything(family: NftFamily): NftTable {
  const width = family === "ip" ? 4 : 16;
  const address = (octet: number) =>
    Uint8Array.from({ length: width }, (_, i) => (i === 0 ? octet : 1));
  const name = Buffer.alloc(16);
  name.write("cali1");
  const port = Uint8Array.of(0, 80, 0, 0);
  const sets: NftSet[] = [
    { name: "plain", key: ["saddr"], elements: [{ key: address(10) }, { key: address(11) }] },
    {
      name: "ranges",
      key: ["saddr"],
      interval: true,
      elements: [
        { key: address(10), last: address(12) },
        { key: address(200), last: new Uint8Array(width).fill(255) },
      ],
    },
    { name: "ports", key: ["dport"], interval: true, elements: [{ key: Uint8Array.of(0, 80) }] },
    {
      name: "icmp",
      key: ["icmpType", "icmpCode"],
      elements: [{ key: Uint8Array.of(8, 0, 0, 0, 3, 0, 0, 0) }],
    },
    {
      name: "states",
      key: ["ctState"],
      data: "verdict",
      elements: [{ key: Uint8Array.of(2, 0, 0, 0), data: { type: "accept" } }],
    },
    {
      name: "dispatch",
      key: ["iifname"],
      data: "verdict",
      elements: [{ key: name, data: { type: "goto", chain: "sub" } }],
    },
    {
      name: "forward-ports",
      key: ["l4proto", "dport"],
      data: "addressAndPort",
      elements: [
        {
          key: Uint8Array.of(6, 0, 0, 0, ...port),
          data: Uint8Array.of(...address(10), ...port),
        },
      ],
    },
  ];
  const filters: readonly NftStatement[][] = [
    [{ type: "dispatch", fields: ["iifname"], map: "dispatch" }],
    [
      { type: "compare", field: "oifname", operator: "==", octets: Buffer.from("cali") },
      { type: "counter" },
      DROP,
    ],
    [{ type: "dispatch", fields: ["ctState"], map: "states" }],
    [
      { type: "anyBit", field: "ctStatus", mask: Uint8Array.of(0x20, 0, 0, 0) },
      { type: "inSet", fields: ["daddr"], set: "ranges", negated: true },
      { type: "verdict", verdict: { type: "accept" } },
    ],
    [
      TCP,
      { type: "inSet", fields: ["dport"], set: "ports" },
      { type: "compare", field: "sport", operator: "!=", octets: Uint8Array.of(0, 1) },
      { type: "log", prefix: "tortie: " },
      { type: "verdict", verdict: { type: "jump", chain: "sub" } },
    ],
    [
      { type: "inSet", fields: ["icmpType", "icmpCode"], set: "icmp" },
      { type: "compare", field: "saddr", operator: "!=", octets: address(9) },
      { type: "compare", field: "daddr", operator: "==", octets: Uint8Array.of(127) },
      { type: "verdict", verdict: { type: "return" } },
    ],
  ];
  const local: NftStatement = {
    type: "compare",
    field: "daddrType",
    operator: "==",
    octets: Uint8Array.of(2, 0, 0, 0),
  };
  const noReturnPath: NftStatement = {
    type: "compare",
    field: "saddrHasReturnPath",
    operator: "==",
    octets: new Uint8Array(4),
  };
  const ports = { first: 1000, last: 2000 };
  return {
    family,
    name: "tortie",
    sets,
    chains: [
      {
        name: "fwd",
        hook: { type: "filter", hook: "forward", priority: -1, policy: "accept" },
        rules: filters.map((statements, index) => ({ comment: `rule ${index}`, statements })),
      },
      { name: "sub", rules: [{ statements: [DROP] }] },
      {
        name: "pre",
        hook: { type: "nat", hook: "prerouting", priority: -100, policy: "accept" },
        rules: [
          {
            statements: [
              local,
              { type: "dnat", fields: ["l4proto", "dport"], map: "forward-ports" },
            ],
          },
          { statements: [noReturnPath, { type: "counter" }] },
        ],
      },
      {
        name: "post",
        hook: { type: "nat", hook: "postrouting", priority: 100, policy: "accept" },
        rules: [
          { statements: [{ type: "masquerade" }] },
          { statements: [TCP, { type: "masquerade", ports }] },
          { statements: [{ type: "snat", address: address(1) }] },
          { statements: [TCP, { type: "snat", address: address(1), ports }] },
        ],
      },
    ],
  };
}

t.test("every statement and set reads back octet for octet, and nft can print it", (t) => {
  const host = new NftHost(t, "nft");
  const tables = (["ip", "ip6"] as const).map(everything);
  t.equal(host.driver().apply(tables).refused, undefined);
  for (const table of tables) {
    const read = readTable(host.socket, table);
    const { chains, sets } = compileTable(table);
    for (const [name, chain] of chains) {
      t.equal(read?.chains.get(name)?.hook, chain.hook, `${table.family} ${name}`);
      t.same(read?.chains.get(name)?.rules, chain.rules, `${table.family} ${name}: rules`);
    }
    for (const [name, set] of sets) {
      t.equal(read?.sets.get(name)?.shape, set.shape, `${table.family} ${name}`);
      t.same(read?.sets.get(name)?.elements, set.elements, `${table.family} ${name}: elements`);
    }
  }
  const text = host.run("nft list ruleset");
  for (const expected of [
    'iifname vmap @dispatch comment "rule 0"',
    'oifname "cali*" counter packets 0 bytes 0 drop',
    "ct state vmap @states",
    "ct status dnat ip daddr != @ranges accept",
    'tcp dport @ports tcp sport != 1 log prefix "tortie: " level info jump sub',
    "ip daddr 127.0.0.0/8 return",
    "fib daddr type local dnat ip6 to meta l4proto . th dport map @forward-ports",
    "fib saddr . iif oif missing counter",
    "masquerade to :1000-2000 fully-random",
    "snat to 1.1.1.1:1000-2000 fully-random",
    'elements = { "cali1" : goto sub }',
    "elements = { 10.1.1.1-12.1.1.1, 200.1.1.1-255.255.255.255 }",
  ]) {
    t.ok(text.includes(expected), expected);
  }
  t.equal(host.driver().apply(tables).changes, 0, "a fresh process finds nothing to do");
  t.end();
});

/** Ranges of /24s and single addresses that neither overlap nor touch, and ports that lead to them. */
const arbitraryTable = fc
  .record({
    starts: fc.uniqueArray(fc.integer({ min: 0, max: 126 }), { maxLength: 12 }),
    wide: fc.boolean(),
    members: fc.uniqueArray(fc.integer({ min: 0, max: 255 }), { maxLength: 12 }),
    chains: fc.uniqueArray(fc.constantFrom("one", "two", "three"), { maxLength: 3 }),
    rules: fc.integer({ min: 0, max: 3 }),
  })
  .map(({ starts, wide, members, chains, rules }): NftTable => {
    const range = (start: number) => ({
      key: Uint8Array.of(10, 2 * start, 0, 0),
      last: Uint8Array.of(10, 2 * start, wide ? 255 : 0, 255),
    });
    const targets = members.flatMap((member, index) => {
      const chain = chains[index % Math.max(1, chains.length)];
      if (chain === undefined) return [];
      return [{ key: Uint8Array.of(0, member), data: { type: "jump" as const, chain } }];
    });
    const body = Array.from({ length: rules }, () => ({
      statements: [{ type: "counter" } as const, DROP],
    }));
    return {
      family: "ip",
      name: "tortie",
      sets: [
        { name: "ranges", key: ["saddr"], interval: true, elements: starts.map(range) },
        { name: "to", key: ["dport"], data: "verdict", elements: targets },
        ...(wide ? [{ name: "extra", key: ["saddr"] as const, elements: [] }] : []),
      ],
      chains: [
        {
          name: "base",
          hook: { type: "filter", hook: "forward", priority: 0, policy: "accept" },
          rules: [
            { statements: [TCP, { type: "dispatch", fields: ["dport"], map: "to" }] },
            ...(wide
              ? [
                  {
                    statements: [{ type: "inSet", fields: ["saddr"], set: "extra" } as const, DROP],
                  },
                ]
              : []),
          ],
        },
        ...chains.map((name) => ({ name, rules: body })),
      ],
    };
  });

t.test("from any table to any other in one transaction of what differs", (t) => {
  const host = new NftHost(t, "diff");
  const driver = host.driver();
  fc.assert(
    fc.property(fc.array(arbitraryTable, { minLength: 1, maxLength: 6 }), (tables) => {
      for (const table of tables) {
        const { refused } = driver.apply([table]);
        if (refused !== undefined) throw new Error(refused);
        // What the driver believes and what the kernel has are one.
        if (host.driver().apply([table]).changes > 0)
          throw new Error("the kernel has something else");
      }
    }),
    { numRuns: 25 },
  );
  t.pass("25 histories of up to 6 tables");
  t.equal(driver.removeAll().refused, undefined);
  t.equal(host.run("nft list ruleset").trim(), "");
  t.end();
});

t.test("what the kernel refuses changes nothing, and is said", (t) => {
  const host = new NftHost(t, "refuse");
  const driver = host.driver();
  const good = everything("ip");
  driver.apply([good]);
  const before = host.run("nft -s list ruleset");
  const bad: NftTable = {
    ...good,
    chains: [
      ...good.chains,
      {
        name: "more",
        rules: [{ statements: [{ type: "verdict", verdict: { type: "goto", chain: "nowhere" } }] }],
      },
    ],
  };
  t.match(driver.apply([bad]).refused, /rule 1 of tortie more: ENOENT/);
  t.equal(host.run("nft -s list ruleset"), before);
  t.equal(driver.apply([good]).refused, undefined);
  t.end();
});
