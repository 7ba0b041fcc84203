import fc from "fast-check";
import { Address4, Address6 } from "ip-address";
import t from "tap";
import { Asn, parseAsn } from "../../../protocol/types/asn.ts";
import {
  Community,
  formatCommunity,
  parseCommunity,
  parseLargeCommunity,
} from "../../../protocol/types/community.ts";
import {
  afiOf,
  Family,
  formatFamily,
  IPV4_UNICAST,
  IPV6_UNICAST,
  parseFamily,
  safiOf,
} from "../../../protocol/types/family.ts";
import { addSeconds, Instant } from "../../../protocol/types/instant.ts";
import {
  compareIpAddress,
  IpAddress,
  ipAddressFromBytes,
  ipAddressToBytes,
  ipVersion,
  ipv4FromNumber,
  ipv4ToNumber,
  parseIpAddress,
} from "../../../protocol/types/ip-address.ts";
import {
  comparePrefix,
  hostPrefix,
  Prefix,
  parsePrefix,
  prefixAddress,
  prefixContains,
  prefixContainsAddress,
  prefixFamily,
  prefixFromBytes,
  prefixLength,
  prefixOf,
} from "../../../protocol/types/prefix.ts";
import { formatRouterId, RouterId, routerIdFromText } from "../../../protocol/types/router-id.ts";

const v4 = fc.uint8Array({ minLength: 4, maxLength: 4 });
/** Zeros are frequent, so that every place of "::" comes up. */
const v6 = fc
  .array(fc.oneof(fc.constant(0), fc.nat({ max: 0xffff })), { minLength: 8, maxLength: 8 })
  .map((groups) => Uint8Array.from(groups.flatMap((group) => [group >> 8, group & 255])));
const either = fc.oneof(v4, v6);

t.test("addresses print as the ip-address package prints them, and parse back", async (_t) => {
  fc.assert(
    fc.property(either, (bytes) => {
      const address = ipAddressFromBytes(bytes);
      const oracle =
        bytes.length === 4
          ? Address4.fromByteArray([...bytes]).correctForm()
          : Address6.fromByteArray([...bytes]).correctForm();
      const same = Buffer.compare(ipAddressToBytes(address), bytes) === 0;
      return address === oracle && same && parseIpAddress(address) === address;
    }),
    { numRuns: 2000 },
  );
});

t.test("every way to write an IPv6 address parses to the same one", async (_t) => {
  fc.assert(
    fc.property(v6, (bytes) => {
      const oracle = Address6.fromByteArray([...bytes]);
      const address = ipAddressFromBytes(bytes);
      const texts = [oracle.canonicalForm(), oracle.correctForm().toUpperCase(), oracle.to4in6()];
      return texts.every((text) => parseIpAddress(text) === address);
    }),
    { numRuns: 1000 },
  );
});

t.test("texts that are no addresses are refused", async (t) => {
  const texts = [
    ...["", "1.2.3", "1.2.3.4.5", "1.2.3.256", "01.2.3.4", "1.2.3.4/24", " 1.2.3.4", "1.2.3.-4"],
    ...[
      "::1::",
      "1:2:3:4:5:6:7",
      "1:2:3:4:5:6:7:8:9",
      "12345::",
      "fe80::1%eth0",
      ":1",
      "1:",
      ":::",
    ],
    ...["::1.2.3.256", "1.2.3.4::", "1:2:3:4:5:6:7::8", "g::", "::ffff:1.2.3.4:5"],
  ];
  for (const text of texts) {
    t.equal(parseIpAddress(text), undefined, text);
    t.throws(() => IpAddress(text), RangeError);
  }
  t.throws(() => ipAddressFromBytes(new Uint8Array(5)), RangeError);
});

t.test("RFC 5952 §4: the longest run, the first of equals, never a single group", async (t) => {
  t.equal(IpAddress("2001:0:0:1:0:0:0:1"), "2001:0:0:1::1");
  t.equal(IpAddress("2001:db8:0:0:1:0:0:1"), "2001:db8::1:0:0:1");
  t.equal(IpAddress("2001:db8:0:1:1:1:1:1"), "2001:db8:0:1:1:1:1:1");
  t.equal(IpAddress("0:0:0:0:0:0:0:0"), "::");
  t.equal(IpAddress("::ffff:10.0.0.1"), "::ffff:a00:1");
});

t.test("addresses compare by family and value; IPv4 is a number", async (t) => {
  fc.assert(
    fc.property(either, either, (a, b) => {
      const order = Math.sign(compareIpAddress(ipAddressFromBytes(a), ipAddressFromBytes(b)));
      const model = Math.sign(a.length - b.length || Buffer.compare(a, b));
      return order === model;
    }),
  );
  fc.assert(
    fc.property(fc.nat({ max: 0xffff_ffff }), (n) => ipv4ToNumber(ipv4FromNumber(n)) === n),
  );
  t.equal(ipVersion(IpAddress("::")), 6);
  t.equal(ipVersion(IpAddress("0.0.0.0")), 4);
});

t.test("prefixes are masked as the ip-address package masks them", async (_t) => {
  fc.assert(
    fc.property(either, fc.nat({ max: 128 }), (bytes, bits) => {
      const length = bits % (bytes.length * 8 + 1);
      const prefix = prefixFromBytes(bytes, length);
      const text = `${ipAddressFromBytes(bytes)}/${length}`;
      const oracle = bytes.length === 4 ? new Address4(text) : new Address6(text);
      const expected = `${oracle.startAddress().correctForm()}/${length}`;
      const parts = prefixOf(prefixAddress(prefix), prefixLength(prefix)) === prefix;
      const family = bytes.length === 4 ? IPV4_UNICAST : IPV6_UNICAST;
      return (
        prefix === expected &&
        parsePrefix(expected) === prefix &&
        parts &&
        prefixFamily(prefix) === family
      );
    }),
    { numRuns: 2000 },
  );
});

t.test("a prefix contains what the ip-address package says", async (t) => {
  const pair = fc.tuple(v4, fc.nat({ max: 32 }), v4, fc.nat({ max: 32 }), fc.nat({ max: 32 }));
  let inside = 0;
  fc.assert(
    fc.property(pair, ([a, outerLength, b, innerLength, shared]) => {
      // Two random addresses rarely share their first bits: make them.
      const mixed = a.map((octet, i) => (8 * i < shared ? octet : (b[i] as number)));
      const [outer, inner] = [prefixFromBytes(a, outerLength), prefixFromBytes(mixed, innerLength)];
      const oracle = new Address4(inner).isInSubnet(new Address4(outer));
      if (oracle) inside++;
      const address = ipAddressFromBytes(mixed);
      const holds = new Address4(address).isInSubnet(new Address4(outer));
      return (
        prefixContains(outer, inner) === oracle && prefixContainsAddress(outer, address) === holds
      );
    }),
    { numRuns: 1000 },
  );
  t.ok(inside > 50, `${inside} inside`);
  t.equal(prefixContains(Prefix("::/0"), Prefix("10.0.0.0/8")), false, "families do not mix");
});

t.test("texts that are no prefixes are refused", async (t) => {
  for (const text of [
    "10.0.0.0",
    "10.0.0.1/8",
    "10.0.0.0/33",
    "::/129",
    "::1/64",
    "10.0.0.0/-1",
    "10.0.0.0/8/8",
    "/8",
    "10.0.0.0/",
  ]) {
    t.equal(parsePrefix(text), undefined, text);
    t.throws(() => Prefix(text), RangeError);
  }
  t.throws(() => prefixFromBytes(new Uint8Array(4), 33), RangeError);
  t.throws(() => prefixFromBytes(new Uint8Array(4), 1.5), RangeError);
  t.equal(hostPrefix(IpAddress("10.0.0.1")), "10.0.0.1/32");
  t.equal(hostPrefix(IpAddress("fd00::1")), "fd00::1/128");
});

t.test("prefixes sort: IPv4 before IPv6, by address, shorter first", async (t) => {
  const sorted = ["0.0.0.0/0", "10.0.0.0/8", "10.0.0.0/24", "10.0.1.0/24", "::/0", "fd00::/8"].map(
    Prefix,
  );
  t.strictSame([...sorted].reverse().sort(comparePrefix), sorted);
});

t.test("AS numbers: asplain and asdot (RFC 5396), never 0 (RFC 7607)", async (t) => {
  t.equal(parseAsn("65001"), 65001);
  t.equal(parseAsn("1.10"), 65546);
  t.equal(parseAsn("4294967295"), 4294967295);
  for (const text of ["0", "0.0", "4294967296", "65536.0", "1.65536", "-1", "", "1.2.3", "1e3"]) {
    t.equal(parseAsn(text), undefined, text);
  }
  for (const value of [0, -1, 1.5, 2 ** 32, Number.NaN]) t.throws(() => Asn(value), RangeError);
});

t.test("communities, families, router ids and instants: text and value, both ways", async (t) => {
  fc.assert(
    fc.property(fc.nat({ max: 0xffff_ffff }), (value) => {
      const community = Community(value);
      const known = parseCommunity(formatCommunity(community)) === community;
      return known && (value === 0 || routerIdFromText(formatRouterId(RouterId(value))) === value);
    }),
  );
  for (const text of ["65536:1", "1:65536", "1", "1:2:3", "a:b", ""])
    t.equal(parseCommunity(text), undefined, text);
  t.equal(parseLargeCommunity("4294967295:0:1"), "4294967295:0:1");
  t.equal(parseLargeCommunity("001:0:1"), "1:0:1");
  for (const text of ["4294967296:0:1", "1:2", "1:2:3:4", ""])
    t.equal(parseLargeCommunity(text), undefined, text);
  fc.assert(
    fc.property(fc.nat({ max: 0xffff }), fc.nat({ max: 255 }), (afi, safi) => {
      const family = Family(afi, safi);
      return (
        parseFamily(formatFamily(family)) === family &&
        afiOf(family) === afi &&
        safiOf(family) === safi
      );
    }),
  );
  t.throws(() => Family(0x1_0000, 1), RangeError);
  t.throws(() => Family(1, 256), RangeError);
  t.throws(() => RouterId(0), RangeError);
  t.throws(() => routerIdFromText("::1"), RangeError);
  t.equal(addSeconds(Instant(1), 2), 2001);
  t.throws(() => Instant(Number.NaN), RangeError);
});
