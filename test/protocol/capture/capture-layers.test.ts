import assert from "node:assert/strict";
import fc from "fast-check";
import t from "tap";
import { readCapture } from "../../../protocol/capture/capture-file.ts";
import { FragmentReassembler } from "../../../protocol/capture/fragment-reassembler.ts";
import { parseIpPacket } from "../../../protocol/capture/ip-packet.ts";
import { ipPacketOf, isKnownLinkType } from "../../../protocol/capture/link-layer.ts";
import { CaptureError, type Packet } from "../../../protocol/capture/packet.ts";
import { writePcap } from "../../../protocol/capture/pcap.ts";
import { parseTcpSegment, type TcpSegment } from "../../../protocol/capture/tcp-segment.ts";
import { TcpStream } from "../../../protocol/capture/tcp-stream.ts";
import { listFixtures, readFixture } from "../../support/fixture.ts";

const ipv4 = Uint8Array.from(
  Buffer.from("4500001c0001000040063a5d0a0000010a0000020102030405060708", "hex"),
);

function frame(bytes: Uint8Array, linkType = 1, number = 1): Packet {
  return {
    number,
    timestampMicroseconds: 1_700_000_000_123_456 + number,
    linkType,
    bytes,
    originalLength: bytes.length,
  };
}

const hex = (text: string) => Uint8Array.from(Buffer.from(text.replaceAll(" ", ""), "hex"));
const join = (...parts: Uint8Array[]) => Uint8Array.from(Buffer.concat(parts));

t.test("what writePcap writes, readCapture reads", (t) => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 100 }), { maxLength: 10 }), (frames) => {
      const packets = frames.map((bytes, i) => frame(bytes, 101, i + 1));
      assert.deepStrictEqual([...readCapture(writePcap(101, packets))], packets);
    }),
    { numRuns: 50 },
  );
  t.pass("every list of packets");
  t.end();
});

t.test("pcap of either byte order and resolution", (t) => {
  const little = writePcap(1, [frame(ipv4)]);
  const words = new DataView(little.slice().buffer);
  for (const offset of [0, 8, 12, 16, 20, 24, 28, 32, 36]) {
    words.setUint32(offset, words.getUint32(offset, true), false);
  }
  words.setUint16(4, 2, false);
  words.setUint16(6, 4, false);
  t.strictSame(
    [...readCapture(new Uint8Array(words.buffer))],
    [...readCapture(little)],
    "big-endian",
  );
  words.setUint32(0, 0xa1b23c4d, false);
  words.setUint32(28, 123_457_999, false);
  const [nanoseconds] = [...readCapture(new Uint8Array(words.buffer))];
  t.equal(nanoseconds?.timestampMicroseconds, 1_700_000_000_123_457, "nanoseconds round down");
  t.end();
});

t.test("a file that breaks off yields what is whole, then CaptureError", (t) => {
  const whole = writePcap(1, [frame(ipv4, 1, 1), frame(ipv4, 1, 2)]);
  for (let length = 24 + 16 + ipv4.length + 1; length < whole.length; length++) {
    const seen: Packet[] = [];
    t.throws(() => {
      for (const packet of readCapture(whole.subarray(0, length))) seen.push(packet);
    }, CaptureError);
    t.equal(seen.length, 1);
  }
  t.throws(() => readCapture(hex("00112233")), CaptureError, "no capture at all");
  t.end();
});

t.test("a damaged capture never throws anything but CaptureError", (t) => {
  const files = listFixtures("pcaps")
    .filter((name) => /pcap(ng)?$/.test(name))
    .map((name) => readFixture(`pcaps/${name}`).subarray(0, 4000));
  fc.assert(
    fc.property(
      fc.constantFrom(...files),
      fc.array(fc.tuple(fc.nat(3999), fc.nat(255)), { maxLength: 8 }),
      (file, changes) => {
        const damaged = Uint8Array.from(file);
        for (const [offset, value] of changes) if (offset < damaged.length) damaged[offset] = value;
        try {
          for (const packet of readCapture(damaged)) {
            const ip = ipPacketOf(packet);
            const parsed = ip && parseIpPacket(ip);
            if (parsed) parseTcpSegment(parsed);
          }
        } catch (error) {
          if (!(error instanceof CaptureError)) throw error;
        }
      },
    ),
    { numRuns: 300 },
  );
  t.pass();
  t.end();
});

const linkRows: readonly [string, number, Uint8Array][] = [
  ["Ethernet", 1, join(hex("020000000001 020000000002 0800"), ipv4)],
  ["802.1Q", 1, join(hex("020000000001 020000000002 8100 0064 0800"), ipv4)],
  ["QinQ", 1, join(hex("020000000001 020000000002 88a8 0064 8100 0065 0800"), ipv4)],
  ["MPLS, two labels", 1, join(hex("020000000001 020000000002 8847 00010040 00011140"), ipv4)],
  ["Linux cooked", 113, join(hex("0000 0001 0006 020000000001 0000 0800"), ipv4)],
  ["Linux cooked v2", 276, join(hex("0800 0000 00000002 0001 00 06 0200000000010000"), ipv4)],
  ["raw IP", 101, ipv4],
  ["raw IPv4", 228, ipv4],
  ["BSD loopback", 0, join(hex("02000000"), ipv4)],
  ["PPP with framing", 9, join(hex("ff03 0021"), ipv4)],
  ["PPP without framing", 9, join(hex("0021"), ipv4)],
];

for (const [name, linkType, bytes] of linkRows) {
  t.test(`the IP packet in a frame: ${name}`, (t) => {
    t.ok(isKnownLinkType(linkType));
    t.strictSame(ipPacketOf(frame(bytes, linkType)), ipv4);
    for (let length = 0; length < bytes.length - ipv4.length; length++) {
      t.equal(
        ipPacketOf(frame(bytes.subarray(0, length), linkType)),
        undefined,
        `${length} octets`,
      );
    }
    t.end();
  });
}

t.test("ARP, and a link type that nobody knows, hold no IP", (t) => {
  t.equal(ipPacketOf(frame(join(hex("020000000001 020000000002 0806"), ipv4))), undefined);
  t.equal(ipPacketOf(frame(ipv4, 65_000)), undefined);
  t.end();
});

t.test("IPv6 extension headers are passed over; a fragment header is kept", (t) => {
  const addresses = hex("20010db8000000000000000000000001 20010db8000000000000000000000002");
  const segment = hex("00b3 c000 00000001 00000000 5018 0100 0000 0000 aabb");
  const hopByHop = hex("3c 00 010400000000");
  const destination = hex("06 00 010400000000");
  const payload = join(hopByHop, destination, segment);
  const packet = parseIpPacket(join(hex("60000000"), hex("0026 00 40"), addresses, payload));
  t.equal(packet?.protocol, 6);
  t.equal(packet?.source, "2001:db8::1");
  t.strictSame(packet && parseTcpSegment(packet)?.data, hex("aabb"));

  const fragment = join(hex("06 00 0009 00000007"), hex("1122334455667788"));
  const part = parseIpPacket(join(hex("60000000"), hex("0010 2c 40"), addresses, fragment));
  t.strictSame(part?.fragment, { identification: 7, offset: 8, more: true });
  t.end();
});

t.test("fragments in any order, with copies, make the datagram; a missing one makes none", (t) => {
  const payload = fc.uint8Array({ minLength: 25, maxLength: 200 });
  fc.assert(
    fc.property(payload, fc.integer({ min: 1, max: 5 }), fc.nat(), (bytes, units, seed) => {
      const size = units * 8;
      const parts = [];
      for (let offset = 0; offset < bytes.length; offset += size) {
        parts.push(
          parseIpPacket(
            fragmentOf(bytes.subarray(offset, offset + size), offset, offset + size < bytes.length),
          ),
        );
      }
      const order = [...parts, ...parts.slice(0, 1)].sort((a, b) => rank(a, seed) - rank(b, seed));
      const reassembler = new FragmentReassembler();
      const whole = order.flatMap((part) => (part ? (reassembler.add(part) ?? []) : []));
      assert.deepStrictEqual(whole[0]?.payload, bytes);
      const lossy = new FragmentReassembler();
      const some = parts.slice(1).flatMap((part) => (part ? (lossy.add(part) ?? []) : []));
      if (parts.length > 1) assert.equal(some.length, 0);
    }),
    { numRuns: 100 },
  );
  t.pass("every order");
  t.end();
});

function rank(
  part: { readonly fragment?: { readonly offset: number } } | undefined,
  seed: number,
): number {
  return (((part?.fragment?.offset ?? 0) + 1) * (2 * (seed % 1000) + 1)) % 1009;
}

function fragmentOf(bytes: Uint8Array, offset: number, more: boolean): Uint8Array {
  const packet = new Uint8Array(20 + bytes.length);
  const view = new DataView(packet.buffer);
  packet[0] = 0x45;
  view.setUint16(2, packet.length);
  view.setUint16(4, 77);
  view.setUint16(6, offset / 8 + (more ? 0x2000 : 0));
  packet[9] = 6;
  packet.set([10, 0, 0, 1, 10, 0, 0, 2], 12);
  packet.set(bytes, 20);
  return packet;
}

function segmentAt(sequence: number, data: Uint8Array, syn = false): TcpSegment {
  return {
    sourcePort: 179,
    destinationPort: 40_000,
    sequence: sequence >>> 0,
    syn,
    fin: false,
    reset: false,
    data,
    missing: 0,
  };
}

t.test(
  "a TCP stream comes out in order, whatever came twice, early or across the wrap of 2^32",
  (t) => {
    const bytes = fc.uint8Array({ minLength: 1, maxLength: 300 });
    const cuts = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 30 });
    const start = fc.constantFrom(0, 1000, 0xffff_ff00, 0x7fff_fff0);
    fc.assert(
      fc.property(bytes, cuts, start, fc.array(fc.nat(50)), (data, sizes, first, shuffle) => {
        const segments: TcpSegment[] = [];
        for (let at = 0, i = 0; at < data.length; i++) {
          const size = sizes[i % sizes.length] as number;
          // Every other segment overlaps the one before, as a retransmission that was cut anew does.
          const from = i % 2 === 1 ? Math.max(0, at - 3) : at;
          segments.push(segmentAt(first + 1 + from, data.subarray(from, at + size)));
          at += size;
        }
        for (const [i, other] of shuffle.entries()) {
          const [a, b] = [i % segments.length, other % segments.length];
          [segments[a], segments[b]] = [segments[b] as TcpSegment, segments[a] as TcpSegment];
        }
        const stream = new TcpStream();
        const syn = segmentAt(first, new Uint8Array(0), true);
        const chunks = [syn, ...segments].flatMap((segment) => stream.add(segment, frame(ipv4)));
        assert.equal(chunks.filter(({ type }) => type === "gap").length, 0);
        assert.deepStrictEqual(
          join(...chunks.map((chunk) => (chunk.type === "data" ? chunk.bytes : ipv4))),
          data,
        );
        assert.deepStrictEqual(stream.finish(), []);
      }),
      { numRuns: 200 },
    );
    t.pass("all runs");
    t.end();
  },
);

t.test("a segment that was never captured is a gap of its length", (t) => {
  const stream = new TcpStream();
  const chunks = [
    ...stream.add(segmentAt(100, hex("0102")), frame(ipv4)),
    ...stream.add(segmentAt(107, hex("0809")), frame(ipv4)),
    ...stream.finish(),
  ];
  t.strictSame(
    chunks.map((chunk) => (chunk.type === "gap" ? chunk.octets : chunk.bytes)),
    [hex("0102"), 5, hex("0809")],
  );
  t.end();
});
