/** A table as it shall be: plain data that renders to netlink and compares with what the kernel holds. */
export type NftTable = {
  readonly family: NftFamily;
  readonly name: string;
  readonly sets: readonly NftSet[];
  readonly chains: readonly NftChain[];
};

/** `inet` and the others are only read: tortie's own tables are of one IP version each. */
export type NftFamily = "ip" | "ip6";

export type NftChain = {
  readonly name: string;
  /** Present in a base chain: where the kernel calls it. */
  readonly hook?: NftHook;
  readonly rules: readonly NftRule[];
};

export type NftHook = {
  readonly type: "filter" | "nat";
  readonly hook: "prerouting" | "input" | "forward" | "output" | "postrouting";
  readonly priority: number;
  readonly policy: "accept" | "drop";
};

export type NftRule = {
  /** Shown by `nft list`; letters, digits and a few signs, see COMMENT. */
  readonly comment?: string;
  readonly statements: readonly NftStatement[];
};

/** What can be loaded from a packet. Several together are a concatenation. */
export type NftField = keyof typeof NFT_FIELDS;

/**
 * Octets of each field as a key, and nft's number of its data type, by which `nft list` knows how to print it. Addresses have
 * their table's width.
 */
export const NFT_FIELDS = {
  iifname: { octets: 16, dataType: 41 },
  oifname: { octets: 16, dataType: 41 },
  saddr: { octets: "address", dataType: { ip: 7, ip6: 8 } },
  daddr: { octets: "address", dataType: { ip: 7, ip6: 8 } },
  l4proto: { octets: 1, dataType: 12 },
  sport: { octets: 2, dataType: 13 },
  dport: { octets: 2, dataType: 13 },
  icmpType: { octets: 1, dataType: { ip: 14, ip6: 29 } },
  icmpCode: { octets: 1, dataType: { ip: 32, ip6: 33 } },
  ctState: { octets: 4, dataType: 26 },
  ctStatus: { octets: 4, dataType: 28 },
  /** The kind of route that leads to the destination: `fib daddr type`. */
  daddrType: { octets: 4, dataType: 38 },
  /** The kind of route that leads to the source: `fib saddr type`. */
  saddrType: { octets: 4, dataType: 38 },
  /** The same if only the interface by which the packet leaves is looked at: `fib saddr . oif type`. */
  saddrTypeAtOutput: { octets: 4, dataType: 38 },
  /** 1 (in the host's order) when the way back to the source leads through the interface it came from: `fib saddr . iif oif present`. */
  saddrHasReturnPath: { octets: 4, dataType: 4 },
} as const;

/** Matches go on when they hold; a verdict ends the rule. */
export type NftStatement =
  | {
      readonly type: "compare";
      readonly field: NftField;
      readonly operator: "==" | "!=";
      /** Shorter than the field: only the first octets are compared (a name's beginning, a prefix of whole octets). */
      readonly octets: Uint8Array;
    }
  /** Some bit of the mask is set. */
  | { readonly type: "anyBit"; readonly field: NftField; readonly mask: Uint8Array }
  | {
      readonly type: "inSet";
      readonly fields: readonly NftField[];
      readonly set: string;
      readonly negated?: true;
    }
  /** A verdict map; a key that is not there goes on with the next rule. */
  | { readonly type: "dispatch"; readonly fields: readonly NftField[]; readonly map: string }
  | { readonly type: "counter" }
  | { readonly type: "log"; readonly prefix: string }
  | { readonly type: "verdict"; readonly verdict: NftVerdict }
  | { readonly type: "masquerade"; readonly ports?: NftPortRange }
  | { readonly type: "snat"; readonly address: Uint8Array; readonly ports?: NftPortRange }
  /** Address and port from a map with data "addressAndPort". */
  | { readonly type: "dnat"; readonly fields: readonly NftField[]; readonly map: string };

export type NftPortRange = { readonly first: number; readonly last: number };

export type NftVerdict =
  | { readonly type: "accept" | "drop" | "return" }
  | { readonly type: "jump" | "goto"; readonly chain: string };

export type NftSet = {
  readonly name: string;
  readonly key: readonly NftField[];
  /** Elements are ranges, each with both ends; they must not overlap. */
  readonly interval?: true;
  readonly data?: "verdict" | "addressAndPort";
  readonly elements: readonly NftElement[];
};

export type NftElement = {
  /** As many octets as the key, each part padded to a multiple of four when there are several. */
  readonly key: Uint8Array;
  /** In an interval set: the last key of the range. */
  readonly last?: Uint8Array;
  readonly data?: NftVerdict | Uint8Array;
};

/** What a name may be made of. Names from users are hashed or left out: nothing else reaches the kernel. */
export const NFT_NAME = /^[a-z][a-z0-9-]{0,62}$/;
export const NFT_COMMENT = /^[A-Za-z0-9 ._:/,-]{1,100}$/;
