import type {
  NftFamily,
  NftField,
  NftRule,
  NftStatement,
  NftVerdict,
} from "../../kernel/nftables/nft-table.ts";

/** IANA's numbers of protocols that rules speak of. */
export const PROTOCOL = { icmp: 1, ipip: 4, tcp: 6, udp: 17, icmpv6: 58 } as const;

/** RTN_LOCAL, in the host's order: the destination is one of the host's own addresses. */
export const ROUTE_TYPE_LOCAL = Uint8Array.of(2, 0, 0, 0);
/** IPS_DST_NAT, in the host's order. */
export const CT_STATUS_DNAT = Uint8Array.of(0x20, 0, 0, 0);
/** Keys of the map that every chain of an endpoint begins with: states of connections, in the host's order. */
export const CT_STATE = {
  invalid: Uint8Array.of(1, 0, 0, 0),
  established: Uint8Array.of(2, 0, 0, 0),
  related: Uint8Array.of(4, 0, 0, 0),
} as const;

export const ACCEPT: NftStatement = { type: "verdict", verdict: { type: "accept" } };
export const RETURN: NftStatement = { type: "verdict", verdict: { type: "return" } };
const DROP: NftStatement = { type: "verdict", verdict: { type: "drop" } };
export const COUNTED_DROP: readonly NftStatement[] = [{ type: "counter" }, DROP];

/** A rule from its parts. */
export function rule(comment: string, ...statements: readonly NftStatement[]): NftRule {
  return { comment, statements };
}

export function equals(field: NftField, octets: Uint8Array): NftStatement {
  return { type: "compare", field, operator: "==", octets };
}

export function differs(field: NftField, octets: Uint8Array): NftStatement {
  return { type: "compare", field, operator: "!=", octets };
}

export function protocolIs(protocol: number): NftStatement {
  return equals("l4proto", Uint8Array.of(protocol));
}

export function inSet(fields: NftField | readonly NftField[], set: string): NftStatement {
  return { type: "inSet", fields: typeof fields === "string" ? [fields] : fields, set };
}

export function notInSet(fields: NftField | readonly NftField[], set: string): NftStatement {
  return { ...inSet(fields, set), negated: true } as NftStatement;
}

export function verdict(given: NftVerdict): NftStatement {
  return { type: "verdict", verdict: given };
}

/** The interface's name, or with a final "*" its beginning. */
export function interfaceIs(field: "iifname" | "oifname", pattern: string): NftStatement {
  if (pattern.endsWith("*")) return equals(field, Buffer.from(pattern.slice(0, -1)));
  return equals(field, interfaceKey(pattern));
}

const INTERFACE_NAME_OCTETS = 16;

/** A name in IFNAMSIZ octets. Throws RangeError for what is no name of an interface: it must not become another's. */
export function interfaceKey(name: string): Uint8Array {
  const octets = Buffer.from(name);
  const wrong = /[\s/\0]/.test(name) || octets.length >= INTERFACE_NAME_OCTETS;
  if (wrong || octets.length === 0) throw new RangeError(`not an interface name: ${name}`);
  const key = Buffer.alloc(INTERFACE_NAME_OCTETS);
  octets.copy(key);
  return key;
}

export function portKey(port: number): Uint8Array {
  return Uint8Array.of(port >>> 8, port & 255);
}

/** The parts of a concatenated key, each padded to whole words. */
export function concatenate(...parts: readonly Uint8Array[]): Uint8Array {
  return Buffer.concat(parts.map((part) => Buffer.concat([part, Buffer.alloc(-part.length & 3)])));
}

export function versionOf(family: NftFamily): 4 | 6 {
  return family === "ip" ? 4 : 6;
}

/** Names that people gave, for comments: only what nft's own files could hold as well. */
export function commentText(text: string): string {
  return text.replaceAll(/[^A-Za-z0-9 ._:/,-]/g, "_").slice(0, COMMENT_CHARACTERS);
}

const COMMENT_CHARACTERS = 80;
