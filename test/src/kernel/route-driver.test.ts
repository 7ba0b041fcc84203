import fc from "fast-check";
import t from "tap";
import { IPV4_UNICAST } from "../../../protocol/types/family.ts";
import { IpAddress } from "../../../protocol/types/ip-address.ts";
import { Prefix } from "../../../protocol/types/prefix.ts";
import { readRoute } from "../../../src/kernel/netlink/route-codec.ts";
import { RouteDriver } from "../../../src/kernel/route-driver.ts";

/** A driver whose kernel takes everything and shows each message. */
function driverOver(onMessage: (message: Buffer) => void): RouteDriver {
  return new RouteDriver({
    protocol: 116,
    table: 254,
    socket: {
      reserveSequence: () => 1,
      dump: () => {},
      sendBatch: ({ bytes, octets }) => {
        const batch = Buffer.from(bytes.buffer, bytes.byteOffset, octets);
        for (let at = 0; at < octets; at += batch.readUInt32LE(at)) {
          onMessage(batch.subarray(at, at + batch.readUInt32LE(at)));
        }
      },
    },
  });
}

/** A driver, and the messages that its kernel got: type, kind of route and destination. */
function driverOfYesMan() {
  const sent: { readonly type: number; readonly kind: number; readonly destination: string }[] = [];
  const driver = driverOver((message) => {
    sent.push({
      type: message.readUInt16LE(4),
      kind: message.readUInt8(16 + 7),
      destination: message.subarray(32, 36).join("."),
    });
  });
  return { driver, take: () => sent.splice(0) };
}

const BLACKHOLE = 6;
const UNICAST = 1;
const gateways = {
  type: "gateways",
  legs: [{ gateway: IpAddress("192.0.2.1"), interfaceIndex: 3 }],
} as const;

t.test(
  "for one key the stronger source wins, and the weaker one comes back after it",
  async (t) => {
    const { driver, take } = driverOfYesMan();
    const key = { prefix: Prefix("10.0.0.0/26"), metric: 0 };
    driver.setOwnRoutes("blackhole", [{ ...key, target: { type: "blackhole" } }]);
    driver.apply();
    t.same(take(), [{ type: 24, kind: BLACKHOLE, destination: "10.0.0.0" }]);
    driver.setOwnRoutes("static", [{ ...key, target: gateways }]);
    driver.apply();
    t.same(take(), [{ type: 24, kind: UNICAST, destination: "10.0.0.0" }]);

    // An audit frees the targets that nobody names: the wish that waits must keep its own.
    driver.audit();
    driver.apply();
    take();
    driver.setOwnRoutes("static", []);
    driver.apply();
    t.equal(take().at(-1)?.kind, BLACKHOLE);
  },
);

t.test("learned IPv4 routes are written in the order of their addresses", async (t) => {
  const { driver, take } = driverOfYesMan();
  driver.defineGatewaySets([{ index: 1, target: gateways }]);
  const addresses = Uint32Array.from({ length: 1000 }, (_, i) => Math.imul(i, 0x9e37_79b1) >>> 0);
  const batch = { family: IPV4_UNICAST, metric: 0, count: 1000, addresses };
  const lengths = new Uint8Array(1000).fill(32);
  for (const [set, type] of [
    [1, 24],
    [0, 25],
  ] as const) {
    driver.setLearnedRoutes({ ...batch, lengths, gatewaySets: new Uint32Array(1000).fill(set) });
    driver.apply();
    const sent = take();
    const ordered = addresses.toSorted((a, b) => a - b);
    t.ok(sent.every((message) => message.type === type));
    t.same(
      sent.map(({ destination }) => destination),
      Array.from(ordered, (word) => [24, 16, 8, 0].map((bits) => (word >>> bits) & 255).join(".")),
    );
  }
});

/** A driver over a kernel of text, "10.0.0.1 512"; each message is told when it has been done. */
function driverOfTable(onChange: (table: ReadonlySet<string>) => void) {
  const table = new Set<string>();
  const driver = driverOver((message) => {
    const route = readRoute(message.subarray(16));
    const key = `${route?.prefix} ${route?.metric}`;
    if (message.readUInt16LE(4) === 24) table.add(key);
    else table.delete(key);
    onChange(table);
  });
  return { driver, table };
}

/** Gateway sets of the property: the first has the usual metric, the others one of their own. */
const OWN_METRICS = [undefined, 512, 256, 1024] as const;

type Step =
  | { readonly type: "learn"; readonly routes: readonly (readonly [host: number, set: number])[] }
  | { readonly type: "list"; readonly routes: readonly (readonly [host: number, set: number])[] }
  | { readonly type: "usual"; readonly metric: number };

const routesArbitrary = fc.uniqueArray(
  fc.tuple(fc.integer({ min: 1, max: 6 }), fc.integer({ min: 0, max: OWN_METRICS.length })),
  { selector: ([host]) => host, maxLength: 6 },
);
const stepArbitrary: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: routesArbitrary.map((routes) => ({ type: "learn", routes }) as const) },
  routesArbitrary.map((routes) => ({ type: "list", routes }) as const),
  fc.constantFrom(1024, 2048).map((metric) => ({ type: "usual", metric }) as const),
);

t.test(
  "a learned route has one metric; it moves without a moment in which it is gone",
  async (t) => {
    let moved = 0;
    fc.assert(
      fc.property(fc.array(stepArbitrary, { maxLength: 20 }), (steps) => {
        const wanted = new Map<number, number>();
        let staying: readonly number[] = [];
        const { driver, table } = driverOfTable((now) => {
          const there = new Set([...now].map((key) => key.split("/")[0]));
          for (const host of staying)
            if (!there.has(`10.0.0.${host}`)) throw new Error(`10.0.0.${host} is gone`);
        });
        driver.defineGatewaySets(
          OWN_METRICS.map((metric, i) => ({
            index: i + 1,
            target: gateways,
            ...(metric && { metric }),
          })),
        );
        let usual = 1024;
        for (const step of steps) {
          const before = [...wanted.keys()];
          if (step.type === "usual") {
            usual = step.metric;
            driver.setLearnedMetric(IPV4_UNICAST, usual);
          } else {
            if (step.type === "list") wanted.clear();
            if (step.type === "list") driver.beginLearnedGeneration(IPV4_UNICAST);
            for (const [host, set] of step.routes) wanted.set(host, set);
            driver.setLearnedRoutes({
              family: IPV4_UNICAST,
              metric: usual,
              count: step.routes.length,
              addresses: Uint32Array.from(step.routes, ([host]) => 0x0a00_0000 + host),
              lengths: new Uint8Array(step.routes.length).fill(32),
              gatewaySets: Uint32Array.from(step.routes, ([, set]) => set),
            });
            if (step.type === "list") driver.endLearnedGeneration(IPV4_UNICAST);
          }
          for (const [host, set] of wanted) if (set === 0) wanted.delete(host);
          staying = before.filter((host) => wanted.has(host));
          driver.apply();
          const expected = [...wanted].map(
            ([host, set]) => `10.0.0.${host}/32 ${OWN_METRICS[set - 1] ?? usual}`,
          );
          if (expected.some((key) => key.endsWith(" 512"))) moved++;
          t.same([...table].sort(), expected.sort());
        }
      }),
      { numRuns: 200 },
    );
    t.ok(moved > 50, `${moved} times a metric of their own`);
  },
);
