import { z } from "zod";
import { type Asn, parseAsn } from "../../protocol/types/asn.ts";
import { parseCommunity, parseLargeCommunity } from "../../protocol/types/community.ts";
import { ipAddressToBytes, ipVersion, parseIpAddress } from "../../protocol/types/ip-address.ts";
import { type Prefix, parsePrefix, prefixFromBytes } from "../../protocol/types/prefix.ts";
import { parseDuration } from "./duration.ts";
import { parseSelector } from "./selector.ts";

/** A string field with a rule of its own: `complaint` says what is wrong with a value, or nothing. */
export function stringField(complaint: (value: string) => string | undefined): z.ZodString {
  return z.string().check((context) => {
    const message = context.value === "" ? undefined : complaint(context.value);
    if (message !== undefined) {
      context.issues.push({ code: "custom", message, input: context.value });
    }
  });
}

/** "10.0.0.1" or "fd00::1". */
export function ipAddressField(): z.ZodString {
  return stringField((value) =>
    parseIpAddress(value) ? undefined : "must be an IPv4 or IPv6 address",
  );
}

/** An address of one family. */
export function ipAddressOfVersion(version: 4 | 6): z.ZodString {
  return stringField((value) => {
    const address = parseIpAddress(value);
    return address && ipVersion(address) === version
      ? undefined
      : `must be an IPv${version} address`;
  });
}

/** "10.0.0.0/8", host bits zero. */
export function cidrField(): z.ZodString {
  return stringField(complaintAboutCidr);
}

/** An address, alone or with the length of its subnet: "172.17.8.101/24". Host bits are welcome. */
export function interfaceAddressField(version: 4 | 6): z.ZodString {
  return stringField((value) => {
    const parsed = parseInterfaceAddress(value);
    if (parsed === undefined) return `must be an IPv${version} address, with or without /length`;
    return ipVersion(parsed.address) === version ? undefined : `must be an IPv${version} address`;
  });
}

/** Splits "172.17.8.101/24" into the address and its length; without a length the address stands alone. */
export function parseInterfaceAddress(
  text: string,
):
  | { readonly address: NonNullable<ReturnType<typeof parseIpAddress>>; readonly length: number }
  | undefined {
  const [host = "", length, ...rest] = text.split("/");
  const address = parseIpAddress(host);
  if (address === undefined || rest.length > 0) return undefined;
  const bits = ipVersion(address) === 4 ? 32 : 128;
  if (length === undefined) return { address, length: bits };
  if (!/^\d{1,3}$/.test(length) || Number(length) > bits) return undefined;
  return { address, length: Number(length) };
}

/** An address, or a range of them; host bits are welcome. */
export function netField(): z.ZodString {
  return stringField((value) =>
    parseNet(value) ? undefined : "must be an address, or a CIDR such as 192.168.0.0/16",
  );
}

/** What netField has checked: an address alone is a range of one. */
export function parseNet(text: string): Prefix | undefined {
  const parsed = parseInterfaceAddress(text);
  return parsed && prefixFromBytes(ipAddressToBytes(parsed.address), parsed.length);
}

/** "eth0", or "*" where a kind gives it a meaning. */
export function interfaceNameField(): z.ZodString {
  return stringField((value) =>
    /^[^\s/]{1,15}$/.test(value) ? undefined : "must be an interface name of 1 to 15 characters",
  );
}

/** A whole number of up to 64 bits: beyond 2^53 it is a bigint, so that no digit is lost. */
export function wholeNumberField(): z.ZodUnion<readonly [z.ZodInt, z.ZodBigInt]> {
  return z.union([z.int().min(0), z.bigint().min(0n)], { error: "must be a whole number" });
}

/** A protocol that a rule may name: by name, or by its number. */
export function policyProtocolField(): z.ZodUnion<readonly [z.ZodString, z.ZodInt]> {
  const named = stringField((value) =>
    /^(tcp|udp|icmp|icmpv6|sctp|udplite|\d{1,3})$/i.test(value) && Number(value) !== 0
      ? undefined
      : "is no protocol",
  );
  return z.union([named, z.int().min(1).max(255)], {
    error: "must be TCP, UDP, ICMP, ICMPv6, SCTP, UDPLite, or a number from 1 to 255",
  });
}

/** A protocol whose ports can be named. */
export function endpointProtocolField(): z.ZodUnion<readonly [z.ZodString, z.ZodInt]> {
  const named = stringField((value) =>
    /^(tcp|udp|sctp|udplite|6|17|132|136)$/i.test(value) ? undefined : "is no protocol with ports",
  );
  return z.union([named, z.int().min(1).max(255)], { error: "must be TCP, UDP or SCTP" });
}

/** 80, "8000:8100", or the name of a port of endpoints. */
export function portRangeField(): z.ZodUnion<readonly [z.ZodInt, z.ZodString]> {
  const written = stringField((value) => (parsePortRange(value) ? undefined : "is no port"));
  return z.union([z.int().min(0).max(65535), written], {
    error: 'must be a port, a range such as "8000:8100", or the name of a port',
  });
}

/** What portRangeField has checked. */
export function parsePortRange(
  value: number | string,
): { readonly min: number; readonly max: number } | { readonly name: string } | undefined {
  const [, first, last] = /^(\d{1,5})(?::(\d{1,5}))?$/.exec(String(value)) ?? [];
  if (first === undefined) {
    const name = String(value);
    return /^[a-zA-Z0-9_.-]{1,128}$/.test(name) ? { name } : undefined;
  }
  const [min, max] = [Number(first), Number(last ?? first)];
  return min <= max && max <= 65535 ? { min, max } : undefined;
}

/** An AS number: a number, or text in asplain or asdot ("1.10"). 0 stands for "not set", as in Calico. RFC 5396. */
export function asNumberField(): z.ZodUnion<readonly [z.ZodNumber, z.ZodString]> {
  const number = z
    .number()
    .refine((value) => Number.isInteger(value) && value >= 0 && value <= 0xffff_ffff, {
      error: "must be an AS number, 1 to 4294967295",
    });
  const dotted = stringField((value) =>
    parseAsn(value) ? undefined : 'must be an AS number, such as 65001 or "1.10"',
  );
  return z.union([number, dotted], { error: 'must be an AS number, such as 65001 or "1.10"' });
}

/** The AS number of a field that asNumberField has checked. */
export function asNumberOf(value: number | string | undefined): Asn | undefined {
  if (value === undefined || value === 0 || value === "") return undefined;
  return parseAsn(String(value));
}

/** A selector expression; empty means that the field was not set. */
export function selectorField(): z.ZodString {
  return stringField((value) => {
    const parsed = parseSelector(value);
    return parsed.ok ? undefined : `${parsed.message} (at character ${parsed.offset + 1})`;
  });
}

/** "90s", "1m30s": Go's notation for a span of time. */
export function durationField({
  min,
  max,
}: {
  readonly min: number;
  readonly max: number;
}): z.ZodString {
  return stringField((value) => {
    const seconds = parseDuration(value);
    if (seconds === undefined) return 'must be a duration such as "90s" or "1m30s"';
    if (seconds < min || seconds > max) return `must be between ${min}s and ${max}s`;
    return undefined;
  });
}

/** "65000:100", or large as "65000:1:2". RFC 1997, RFC 8092. */
export function communityField(): z.ZodString {
  return stringField((value) =>
    parseCommunity(value) || parseLargeCommunity(value)
      ? undefined
      : 'must be a community such as "65000:100", or a large one such as "65000:1:2"',
  );
}

/** A TCP-MD5 key, written in place, or Calico's reference to a Kubernetes Secret. RFC 2385. */
export function passwordField(): z.ZodUnion<readonly [z.ZodString, typeof secretReference]> {
  const key = z.string().refine((value) => new TextEncoder().encode(value).length <= 80, {
    error: "must be at most 80 bytes, the most that the kernel takes",
  });
  return z.union([key, secretReference], { error: "must be a text, or hold secretKeyRef" });
}

const secretReference = z.strictObject({
  secretKeyRef: z.strictObject({
    name: z.string().optional(),
    key: z.string(),
    optional: z.boolean().optional(),
  }),
});

function complaintAboutCidr(value: string): string | undefined {
  if (parsePrefix(value)) return undefined;
  const [host = "", length] = value.split("/");
  const address = parseIpAddress(host);
  if (address === undefined) return "must be a CIDR such as 192.168.0.0/16";
  const version = ipVersion(address);
  const bits = version === 4 ? 32 : 128;
  if (length === undefined) return `must have a prefix length, such as ${address}/${bits}`;
  if (!/^\d{1,3}$/.test(length) || Number(length) > bits) {
    return `prefix length must be 0–${bits} for IPv${version}`;
  }
  const network = prefixFromBytes(ipAddressToBytes(address), Number(length));
  return `has bits set beyond its length; did you mean ${network}?`;
}
