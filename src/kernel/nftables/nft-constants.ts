/** Message types of nfnetlink: the subsystem (10, nf_tables) stands in the upper octet. linux/netfilter/nf_tables.h. */
export const NFT_MESSAGE = {
  batchBegin: 0x10,
  batchEnd: 0x11,
  newTable: 0xa00,
  getTable: 0xa01,
  deleteTable: 0xa02,
  newChain: 0xa03,
  getChain: 0xa04,
  deleteChain: 0xa05,
  newRule: 0xa06,
  getRule: 0xa07,
  deleteRule: 0xa08,
  newSet: 0xa09,
  getSet: 0xa0a,
  deleteSet: 0xa0b,
  newSetElements: 0xa0c,
  getSetElements: 0xa0d,
  deleteSetElements: 0xa0e,
  newGeneration: 0xa0f,
} as const;

/** nf_tables in the header of a batch. */
export const NFNL_SUBSYSTEM_NFTABLES = 10;
/** NFNLGRP_NFTABLES: every change of every table. */
export const NFNL_GROUP_NFTABLES = 7;
/** Octets of struct nfgenmsg: family, version, resource id in network order. */
export const NFGEN_HEADER_OCTETS = 4;

/** nfgen_family of tables. */
export const NFPROTO = { inet: 1, ip: 2, bridge: 7, ip6: 10 } as const;

export const TABLE_ATTRIBUTE = { name: 1 } as const;
export const CHAIN_ATTRIBUTE = { table: 1, name: 3, hook: 4, policy: 5, type: 7 } as const;
export const HOOK_ATTRIBUTE = { number: 1, priority: 2 } as const;
export const RULE_ATTRIBUTE = {
  table: 1,
  chain: 2,
  handle: 3,
  expressions: 4,
  userData: 7,
} as const;
export const SET_ATTRIBUTE = {
  table: 1,
  name: 2,
  flags: 3,
  keyType: 4,
  keyLength: 5,
  dataType: 6,
  dataLength: 7,
  id: 10,
  userData: 13,
} as const;
export const ELEMENT_LIST_ATTRIBUTE = { table: 1, set: 2, elements: 3 } as const;
export const ELEMENT_ATTRIBUTE = { key: 1, data: 2, flags: 3 } as const;
export const LIST_ELEMENT = 1;
export const EXPRESSION_ATTRIBUTE = { name: 1, data: 2 } as const;
export const DATA_ATTRIBUTE = { value: 1, verdict: 2 } as const;
export const VERDICT_ATTRIBUTE = { code: 1, chain: 2 } as const;

export const SET_FLAG = { interval: 4, map: 8 } as const;
/** NFT_SET_ELEM_INTERVAL_END: the first key after a range. */
export const ELEMENT_INTERVAL_END = 1;
/** NFT_DATA_VERDICT. */
export const DATA_TYPE_VERDICT = 0xffff_ff00;

/** NFTNL_UDATA_SET_KEYBYTEORDER, host's order: without it nft prints names of interfaces as if they were numbers. */
export const SET_KEY_IN_HOST_ORDER = Uint8Array.of(0, 4, 1, 0, 0, 0);

/** NF_INET_*: numbers of hooks. */
export const HOOK_NUMBER = {
  prerouting: 0,
  input: 1,
  forward: 2,
  output: 3,
  postrouting: 4,
} as const;

/** NF_DROP, NF_ACCEPT, NFT_JUMP, NFT_GOTO, NFT_RETURN. */
export const VERDICT_CODE = { drop: 0, accept: 1, jump: -3, goto: -4, return: -5 } as const;
