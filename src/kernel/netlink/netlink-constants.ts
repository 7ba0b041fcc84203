/** Message types of rtnetlink and of netlink itself. linux/rtnetlink.h, linux/netlink.h. */
export const MESSAGE = {
  error: 2,
  done: 3,
  newLink: 16,
  deleteLink: 17,
  getLink: 18,
  setLink: 19,
  newAddress: 20,
  deleteAddress: 21,
  getAddress: 22,
  newRoute: 24,
  deleteRoute: 25,
  getRoute: 26,
  newNeighbor: 28,
  deleteNeighbor: 29,
  getNeighbor: 30,
  newRule: 32,
  deleteRule: 33,
  getRule: 34,
  newNexthop: 104,
  deleteNexthop: 105,
  getNexthop: 106,
} as const;

/** Flags of nlmsghdr. Those of new, get and acknowledgement overlap. */
export const FLAG = {
  request: 0x1,
  ack: 0x4,
  dumpInterrupted: 0x10,
  dump: 0x300,
  replace: 0x100,
  exclusive: 0x200,
  create: 0x400,
  append: 0x800,
  cappedAck: 0x100,
  extendedAck: 0x200,
} as const;

/** Multicast groups of rtnetlink, by number. */
export const GROUP = {
  link: 1,
  neighbor: 3,
  ipv4Address: 5,
  ipv4Route: 7,
  ipv4Rule: 8,
  ipv6Address: 9,
  ipv6Route: 11,
  ipv6Rule: 19,
  nexthop: 32,
} as const;

/** The address families that netlink headers use. */
export const ADDRESS_FAMILY = { unspecified: 0, ipv4: 2, ipv6: 10 } as const;

/** Routing tables that have names. */
export const TABLE = { unspecified: 0, default: 253, main: 254, local: 255 } as const;

/** rtm_scope and ifa_scope. */
export const SCOPE = { universe: 0, site: 200, link: 253, host: 254, nowhere: 255 } as const;

/** Flags of a next hop: rtnh_flags, and rtm_flags of a route with one. */
export const LEG_FLAG = { dead: 1, pervasive: 2, onLink: 4, offload: 8, linkDown: 16 } as const;

/** Flags of a link: ifi_flags. */
export const LINK_FLAG = { up: 0x1, loopback: 0x8, running: 0x40, lowerUp: 0x1_0000 } as const;

/** Flags of an address: IFA_FLAGS. */
export const ADDRESS_FLAG = {
  noDad: 0x02,
  dadFailed: 0x08,
  tentative: 0x40,
  permanent: 0x80,
  noPrefixRoute: 0x200,
} as const;

/** States of a neighbor entry: ndm_state. */
export const NEIGHBOR_STATE = {
  incomplete: 0x01,
  reachable: 0x02,
  stale: 0x04,
  delay: 0x08,
  probe: 0x10,
  failed: 0x20,
  noArp: 0x40,
  permanent: 0x80,
} as const;
