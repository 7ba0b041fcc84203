/*
 * A table in the terms in which desired and actual are compared and the difference is sent: chains as lists of rules, sets
 * as maps of elements, everything as the octets of netlink. Octets that serve as keys are strings of one character each.
 */
import { MalformedNetlinkError } from "../netlink/netlink-reader.ts";
import { NetlinkWriter } from "../netlink/netlink-writer.ts";
import {
  DATA_ATTRIBUTE,
  DATA_TYPE_VERDICT,
  ELEMENT_INTERVAL_END,
  HOOK_NUMBER,
  SET_FLAG,
} from "./nft-constants.ts";
import {
  NFT_COMMENT,
  NFT_FIELDS,
  NFT_NAME,
  type NftChain,
  type NftElement,
  type NftFamily,
  type NftField,
  type NftHook,
  type NftSet,
  type NftTable,
} from "./nft-table.ts";
import { addressOctets, encodeStatements, fieldOctets, writeVerdict } from "./statement-codec.ts";

/** What a table holds, as far as it can be compared. */
export type TableContent = {
  readonly chains: ReadonlyMap<string, ChainContent>;
  readonly sets: ReadonlyMap<string, SetContent>;
};

export type ChainContent = {
  /** The hook as text; empty for a chain that only other chains call. */
  readonly hook: string;
  /** A fingerprint of each rule: its comment and expressions, without what counters have counted. */
  readonly rules: readonly string[];
};

export type SetContent = {
  /** Flags and types as text. */
  readonly shape: string;
  /** By key, the value of NFTA_SET_ELEM_DATA. A range is one key: the first, then what follows the last, if anything does. */
  readonly elements: ReadonlyMap<string, string>;
};

/** A desired table with what must be sent to make it. */
export type CompiledTable = {
  readonly family: NftFamily;
  readonly name: string;
  readonly chains: ReadonlyMap<string, CompiledChain>;
  readonly sets: ReadonlyMap<string, CompiledSet>;
};

type CompiledChain = ChainContent & {
  readonly base: NftHook | undefined;
  readonly messages: readonly {
    readonly expressions: Uint8Array;
    readonly userData: Uint8Array;
  }[];
};

type CompiledSet = SetContent & { readonly attributes: SetAttributes };

export type SetAttributes = {
  readonly flags: number;
  readonly keyType: number;
  readonly keyLength: number;
  /** A map's; a verdict has no length that matters. */
  readonly dataType?: number;
  readonly dataLength?: number;
  /** Told to `nft` alone; the kernel does not care. */
  readonly keyInHostOrder?: boolean;
};

/** Renders a table to octets. Throws RangeError for names that must not reach the kernel, and for keys of a wrong length. */
export function compileTable({ family, name, sets, chains }: NftTable): CompiledTable {
  return {
    family,
    name: checkName(name),
    chains: new Map(
      chains.map((chain) => [checkName(chain.name), compileChain(family, chain)] as const),
    ),
    sets: new Map(sets.map((set) => [checkName(set.name), compileSet(family, set)] as const)),
  };
}

function compileChain(family: NftFamily, { hook, rules }: NftChain): CompiledChain {
  const messages = rules.map((rule) => ({
    expressions: encodeStatements(family, rule.statements),
    userData: rule.comment === undefined ? new Uint8Array(0) : encodeComment(rule.comment),
  }));
  return {
    base: hook,
    hook: hook === undefined ? "" : hookText({ ...hook, hook: HOOK_NUMBER[hook.hook] }),
    rules: messages.map(ruleFingerprint),
    messages,
  };
}

/** "filter 2 0 accept": what makes two base chains the same. */
export function hookText(hook: {
  readonly type: string;
  readonly hook: number;
  readonly priority: number;
  readonly policy: string;
}): string {
  return `${hook.type} ${hook.hook} ${hook.priority} ${hook.policy}`;
}

/** Compares rules by octets, but for the figures of counters. */
export function ruleFingerprint({
  expressions,
  userData,
}: {
  readonly expressions: Uint8Array;
  readonly userData: Uint8Array;
}): string {
  const parts = [asKey(userData)];
  for (const { value } of attributesInOrder(expressions)) {
    const [name] = attributesInOrder(value);
    const counts = name?.value.toString("latin1") === "counter\0";
    parts.push(counts ? "counter" : asKey(value));
  }
  return parts.join("|");
}

/** Attributes one by one; of a list all have the same type. */
export function* attributesInOrder(
  bytes: Uint8Array,
): Generator<{ readonly type: number; readonly value: Buffer }> {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 0;
  while (at + 4 <= buffer.length) {
    const length = buffer.readUInt16LE(at);
    if (length < 4 || at + length > buffer.length) throw new MalformedNetlinkError("attribute");
    yield {
      type: buffer.readUInt16LE(at + 2) & 0x3fff,
      value: buffer.subarray(at + 4, at + length),
    };
    at += (length + 3) & ~3;
  }
}

/** NFTNL_UDATA_RULE_COMMENT: type 0, length, text with its zero. */
export function encodeComment(comment: string): Uint8Array {
  if (!NFT_COMMENT.test(comment)) throw new RangeError(`not a comment: ${comment}`);
  return Buffer.from(`\0${String.fromCharCode(comment.length + 1)}${comment}\0`, "latin1");
}

function compileSet(family: NftFamily, set: NftSet): CompiledSet {
  const attributes = setAttributes(family, set);
  const elements = new Map<string, string>();
  for (const element of set.elements) {
    const { key, last = key } = element;
    if (key.length !== attributes.keyLength) throw new RangeError(`key of ${key.length} octets`);
    const end = set.interval ? following(last) : undefined;
    elements.set(`${asKey(key)}${end === undefined ? "" : asKey(end)}`, encodeData(element));
  }
  return { attributes, shape: shapeText(attributes), elements };
}

/** What makes two sets the same but for their elements. */
export function shapeText({
  flags,
  keyType,
  keyLength,
  dataType,
  dataLength,
}: SetAttributes): string {
  const length = dataType === DATA_TYPE_VERDICT ? undefined : dataLength;
  return [flags, keyType, keyLength, dataType, length].join(" ");
}

function setAttributes(family: NftFamily, { key, interval, data }: NftSet): SetAttributes {
  const flags = (interval ? SET_FLAG.interval : 0) | (data === undefined ? 0 : SET_FLAG.map);
  const shape = {
    flags,
    keyType: concatenation(key.map((field) => dataTypeOf(family, field))),
    keyLength: keyOctets(family, key),
    keyInHostOrder: key[0] === "iifname" || key[0] === "oifname",
  };
  switch (data) {
    case undefined:
      return shape;
    case "verdict":
      return { ...shape, dataType: DATA_TYPE_VERDICT };
    default:
      return {
        ...shape,
        dataType: concatenation([dataTypeOf(family, "daddr"), dataTypeOf(family, "dport")]),
        dataLength: addressOctets(family) + 4,
      };
  }
}

/** The parts of a concatenation each fill whole words. */
function keyOctets(family: NftFamily, fields: readonly NftField[]): number {
  const [only, ...more] = fields.map((field) => fieldOctets(family, field));
  if (only === undefined || more.length === 0) return only ?? 0;
  return [only, ...more].reduce((sum, octets) => sum + 4 * Math.ceil(octets / 4), 0);
}

/** nft's own numbering: six bits for each part. */
function concatenation(types: readonly number[]): number {
  return types.reduce((sum, type) => sum * 64 + type, 0);
}

function dataTypeOf(family: NftFamily, field: NftField): number {
  const { dataType } = NFT_FIELDS[field];
  return typeof dataType === "number" ? dataType : dataType[family];
}

function encodeData({ data }: NftElement): string {
  if (data === undefined) return "";
  const writer = new NetlinkWriter(64);
  if (data instanceof Uint8Array) writer.attribute(DATA_ATTRIBUTE.value, data);
  else writeVerdict(writer, data);
  return asKey(writer.bytes);
}

/** The next key in order; none after the last. */
function following(key: Uint8Array): Uint8Array | undefined {
  const next = Uint8Array.from(key);
  for (let i = next.length - 1; i >= 0; i--) {
    const octet = ((next[i] ?? 0) + 1) & 255;
    next[i] = octet;
    if (octet !== 0) return next;
  }
  return undefined;
}

/** The elements of netlink that one key stands for: of a range its first key and its end. */
export function elementsOfKey(
  key: string,
  { keyLength }: { readonly keyLength: number },
): readonly { readonly octets: Buffer; readonly flags: number }[] {
  const octets = Buffer.from(key, "latin1");
  const first = { octets: octets.subarray(0, keyLength), flags: 0 };
  if (octets.length === keyLength) return [first];
  return [first, { octets: octets.subarray(keyLength), flags: ELEMENT_INTERVAL_END }];
}

/** One character an octet. */
export function asKey(octets: Uint8Array): string {
  return Buffer.from(octets.buffer, octets.byteOffset, octets.byteLength).toString("latin1");
}

function checkName(name: string): string {
  if (!NFT_NAME.test(name)) throw new RangeError(`not a name for nftables: ${name}`);
  return name;
}
