/** Type codes of the path attributes that tortie reads. IANA "BGP Path Attributes". */
export const AttributeCode = {
  origin: 1,
  asPath: 2,
  nextHop: 3,
  multiExitDisc: 4,
  localPref: 5,
  atomicAggregate: 6,
  aggregator: 7,
  communities: 8,
  originatorId: 9,
  clusterList: 10,
  mpReach: 14,
  mpUnreach: 15,
  extendedCommunities: 16,
  as4Path: 17,
  as4Aggregator: 18,
  ipv6ExtendedCommunities: 25,
  aigp: 26,
  largeCommunities: 32,
  onlyToCustomer: 35,
} as const;

/** Names of attributes that are passed on unread, for people. IANA "BGP Path Attributes". */
const UNREAD_NAMES: ReadonlyMap<number, string> = new Map([
  [11, "DPA"],
  [20, "CONNECTOR"],
  [21, "AS_PATHLIMIT"],
  [22, "PMSI_TUNNEL"],
  [23, "TUNNEL_ENCAPSULATION"],
  [24, "TRAFFIC_ENGINEERING"],
  [27, "PE_DISTINGUISHER_LABELS"],
  [28, "ENTROPY_LABEL"],
  [29, "BGP_LS"],
  [33, "BGPSEC_PATH"],
  [34, "COMMUNITY_CONTAINER"],
  [36, "D_PATH"],
  [37, "SFP"],
  [38, "BFD_DISCRIMINATOR"],
  [39, "BGP_ROUTER_CAPABILITIES"],
  [40, "PREFIX_SID"],
  [128, "ATTR_SET"],
]);

/** The registered name of an attribute that tortie does not read, or its number: "ATTRIBUTE_200". */
export function unreadAttributeName(code: number): string {
  return UNREAD_NAMES.get(code) ?? `ATTRIBUTE_${code}`;
}
