import t from "tap";
import type { Origination } from "../../../protocol/speaker/speaker-config.ts";
import { Community } from "../../../protocol/types/community.ts";
import { IpAddress } from "../../../protocol/types/ip-address.ts";
import { Prefix } from "../../../protocol/types/prefix.ts";
import { drained } from "../../../src/agent/drain.ts";
import { EventLog } from "../../../src/agent/event-log.ts";
import { HostOriginations } from "../../../src/agent/host-originations.ts";
import { presentOriginations } from "../../../src/agent/present-originations.ts";

const web: Origination = { prefix: Prefix("192.168.0.1/32"), kind: "workload" };
const web6: Origination = { prefix: Prefix("fd00::1/128"), kind: "workload" };
const db: Origination = { prefix: Prefix("192.168.0.2/32"), kind: "workload" };
const host = {
  originations: [web, web6, db],
  workloads: [
    {
      name: "web",
      interface: "cali1",
      addresses: [IpAddress("192.168.0.1"), IpAddress("fd00::1")],
    },
    { name: "db", interface: "cali2", addresses: [IpAddress("192.168.0.2")] },
  ],
};

t.test("a workload is announced while its route is in the kernel", (t) => {
  t.strictSame(presentOriginations(host, new Set(["cali1", "cali2"])), [web, web6, db]);
  t.strictSame(presentOriginations(host, new Set(["cali2"])), [db]);
  t.strictSame(presentOriginations(host, new Set()), []);
  t.end();
});

t.test("of blocks in a remembered state, those that hold a workload that is there", (t) => {
  const used: Origination = { prefix: Prefix("192.168.0.0/26"), kind: "block" };
  const empty: Origination = { prefix: Prefix("192.168.9.0/26"), kind: "block" };
  const withBlocks = { ...host, originations: [used, empty, web6] };
  const ready = new Set(["cali2"]);
  t.strictSame(presentOriginations(withBlocks, ready, "memory"), [used]);
  t.strictSame(presentOriginations(withBlocks, ready, "datastore"), [used, empty]);
  t.strictSame(presentOriginations(withBlocks, new Set(), "memory"), []);
  t.end();
});

t.test("a drained host says of all its routes: take another way, RFC 8326", (t) => {
  const own = Community(0x0001_0002);
  const routes = [
    { prefix: Prefix("10.0.0.1/32"), kind: "workload", localPref: 7, communities: [own] },
    { prefix: Prefix("10.0.0.0/26"), kind: "block" },
  ] as const;
  t.strictSame(drained(routes), [
    { ...routes[0], localPref: 0, communities: [own, Community(0xffff_0000)] },
    { ...routes[1], localPref: 0, communities: [Community(0xffff_0000)] },
  ]);
  t.end();
});

t.test("nothing is said before both the host's state and the kernel are known", (t) => {
  const told: (readonly Origination[])[] = [];
  const lines: string[] = [];
  let ready: ReadonlySet<string> | undefined;
  const withdrawn = new Set<string>();
  const originations = new HostOriginations({
    log: new EventLog({ level: "info", destination: { write: (line) => lines.push(line) } }),
    ready: () => ready,
    withdrawn: () => withdrawn,
    tell: (routes) => told.push(routes),
  });
  const absent = () =>
    lines
      .map((line) => JSON.parse(line))
      .flatMap(({ count }) => (count === undefined ? [] : count));
  originations.update();
  originations.setHost({ ...host, workloads: host.workloads }, "datastore");
  t.strictSame(told, [], "the kernel has said nothing yet");
  ready = new Set();
  originations.update();
  t.strictSame(told.splice(0), [[]], "an empty set is said: the table of originations is complete");
  ready = new Set(["cali1", "cali2"]);
  originations.update();
  originations.update();
  t.strictSame(told.splice(0), [host.originations, host.originations]);
  t.strictSame(absent(), [3, 0], "told once each time that it is another number");
  withdrawn.add("cali1");
  originations.update();
  t.strictSame(told.splice(0), [[db]], "a workload on its way out is announced no more");
  originations.drain({ on: true });
  t.ok(originations.draining);
  t.match(told.splice(0), [[{ prefix: db.prefix, localPref: 0 }]]);
  originations.setHost(host, "memory");
  t.match(
    told.splice(0),
    [[{ prefix: db.prefix, localPref: 0 }]],
    "drained until it is taken back",
  );
  originations.drain({ on: false });
  t.strictSame(told, [[db]]);
  t.end();
});
