import { discard, instead, type Row, withAttribute, withdraw } from "./rfc7606-row.ts";
import {
  AS_PATH_65001,
  attribute,
  INTERNAL,
  NEXT_HOP,
  NLRI,
  ORIGIN_IGP,
  TWO_OCTET,
  u16,
  u32,
  updateOctets,
} from "./update-octets.ts";
/** Conditions of single attributes, and of several at once. RFC 7606 §7, RFC 7607, RFC 6793, RFC 8092, RFC 9234, RFC 7311. */
export const ATTRIBUTE_ROWS: readonly Row[] = [
  {
    name: "ORIGIN of 2 octets",
    bytes: instead(0, attribute(0x40, 1, [0, 0])),
    faults: withdraw(1),
  },
  { name: "ORIGIN of value 3", bytes: instead(0, attribute(0x40, 1, [3])), faults: withdraw(1) },
  {
    name: "AS_PATH with segment type 5",
    bytes: instead(1, attribute(0x40, 2, [5, 1, ...u32(1)])),
    faults: withdraw(2),
  },
  {
    name: "AS_PATH with segment type 0",
    bytes: instead(1, attribute(0x40, 2, [0, 1, ...u32(1)])),
    faults: withdraw(2),
  },
  {
    name: "AS_PATH segment overrun",
    bytes: instead(1, attribute(0x40, 2, [2, 2, ...u32(1)])),
    faults: withdraw(2),
  },
  {
    name: "AS_PATH segment underrun",
    bytes: instead(1, attribute(0x40, 2, [2, 1, ...u32(1), 2])),
    faults: withdraw(2),
  },
  {
    name: "AS_PATH segment of zero length",
    bytes: instead(1, attribute(0x40, 2, [2, 0])),
    faults: withdraw(2),
  },
  {
    name: "AS 0 in AS_PATH",
    bytes: instead(1, attribute(0x40, 2, [2, 2, ...u32(1), ...u32(0)])),
    faults: withdraw(2),
  },
  {
    name: "AS 65536 is not AS 0",
    bytes: instead(1, attribute(0x40, 2, [2, 1, ...u32(65536)])),
    faults: [],
  },
  {
    name: "AS 0 in a two-octet AS_PATH",
    bytes: instead(1, attribute(0x40, 2, [2, 2, ...u16(1), ...u16(0)])),
    context: TWO_OCTET,
    faults: withdraw(2),
  },
  {
    name: "AS_CONFED_SEQUENCE from outside",
    bytes: instead(1, attribute(0x40, 2, [3, 1, ...u32(1)])),
    faults: withdraw(2),
  },
  {
    name: "NEXT_HOP of 5 octets",
    bytes: instead(2, attribute(0x40, 3, [1, 2, 3, 4, 5])),
    faults: withdraw(3),
  },
  {
    name: "MULTI_EXIT_DISC of 3 octets",
    bytes: withAttribute(attribute(0x80, 4, [1, 2, 3])),
    faults: withdraw(4),
  },
  {
    name: "LOCAL_PREF from an external peer",
    bytes: withAttribute(attribute(0x40, 5, u32(100))),
    faults: discard(5),
  },
  {
    name: "LOCAL_PREF of 1 octet from an external peer",
    bytes: withAttribute(attribute(0x40, 5, [1])),
    faults: discard(5),
  },
  {
    name: "LOCAL_PREF of 1 octet from an internal peer",
    bytes: withAttribute(attribute(0x40, 5, [1])),
    context: INTERNAL,
    faults: withdraw(5),
  },
  {
    name: "LOCAL_PREF missing from an internal peer",
    bytes: withAttribute(),
    context: INTERNAL,
    faults: [],
  },
  {
    name: "ATOMIC_AGGREGATE of 1 octet",
    bytes: withAttribute(attribute(0x40, 6, [0])),
    faults: discard(6),
  },
  {
    name: "AGGREGATOR of 6 octets between new speakers",
    bytes: withAttribute(attribute(0xc0, 7, [0, 1, 1, 1, 1, 1])),
    faults: discard(7),
  },
  {
    name: "AGGREGATOR of 8 octets from an old speaker",
    bytes: updateOctets({
      attributes: [
        ORIGIN_IGP,
        attribute(0x40, 2, [2, 1, ...u16(65001)]),
        NEXT_HOP,
        attribute(0xc0, 7, [0, 0, 0, 1, 1, 1, 1, 1]),
      ],
      nlri: NLRI,
    }),
    context: TWO_OCTET,
    faults: discard(7),
  },
  {
    name: "AGGREGATOR with AS 0",
    bytes: withAttribute(attribute(0xc0, 7, [...u32(0), 1, 1, 1, 1])),
    faults: discard(7),
  },
  {
    name: "COMMUNITIES of 5 octets",
    bytes: withAttribute(attribute(0xc0, 8, [1, 2, 3, 4, 5])),
    faults: withdraw(8),
  },
  {
    name: "COMMUNITIES of 0 octets",
    bytes: withAttribute(attribute(0xc0, 8, [])),
    faults: withdraw(8),
  },
  {
    name: "EXTENDED COMMUNITIES of 7 octets",
    bytes: withAttribute(attribute(0xc0, 16, [1, 2, 3, 4, 5, 6, 7])),
    faults: withdraw(16),
  },
  {
    name: "EXTENDED COMMUNITIES of unknown type",
    bytes: withAttribute(attribute(0xc0, 16, [0xff, 2, 3, 4, 5, 6, 7, 8])),
    faults: [],
  },
  {
    name: "IPV6 EXTENDED COMMUNITIES of 19 octets",
    bytes: withAttribute(attribute(0xc0, 25, new Array(19).fill(1))),
    faults: withdraw(25),
  },
  {
    name: "LARGE_COMMUNITY of 11 octets",
    bytes: withAttribute(attribute(0xc0, 32, new Array(11).fill(1))),
    faults: withdraw(32),
  },
  {
    name: "LARGE_COMMUNITY repeated",
    bytes: withAttribute(attribute(0xc0, 32, new Array(36).fill(1))),
    faults: [],
  },
  {
    name: "ORIGINATOR_ID from an external peer",
    bytes: withAttribute(attribute(0x80, 9, [1, 1, 1, 1])),
    faults: discard(9),
  },
  {
    name: "ORIGINATOR_ID of 3 octets",
    bytes: withAttribute(attribute(0x80, 9, [1, 1, 1])),
    context: INTERNAL,
    faults: withdraw(9),
  },
  {
    name: "CLUSTER_LIST from an external peer",
    bytes: withAttribute(attribute(0x80, 10, [1, 1, 1, 1])),
    faults: discard(10),
  },
  {
    name: "CLUSTER_LIST of 0 octets",
    bytes: withAttribute(attribute(0x80, 10, [])),
    context: INTERNAL,
    faults: withdraw(10),
  },
  {
    name: "AS4_PATH from a new speaker",
    bytes: withAttribute(attribute(0xc0, 17, [2, 1, ...u32(1)])),
    faults: discard(17),
  },
  {
    name: "AS4_AGGREGATOR from a new speaker",
    bytes: withAttribute(attribute(0xc0, 18, [...u32(1), 1, 1, 1, 1])),
    faults: discard(18),
  },
  {
    name: "AS4_PATH malformed from an old speaker",
    bytes: updateOctets({
      attributes: [
        ORIGIN_IGP,
        attribute(0x40, 2, [2, 1, ...u16(65001)]),
        NEXT_HOP,
        attribute(0xc0, 17, [2, 2, ...u32(1)]),
      ],
      nlri: NLRI,
    }),
    context: TWO_OCTET,
    faults: discard(17),
  },
  {
    name: "ONLY_TO_CUSTOMER of 2 octets",
    bytes: withAttribute(attribute(0xc0, 35, [1, 2])),
    faults: withdraw(35),
  },
  {
    name: "AIGP with a TLV that does not fit",
    bytes: withAttribute(attribute(0x80, 26, [1, 0, 12, ...new Array(8).fill(0)])),
    context: INTERNAL,
    faults: discard(26),
  },
  {
    name: "AIGP with a metric of 4 octets",
    bytes: withAttribute(attribute(0x80, 26, [1, 0, 7, ...u32(1)])),
    context: INTERNAL,
    faults: discard(26),
  },
  {
    name: "AIGP on an external session",
    bytes: withAttribute(attribute(0x80, 26, [1, 0, 11, ...new Array(8).fill(0)])),
    faults: discard(26),
  },
  {
    name: "well-known attribute that nobody knows",
    bytes: withAttribute(attribute(0x40, 200, [1])),
    reset: [3, 2],
    data: "40c80101",
  },
  {
    name: "unknown optional transitive attribute",
    bytes: withAttribute(attribute(0xc0, 200, [1])),
    faults: [],
  },
  {
    name: "unknown optional non-transitive attribute",
    bytes: withAttribute(attribute(0x80, 200, [1])),
    faults: [],
  },
  {
    name: "strongest wins: discard, then withdraw",
    bytes: withAttribute(attribute(0x40, 6, [1]), attribute(0xc0, 8, [1])),
    faults: ["attribute-discard 6", "treat-as-withdraw 8"],
  },
  {
    name: "strongest wins: withdraw, then discard",
    bytes: withAttribute(attribute(0xc0, 8, [1]), attribute(0x40, 6, [1])),
    faults: ["treat-as-withdraw 8", "attribute-discard 6"],
  },
  {
    name: "strongest wins: withdraw first, reset later",
    bytes: updateOctets({
      attributes: [attribute(0x40, 1, [9]), AS_PATH_65001, attribute(0x80, 15, [0, 2])],
      nlri: NLRI,
    }),
    reset: [3, 9],
  },
];
