import fc from "fast-check";
import t from "tap";
import { ipAddressFromBytes } from "../../../protocol/types/ip-address.ts";
import { prefixFromBytes } from "../../../protocol/types/prefix.ts";
import { FLAG, MESSAGE } from "../../../src/kernel/netlink/netlink-constants.ts";
import { readMessages } from "../../../src/kernel/netlink/netlink-reader.ts";
import type { NetlinkSocket } from "../../../src/kernel/netlink/netlink-socket.ts";
import { NetlinkWriter } from "../../../src/kernel/netlink/netlink-writer.ts";
import { readRoute, writeRoute } from "../../../src/kernel/netlink/route-codec.ts";
import type { RouteTarget } from "../../../src/kernel/route-target.ts";
import { BATCH_MESSAGES, RouteBatch } from "../../../src/kernel/routes/route-batch.ts";
import { RouteColumns } from "../../../src/kernel/routes/route-columns.ts";
import { RouteScanner } from "../../../src/kernel/routes/route-scanner.ts";
import { RouteTargetTable } from "../../../src/kernel/routes/route-target-table.ts";

// The batch writer and the dump scanner are the fast ways; the plain codec is the slow, obvious model of both.

const octets = (count: number) => fc.uint8Array({ minLength: count, maxLength: count });

function leg(version: 4 | 6) {
  const gateway = version === 6 ? octets(16) : fc.oneof(octets(4), octets(16));
  return fc.record({
    gateway: gateway.map(ipAddressFromBytes),
    interfaceIndex: fc.integer({ min: 1, max: 0x7fff_ffff }),
    onLink: fc.boolean(),
    weight: fc.integer({ min: 1, max: 256 }),
  });
}

function target(version: 4 | 6): fc.Arbitrary<RouteTarget> {
  return fc.oneof(
    // The weight of a single leg means nothing to the kernel and is not sent.
    leg(version).map((only) => ({ type: "gateways" as const, legs: [{ ...only, weight: 1 }] })),
    fc
      .uniqueArray(leg(version), { minLength: 2, maxLength: 8, selector: ({ gateway }) => gateway })
      .map((legs) => ({ type: "gateways" as const, legs })),
    fc.nat(9).map((interfaceIndex) => ({
      type: "interface" as const,
      interfaceIndex: interfaceIndex + 1,
    })),
    fc.constant({ type: "blackhole" as const }),
  );
}

/** A socket that keeps what it is given. */
class Recorder {
  bytes = Buffer.alloc(0);

  reserveSequence(): number {
    return 1000;
  }

  sendBatch(batch: { readonly bytes: Uint8Array; readonly octets: number }): void {
    this.bytes = Buffer.from(batch.bytes.subarray(0, batch.octets));
  }
}

for (const version of [4, 6] as const) {
  const width = version === 4 ? 4 : 16;
  const wish = fc.record({
    address: octets(width),
    length: fc.integer({ min: 0, max: width * 8 }),
    metric: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 0xffff_ffff })),
    operation: fc.constantFrom("add" as const, "replace" as const, "delete" as const),
    target: target(version),
  });

  t.test(
    `IPv${version}: a batch holds what the codec would write, and the scanner reads it back`,
    async (t) => {
      const kinds = new Set<string>();
      fc.assert(
        fc.property(
          fc.array(wish, { minLength: 1, maxLength: 20 }),
          fc.constantFrom(254, 70_000),
          (wishes, table) => {
            const columns = new RouteColumns(version === 4 ? 1 : 4);
            const targets = new RouteTargetTable(version);
            const recorder = new Recorder();
            const socket = recorder as unknown as NetlinkSocket;
            const batch = new RouteBatch({ socket, columns, protocol: 116, table });
            const sent = wishes.map((each) => {
              const prefix = prefixFromBytes(each.address, each.length);
              const words = wordsOf(prefixOctets(each.address, each.length));
              const row = columns.findOrAdd(words, 0, each.length, each.metric);
              const id = targets.intern(each.target);
              batch.put(
                row,
                each.operation,
                each.operation === "delete" ? undefined : targets.get(id),
              );
              kinds.add(`${each.operation} ${each.target.type}`);
              return { ...each, prefix, words, id };
            });
            batch.flush(() => undefined);
            const messages = [...readMessages(recorder.bytes)];
            if (messages.length !== sent.length) throw new Error("a message is missing");
            for (const [i, message] of messages.entries()) {
              const one = sent[i] as (typeof sent)[number];
              const route = readRoute(message.payload);
              if (route === undefined || route.prefix !== one.prefix || route.metric !== one.metric)
                return false;
              if (route.table !== table || route.protocol !== 116) return false;
              const last = i === messages.length - 1;
              if (((message.flags & FLAG.ack) !== 0) !== last || message.sequence !== 1000 + i)
                return false;
              if (
                message.type !==
                (one.operation === "delete" ? MESSAGE.deleteRoute : MESSAGE.newRoute)
              )
                return false;
              // The codec, given what was read, must come to the same octets.
              const writer = new NetlinkWriter();
              writeRoute(writer, route);
              if (!writer.bytes.equals(message.payload)) return false;
              if (one.operation !== "delete" && targets.internMessage(route) !== one.id)
                return false;
            }
            const scanned: string[] = [];
            new RouteScanner({ targets, words: columns.words, table }).scan(
              recorder.bytes,
              (route) => {
                scanned.push(
                  `${route.address.subarray(0, columns.words)}/${route.length} ${route.metric} ${route.target()}`,
                );
              },
            );
            const expected = sent
              .filter(({ operation }) => operation !== "delete")
              .map((one) => `${one.words}/${one.length} ${one.metric} ${one.id}`);
            return JSON.stringify(scanned) === JSON.stringify(expected);
          },
        ),
        { numRuns: 400, seed: 1 },
      );
      t.equal(kinds.size, 9, [...kinds].join());
    },
  );
}

t.test("a batch says when it is full", async (t) => {
  const columns = new RouteColumns(1);
  const targets = new RouteTargetTable(4);
  const batch = new RouteBatch({
    socket: new Recorder() as unknown as NetlinkSocket,
    columns,
    protocol: 116,
    table: 254,
  });
  const row = columns.findOrAdd(Uint32Array.of(1), 0, 32, 0);
  const small = targets.get(targets.intern({ type: "blackhole" }));
  for (let i = 0; i < BATCH_MESSAGES; i++) {
    t.ok(batch.hasRoomFor(small));
    batch.put(row, "add", small);
  }
  t.notOk(batch.hasRoomFor(small));
});

t.test(
  "equal targets are one, dead legs do not count, and what is not ours cannot be taken for ours",
  async (t) => {
    const targets = new RouteTargetTable(4);
    const [a, b] = ["10.0.0.1", "10.0.0.2"].map((gateway, i) => ({
      gateway: ipAddressFromBytes(Uint8Array.from(gateway.split("."), Number)),
      interfaceIndex: i + 1,
    })) as [never, never];
    const both = targets.intern({ type: "gateways", legs: [a, b] });
    t.equal(targets.intern({ type: "gateways", legs: [b, a, b] }), both);
    const single = targets.intern({ type: "gateways", legs: [a] });
    const seen = (legs: readonly object[], extra: object = {}) =>
      targets.internMessage({
        prefix: prefixFromBytes(Uint8Array.of(10, 0, 0, 0), 8),
        table: 254,
        metric: 0,
        tos: 0,
        protocol: 116,
        scope: 0,
        kind: "unicast",
        cloned: false,
        legs: legs as never,
        ...extra,
      });
    const alive = (each: object) => ({
      weight: 1,
      onLink: false,
      dead: false,
      linkDown: false,
      ...each,
    });
    t.equal(seen([alive(b), alive(a)]), both);
    t.equal(seen([alive(a), { ...alive(b), dead: true }]), single);
    t.equal(
      seen([alive(a), { ...alive(b), linkDown: true }]),
      both,
      "without carrier a leg is still used",
    );
    for (const extra of [
      { nexthopId: 3 },
      { preferredSource: "10.0.0.9" },
      { kind: "unreachable" },
    ]) {
      const id = seen([alive(a)], extra);
      t.ok(id !== single && targets.get(id).foreignForm, JSON.stringify(extra));
    }
    t.equal(
      new RouteTargetTable(6).intern({ type: "gateways", legs: [a] }),
      0,
      "no IPv6 over IPv4",
    );
    targets.retain((id) => id === both);
    t.equal(targets.size, 1);
    t.throws(() => targets.get(single), RangeError);
  },
);

function prefixOctets(address: Uint8Array, length: number): Uint8Array {
  return address.map((octet, i) => octet & (0xff00 >> Math.min(8, Math.max(0, length - 8 * i))));
}

function wordsOf(bytes: Uint8Array): Uint32Array {
  const buffer = Buffer.from(bytes);
  return Uint32Array.from({ length: bytes.length / 4 }, (_, i) => buffer.readUInt32BE(4 * i));
}
