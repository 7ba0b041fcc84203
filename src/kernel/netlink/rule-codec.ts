import { ipAddressToBytes } from "../../../protocol/types/ip-address.ts";
import { type Prefix, prefixAddress, prefixLength } from "../../../protocol/types/prefix.ts";
import { prefixAttribute } from "./address-bytes.ts";
import { ADDRESS_FAMILY, TABLE } from "./netlink-constants.ts";
import {
  MalformedNetlinkError,
  readAttributes,
  textAttribute,
  u8Attribute,
  u32Attribute,
} from "./netlink-reader.ts";
import type { NetlinkWriter } from "./netlink-writer.ts";

/** A policy routing rule as rtnetlink tells it. Only actions "table" (FR_ACT_TO_TBL) can be written. */
export type RuleMessage = {
  readonly version: 4 | 6;
  readonly priority: number;
  readonly table: number;
  /** FR_ACT_*: 1 looks into the table. */
  readonly action: number;
  readonly source?: Prefix;
  readonly destination?: Prefix;
  readonly inputInterface?: string;
  readonly outputInterface?: string;
  readonly mark?: { readonly value: number; readonly mask: number };
  readonly protocol: number;
  readonly inverted: boolean;
};

const ATTRIBUTE = {
  destination: 1,
  source: 2,
  inputInterface: 3,
  priority: 6,
  mark: 10,
  table: 15,
  markMask: 16,
  outputInterface: 17,
  protocol: 21,
} as const;

const HEADER_OCTETS = 12;
const INVERTED = 2;

/** FR_ACT_TO_TBL. */
export const RULE_ACTION_TABLE = 1;

/** Reads the payload of RTM_NEWRULE or RTM_DELRULE; undefined when it is not about IP. */
export function readRule(payload: Buffer): RuleMessage | undefined {
  if (payload.length < HEADER_OCTETS) throw new MalformedNetlinkError("short fib_rule_hdr");
  const family = payload.readUInt8(0);
  if (family !== ADDRESS_FAMILY.ipv4 && family !== ADDRESS_FAMILY.ipv6) return undefined;
  const attributes = readAttributes(payload, HEADER_OCTETS);
  const inputInterface = textAttribute(attributes, ATTRIBUTE.inputInterface);
  const outputInterface = textAttribute(attributes, ATTRIBUTE.outputInterface);
  const value = u32Attribute(attributes, ATTRIBUTE.mark);
  const mask = u32Attribute(attributes, ATTRIBUTE.markMask) ?? 0xffff_ffff;
  const prefix = (type: number, length: number) =>
    attributes.has(type) ? prefixAttribute(attributes, { type, family, length }) : undefined;
  const destination = prefix(ATTRIBUTE.destination, payload.readUInt8(1));
  const source = prefix(ATTRIBUTE.source, payload.readUInt8(2));
  return {
    version: family === ADDRESS_FAMILY.ipv4 ? 4 : 6,
    priority: u32Attribute(attributes, ATTRIBUTE.priority) ?? 0,
    table: u32Attribute(attributes, ATTRIBUTE.table) ?? payload.readUInt8(4),
    action: payload.readUInt8(7),
    ...(source === undefined ? {} : { source }),
    ...(destination === undefined ? {} : { destination }),
    ...(inputInterface === undefined ? {} : { inputInterface }),
    ...(outputInterface === undefined ? {} : { outputInterface }),
    ...(value === undefined ? {} : { mark: { value, mask } }),
    protocol: u8Attribute(attributes, ATTRIBUTE.protocol) ?? 0,
    inverted: (payload.readUInt32LE(8) & INVERTED) !== 0,
  };
}

/** The payload of RTM_NEWRULE and RTM_DELRULE: struct fib_rule_hdr and attributes. */
export function writeRule(writer: NetlinkWriter, rule: RuleMessage): void {
  writer.u8(rule.version === 4 ? ADDRESS_FAMILY.ipv4 : ADDRESS_FAMILY.ipv6);
  writer.u8(rule.destination === undefined ? 0 : prefixLength(rule.destination));
  writer.u8(rule.source === undefined ? 0 : prefixLength(rule.source));
  writer.u8(0);
  writer.u8(rule.table < 256 ? rule.table : TABLE.unspecified);
  writer.u16(0);
  writer.u8(rule.action);
  writer.u32(rule.inverted ? INVERTED : 0);
  writePrefix(writer, ATTRIBUTE.destination, rule.destination);
  writePrefix(writer, ATTRIBUTE.source, rule.source);
  writer.attributeU32(ATTRIBUTE.priority, rule.priority);
  if (rule.table >= 256) writer.attributeU32(ATTRIBUTE.table, rule.table);
  if (rule.mark !== undefined) {
    writer.attributeU32(ATTRIBUTE.mark, rule.mark.value);
    writer.attributeU32(ATTRIBUTE.markMask, rule.mark.mask);
  }
  if (rule.inputInterface !== undefined) {
    writer.attributeText(ATTRIBUTE.inputInterface, rule.inputInterface);
  }
  if (rule.outputInterface !== undefined) {
    writer.attributeText(ATTRIBUTE.outputInterface, rule.outputInterface);
  }
  if (rule.protocol !== 0) writer.attributeU8(ATTRIBUTE.protocol, rule.protocol);
}

function writePrefix(writer: NetlinkWriter, type: number, prefix: Prefix | undefined): void {
  if (prefix !== undefined) writer.attribute(type, ipAddressToBytes(prefixAddress(prefix)));
}

/** RTM_GETRULE for all of one family. */
export function writeRuleDump(writer: NetlinkWriter, version: 4 | 6): void {
  writer.u32(version === 4 ? ADDRESS_FAMILY.ipv4 : ADDRESS_FAMILY.ipv6);
  writer.u32(0);
  writer.u32(0);
}
