/**
 * What import decided about a route, in one number: the id of the accepted attribute set (greater than 0), or minus the
 * code of the reason why the route is not eligible. The route stays in the Adj-RIB-In either way, so a new policy needs
 * no help from the peer.
 */
export type Verdict = number;

/** Why a route takes no part in the decision process. Codes are stored in a byte of each route; add rows at the end. */
export const INELIGIBLE = {
  policy: 1,
  ownAsnLoop: 2,
  originatorIsUs: 3,
  clusterLoop: 4,
  ownNextHop: 5,
  invalidNextHop: 6,
  martianPrefix: 7,
  ownAddressPrefix: 8,
  localWorkloadPrefix: 9,
  defaultRouteRefused: 10,
  nodeAddressRefused: 11,
  firstAsnWrong: 12,
  routeLeak: 13,
  prefixLimit: 14,
  asSetRefused: 15,
} as const;

export type IneligibleName = keyof typeof INELIGIBLE;

/** The verdict that refuses a route. */
export function refuse(reason: IneligibleName): Verdict {
  return -INELIGIBLE[reason];
}

const SENTENCES: { readonly [name in IneligibleName]: string } = {
  policy: "the import policy rejects it",
  ownAsnLoop: "its AS_PATH contains our AS (RFC 4271 §9.1.2)",
  originatorIsUs: "its ORIGINATOR_ID is our router id (RFC 4456 §8)",
  clusterLoop: "its CLUSTER_LIST contains our cluster id (RFC 4456 §8)",
  ownNextHop: "its next hop is an address of ours (RFC 4271 §5.1.3)",
  invalidNextHop: "its next hop is not a host's unicast address (RFC 4271 §6.3)",
  martianPrefix: "no route to such a prefix is ever accepted",
  ownAddressPrefix: "the prefix covers only an address of ours",
  localWorkloadPrefix: "the prefix is that of a local workload",
  defaultRouteRefused: "default routes are refused from this peer",
  nodeAddressRefused: "addresses of nodes are refused from this peer",
  firstAsnWrong: "its AS_PATH does not begin with the peer's AS (RFC 4271 §6.3)",
  routeLeak: "it is a route leak (RFC 9234 §5)",
  prefixLimit: "the peer sent more prefixes than its limit",
  asSetRefused: "its AS_PATH contains an AS_SET (RFC 9774)",
};

const NAMES = new Map(
  Object.entries(INELIGIBLE).map(([name, code]) => [code, name as IneligibleName] as const),
);

/** The sentence for a reason code, for status and explain. */
export function describeIneligible(code: number): string {
  const name = NAMES.get(code as (typeof INELIGIBLE)[IneligibleName]);
  return name === undefined ? `refused (${code})` : SENTENCES[name];
}
