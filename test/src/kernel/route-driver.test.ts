import t from "tap";
import { IPV4_UNICAST } from "../../../protocol/types/family.ts";
import { IpAddress } from "../../../protocol/types/ip-address.ts";
import { Prefix } from "../../../protocol/types/prefix.ts";
import { RouteDriver } from "../../../src/kernel/route-driver.ts";

/** A driver whose kernel takes everything, and the messages that it got: type, kind of route and destination. */
function driverOfYesMan() {
  const sent: { readonly type: number; readonly kind: number; readonly destination: string }[] = [];
  const driver = new RouteDriver({
    protocol: 116,
    table: 254,
    socket: {
      reserveSequence: () => 1,
      dump: () => {},
      sendBatch: ({ bytes, octets }) => {
        const batch = Buffer.from(bytes.buffer, bytes.byteOffset, octets);
        for (let at = 0; at < octets; at += batch.readUInt32LE(at)) {
          sent.push({
            type: batch.readUInt16LE(at + 4),
            kind: batch.readUInt8(at + 16 + 7),
            destination: batch.subarray(at + 32, at + 36).join("."),
          });
        }
      },
    },
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
