import {
  type Attributes,
  readAttributes,
  readMessages,
  textAttribute,
} from "../netlink/netlink-reader.ts";
import type { NetlinkSocket } from "../netlink/netlink-socket.ts";
import type { NetlinkWriter } from "../netlink/netlink-writer.ts";
import {
  asKey,
  attributesInOrder,
  type ChainContent,
  hookText,
  ruleFingerprint,
  type SetContent,
  shapeText,
  type TableContent,
} from "./compiled-table.ts";
import {
  CHAIN_ATTRIBUTE,
  DATA_ATTRIBUTE,
  ELEMENT_ATTRIBUTE,
  ELEMENT_INTERVAL_END,
  ELEMENT_LIST_ATTRIBUTE,
  HOOK_ATTRIBUTE,
  NFGEN_HEADER_OCTETS,
  NFPROTO,
  NFT_MESSAGE,
  RULE_ATTRIBUTE,
  SET_ATTRIBUTE,
  SET_FLAG,
  TABLE_ATTRIBUTE,
} from "./nft-constants.ts";
import type { NftFamily } from "./nft-table.ts";

/** Reads one table from the kernel; undefined when there is none of this name. */
export function readTable(
  socket: NetlinkSocket,
  { family, name }: { readonly family: NftFamily; readonly name: string },
): TableContent | undefined {
  const tables = list(socket, { type: NFT_MESSAGE.getTable, family: NFPROTO[family] });
  if (!tables.some(({ attributes }) => textAttribute(attributes, TABLE_ATTRIBUTE.name) === name)) {
    return undefined;
  }
  const chains = new Map<string, ChainContent & { readonly rules: string[] }>();
  for (const chain of listChains(socket, NFPROTO[family])) {
    if (chain.table === name) {
      chains.set(chain.name, { hook: chain.base ? hookText(chain.base) : "", rules: [] });
    }
  }
  for (const rule of listRules(socket, { family: NFPROTO[family], table: name })) {
    chains.get(rule.chain)?.rules.push(ruleFingerprint(rule));
  }
  const sets = new Map<string, SetContent>();
  for (const set of listSets(socket, { family, table: name })) {
    const elements = readElements(socket, { family, table: name, set: set.name });
    sets.set(set.name, { shape: set.shape, elements });
  }
  return { chains, sets };
}

/** A chain as the kernel lists it; a base chain says where it is called. */
export type KernelChain = {
  readonly family: number;
  readonly table: string;
  readonly name: string;
  readonly base?: {
    readonly type: string;
    readonly hook: number;
    readonly priority: number;
    readonly policy: "accept" | "drop";
  };
};

/** Chains of one family, or (0) of all. */
export function listChains(socket: NetlinkSocket, family: number): KernelChain[] {
  return list(socket, { type: NFT_MESSAGE.getChain, family }).map(({ family, attributes }) => {
    const hook = attributes.get(CHAIN_ATTRIBUTE.hook);
    const place = hook && readAttributes(hook);
    return {
      family,
      table: textAttribute(attributes, CHAIN_ATTRIBUTE.table) ?? "",
      name: textAttribute(attributes, CHAIN_ATTRIBUTE.name) ?? "",
      ...(place && {
        base: {
          type: textAttribute(attributes, CHAIN_ATTRIBUTE.type) ?? "",
          hook: be32Attribute(place, HOOK_ATTRIBUTE.number) ?? 0,
          priority: (be32Attribute(place, HOOK_ATTRIBUTE.priority) ?? 0) | 0,
          policy: be32Attribute(attributes, CHAIN_ATTRIBUTE.policy) === 0 ? "drop" : "accept",
        },
      }),
    };
  });
}

/** A rule as the kernel lists it. */
export type KernelRule = {
  readonly chain: string;
  readonly handle: Buffer;
  readonly expressions: Buffer;
  readonly userData: Buffer;
};

/** The rules of a table, chain by chain in order. */
export function listRules(
  socket: NetlinkSocket,
  { family, table }: { readonly family: number; readonly table: string },
): KernelRule[] {
  const write = (writer: NetlinkWriter) => writer.attributeText(RULE_ATTRIBUTE.table, table);
  return list(socket, { type: NFT_MESSAGE.getRule, family, write }).flatMap(({ attributes }) => {
    if (textAttribute(attributes, RULE_ATTRIBUTE.table) !== table) return [];
    return [
      {
        chain: textAttribute(attributes, RULE_ATTRIBUTE.chain) ?? "",
        handle: attributes.get(RULE_ATTRIBUTE.handle) ?? NOTHING,
        expressions: attributes.get(RULE_ATTRIBUTE.expressions) ?? NOTHING,
        userData: attributes.get(RULE_ATTRIBUTE.userData) ?? NOTHING,
      },
    ];
  });
}

const NOTHING = Buffer.alloc(0);

/** Flags that say how a set is kept, not what it holds, are none of ours: a foreign set with them differs from ours. */
function listSets(
  socket: NetlinkSocket,
  { family, table }: { readonly family: NftFamily; readonly table: string },
): readonly { readonly name: string; readonly shape: string }[] {
  const write = (writer: NetlinkWriter) => writer.attributeText(SET_ATTRIBUTE.table, table);
  const sets = list(socket, { type: NFT_MESSAGE.getSet, family: NFPROTO[family], write });
  return sets.flatMap(({ attributes }) => {
    if (textAttribute(attributes, SET_ATTRIBUTE.table) !== table) return [];
    const number = (type: number) => be32Attribute(attributes, type);
    const flags = number(SET_ATTRIBUTE.flags) ?? 0;
    const shape = shapeText({
      flags,
      keyType: number(SET_ATTRIBUTE.keyType) ?? 0,
      keyLength: number(SET_ATTRIBUTE.keyLength) ?? 0,
      ...((flags & SET_FLAG.map) !== 0 && {
        dataType: number(SET_ATTRIBUTE.dataType) ?? 0,
        dataLength: number(SET_ATTRIBUTE.dataLength) ?? 0,
      }),
    });
    return [{ name: textAttribute(attributes, SET_ATTRIBUTE.name) ?? "", shape }];
  });
}

function readElements(
  socket: NetlinkSocket,
  {
    family,
    table,
    set,
  }: { readonly family: NftFamily; readonly table: string; readonly set: string },
): ReadonlyMap<string, string> {
  const read: ReadElement[] = [];
  const lists = list(socket, {
    type: NFT_MESSAGE.getSetElements,
    family: NFPROTO[family],
    write: (writer) => {
      writer.attributeText(ELEMENT_LIST_ATTRIBUTE.table, table);
      writer.attributeText(ELEMENT_LIST_ATTRIBUTE.set, set);
    },
  });
  for (const { attributes } of lists) {
    for (const { value } of attributesInOrder(
      attributes.get(ELEMENT_LIST_ATTRIBUTE.elements) ?? NOTHING,
    )) {
      const element = readAttributes(value);
      const key = readAttributes(element.get(ELEMENT_ATTRIBUTE.key) ?? NOTHING);
      read.push({
        key: asKey(key.get(DATA_ATTRIBUTE.value) ?? NOTHING),
        isEnd: be32Attribute(element, ELEMENT_ATTRIBUTE.flags) === ELEMENT_INTERVAL_END,
        data: asKey(element.get(ELEMENT_ATTRIBUTE.data) ?? NOTHING),
      });
    }
  }
  return paired(read);
}

type ReadElement = { readonly key: string; readonly isEnd: boolean; readonly data: string };

/** Puts the ends of ranges to their beginnings: the end that follows, in the order of keys. */
function paired(read: readonly ReadElement[]): ReadonlyMap<string, string> {
  const elements = new Map<string, string>();
  const hasEnds = read.some(({ isEnd }) => isEnd);
  const ordered = hasEnds ? read.toSorted(byKey) : read;
  let open: ReadElement | undefined;
  for (const element of ordered) {
    if (!element.isEnd) {
      if (open !== undefined) elements.set(open.key, open.data);
      open = element;
    } else if (open !== undefined) {
      elements.set(`${open.key}${element.key}`, open.data);
      open = undefined;
    }
  }
  if (open !== undefined) elements.set(open.key, open.data);
  return elements;
}

/** At one key the end of a range comes before the beginning of the next. */
function byKey(a: ReadElement, b: ReadElement): number {
  if (a.key === b.key) return Number(b.isEnd) - Number(a.isEnd);
  return a.key < b.key ? -1 : 1;
}

function list(
  socket: NetlinkSocket,
  request: {
    readonly type: number;
    readonly family: number;
    readonly write?: (writer: NetlinkWriter) => void;
  },
): readonly { readonly family: number; readonly attributes: Attributes }[] {
  let found: { readonly family: number; readonly attributes: Attributes }[] = [];
  socket.dump("list nftables", {
    type: request.type,
    write: (writer) => {
      writer.u32(request.family);
      request.write?.(writer);
    },
    restart: () => {
      found = [];
    },
    visit: (datagram) => {
      for (const { payload } of readMessages(Buffer.from(datagram))) {
        found.push({
          family: payload.readUInt8(0),
          attributes: readAttributes(payload, NFGEN_HEADER_OCTETS),
        });
      }
    },
  });
  return found;
}

function be32Attribute(attributes: Attributes, type: number): number | undefined {
  const value = attributes.get(type);
  return value !== undefined && value.length >= 4 ? value.readUInt32BE() : undefined;
}
