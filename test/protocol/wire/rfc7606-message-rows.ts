import { toHex } from "../../../protocol/wire/octets.ts";
import {
  discard,
  FIRST_ATTRIBUTE,
  FOURTH_ATTRIBUTE,
  instead,
  type Row,
  withAttribute,
  withdraw,
} from "./rfc7606-row.ts";
import {
  AS_PATH_65001,
  attribute,
  MANDATORY,
  MP_REACH,
  MP_REACH_VALUE,
  MP_UNREACH,
  NEXT_HOP,
  NLRI,
  ORIGIN_IGP,
  u16,
  u32,
  updateOctets,
} from "./update-octets.ts";

function overlongWithdrawn(): Uint8Array {
  const bytes = updateOctets({ nlri: NLRI });
  bytes.set([0xff, 0xff], 19);
  return bytes;
}

function overlongAttributes(): Uint8Array {
  const bytes = updateOctets({ attributes: [...MANDATORY], nlri: NLRI });
  bytes.set(u16(100), 21);
  return bytes;
}

/** Conditions of the message, its prefixes and the two MP attributes. RFC 7606 §3 to §5, §7.11, §7.12. */
export const MESSAGE_ROWS: readonly Row[] = [
  {
    name: "withdrawn length beyond the message",
    bytes: overlongWithdrawn(),
    reset: [3, 1],
    offset: 19,
  },
  {
    name: "attribute length beyond the message",
    bytes: overlongAttributes(),
    reset: [3, 1],
    offset: 21,
  },
  {
    name: "wrong optional bit",
    bytes: withAttribute(attribute(0x00, 4, u32(1))),
    faults: withdraw(4),
    offset: FOURTH_ATTRIBUTE,
  },
  {
    name: "wrong transitive bit",
    bytes: withAttribute(attribute(0xc0, 4, u32(1))),
    faults: withdraw(4),
  },
  {
    name: "wrong flags on a discardable attribute",
    bytes: withAttribute(attribute(0x40, 7, [...u32(1), ...u32(1)])),
    faults: withdraw(7),
  },
  {
    name: "ORIGIN missing",
    bytes: updateOctets({ attributes: [AS_PATH_65001, NEXT_HOP], nlri: NLRI }),
    faults: withdraw(1),
    offset: FIRST_ATTRIBUTE,
  },
  {
    name: "AS_PATH missing",
    bytes: updateOctets({ attributes: [ORIGIN_IGP, NEXT_HOP], nlri: NLRI }),
    faults: withdraw(2),
  },
  {
    name: "NEXT_HOP missing",
    bytes: updateOctets({ attributes: [ORIGIN_IGP, AS_PATH_65001], nlri: NLRI }),
    faults: withdraw(3),
  },
  {
    name: "NEXT_HOP not needed by MP_REACH_NLRI",
    bytes: updateOctets({ attributes: [MP_REACH, ORIGIN_IGP, AS_PATH_65001] }),
    faults: [],
  },
  {
    name: "ORIGIN missing beside MP_REACH_NLRI",
    bytes: updateOctets({ attributes: [MP_REACH, AS_PATH_65001] }),
    faults: withdraw(1),
  },
  {
    name: "MP_REACH_NLRI twice",
    bytes: updateOctets({ attributes: [MP_REACH, ...MANDATORY, MP_REACH], nlri: NLRI }),
    reset: [3, 1],
  },
  {
    name: "MP_UNREACH_NLRI twice",
    bytes: updateOctets({ attributes: [MP_UNREACH, MP_UNREACH] }),
    reset: [3, 1],
  },
  {
    name: "another attribute twice: the first counts",
    bytes: withAttribute(attribute(0x80, 4, u32(7)), attribute(0x80, 4, [1])),
    faults: discard(4),
    offset: FOURTH_ATTRIBUTE + 7,
  },
  {
    name: "ORIGIN twice, the second one wrong",
    bytes: withAttribute(attribute(0x40, 1, [9])),
    faults: discard(1),
  },
  {
    name: "last attribute overruns",
    bytes: withAttribute([0x80, 4, 9, 0, 0]),
    faults: withdraw(4),
    offset: FOURTH_ATTRIBUTE,
  },
  {
    name: "two octets left for an attribute header",
    bytes: withAttribute([0x80, 4]),
    faults: withdraw(4),
  },
  {
    name: "three octets left, extended length",
    bytes: withAttribute([0x90, 4, 0]),
    faults: withdraw(4),
  },
  {
    name: "MP_REACH_NLRI overruns: its NLRI are cut off",
    bytes: updateOctets({ attributes: [ORIGIN_IGP, AS_PATH_65001, MP_REACH.slice(0, -1)] }),
    reset: [3, 1],
  },
  {
    name: "zero-length attribute that must not be",
    bytes: withAttribute(attribute(0x80, 4, [])),
    faults: withdraw(4),
  },
  { name: "zero-length AS_PATH may be", bytes: instead(1, attribute(0x40, 2, [])), faults: [] },
  {
    name: "error without reachable NLRI",
    bytes: updateOctets({ attributes: [attribute(0x40, 1, [9])] }),
    reset: [3, 6],
    data: "40010109",
  },
  {
    name: "error beside withdrawn routes only",
    bytes: updateOctets({ withdrawn: NLRI, attributes: [attribute(0x40, 1, [0, 0])] }),
    reset: [3, 5],
    data: "4001020000",
  },
  {
    name: "discardable error without reachable NLRI",
    bytes: updateOctets({ attributes: [attribute(0x40, 6, [1])] }),
    faults: discard(6),
    announced: 0,
  },
  {
    name: "overrun behind MP_UNREACH_NLRI, no reachable NLRI",
    bytes: updateOctets({ attributes: [MP_UNREACH, [0x40, 1, 9]] }),
    reset: [3, 1],
  },
  {
    name: "MP_REACH_NLRI without prefixes reaches nothing",
    bytes: updateOctets({
      attributes: [attribute(0x80, 14, MP_REACH_VALUE.slice(0, 21)), attribute(0x40, 1, [9])],
    }),
    reset: [3, 6],
  },
  {
    name: "IPv4 prefix of 33 bits",
    bytes: updateOctets({ attributes: [...MANDATORY], nlri: [33, 1, 2, 3, 4, 5] }),
    reset: [3, 10],
    data: "",
    offset: FOURTH_ATTRIBUTE,
  },
  {
    name: "IPv4 prefix cut off",
    bytes: updateOctets({ attributes: [...MANDATORY], nlri: [24, 203, 0] }),
    reset: [3, 10],
  },
  {
    name: "withdrawn IPv4 prefix of 40 bits",
    bytes: updateOctets({ withdrawn: [40, 1, 2, 3, 4, 5] }),
    reset: [3, 10],
    offset: 21,
  },
  {
    name: "MP_REACH_NLRI with a prefix of 129 bits",
    bytes: updateOctets({
      attributes: [
        ...MANDATORY,
        attribute(0x80, 14, [...MP_REACH_VALUE.slice(0, 21), 129, ...new Array(17).fill(0)]),
      ],
    }),
    reset: [3, 9],
  },
  {
    name: "MP_REACH_NLRI cut off",
    bytes: updateOctets({
      attributes: [...MANDATORY, attribute(0x80, 14, MP_REACH_VALUE.slice(0, -1))],
    }),
    reset: [3, 9],
  },
  {
    name: "MP_UNREACH_NLRI with a prefix of 200 bits",
    bytes: updateOctets({ attributes: [attribute(0x80, 15, [0, 2, 1, 200])] }),
    reset: [3, 9],
    data: "800f04000201c8",
  },
  {
    name: "MP_REACH_NLRI with wrong flags",
    bytes: updateOctets({ attributes: [...MANDATORY, attribute(0xc0, 14, MP_REACH_VALUE)] }),
    reset: [3, 4],
    data: toHex(Uint8Array.from(attribute(0xc0, 14, MP_REACH_VALUE))),
  },
  {
    name: "MP_UNREACH_NLRI of 2 octets",
    bytes: updateOctets({ attributes: [attribute(0x80, 15, [0, 2])] }),
    reset: [3, 9],
  },
  {
    name: "MP_REACH_NLRI of 4 octets",
    bytes: updateOctets({ attributes: [attribute(0x80, 14, [0, 2, 1, 0])] }),
    reset: [3, 9],
  },
  {
    name: "IPv6 next hop of 8 octets",
    bytes: updateOctets({
      attributes: [attribute(0x80, 14, [0, 2, 1, 8, ...new Array(9).fill(0), ...NLRI])],
    }),
    reset: [3, 9],
  },
  {
    name: "IPv6 next hop for IPv4 that was not agreed on",
    bytes: updateOctets({
      attributes: [
        ORIGIN_IGP,
        AS_PATH_65001,
        attribute(0x80, 14, [0, 1, 1, 16, ...new Array(17).fill(1), ...NLRI]),
      ],
    }),
    reset: [3, 9],
  },
  {
    name: "next hop that overruns MP_REACH_NLRI",
    bytes: updateOctets({ attributes: [attribute(0x80, 14, [0, 2, 1, 16, 1, 2, 3])] }),
    reset: [3, 9],
  },
];
