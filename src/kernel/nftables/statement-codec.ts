/*
 * A rule's statements as the expressions that the kernel runs: loads into registers, comparisons, look-ups, verdicts.
 * Attributes stand in the order in which the kernel dumps them, and what it would fill in is written, so that a rule reads
 * back octet for octet as it was sent: that is how a rule that somebody else changed is told from ours.
 */
import { unreachable } from "../../../protocol/types/never.ts";
import { be32, NetlinkWriter } from "../netlink/netlink-writer.ts";
import {
  DATA_ATTRIBUTE,
  EXPRESSION_ATTRIBUTE,
  LIST_ELEMENT,
  VERDICT_ATTRIBUTE,
  VERDICT_CODE,
} from "./nft-constants.ts";
import {
  NFT_FIELDS,
  type NftFamily,
  type NftField,
  type NftPortRange,
  type NftStatement,
  type NftVerdict,
} from "./nft-table.ts";

/** The value of NFTA_RULE_EXPRESSIONS. */
export function encodeStatements(family: NftFamily, statements: readonly NftStatement[]): Buffer {
  const encoder = new StatementEncoder(family);
  for (const statement of statements) encoder.statement(statement);
  return encoder.bytes;
}

/** Octets of a field in tables of a family. */
export function fieldOctets(family: NftFamily, field: NftField): number {
  const { octets } = NFT_FIELDS[field];
  return octets === "address" ? addressOctets(family) : octets;
}

export function addressOctets(family: NftFamily): number {
  return family === "ip" ? 4 : 16;
}

/** NFTA_DATA_VERDICT's value, which elements of verdict maps hold too. */
export function writeVerdict(writer: NetlinkWriter, verdict: NftVerdict): void {
  writer.nested(DATA_ATTRIBUTE.verdict, () => {
    writer.attributeBe32(VERDICT_ATTRIBUTE.code, VERDICT_CODE[verdict.type]);
    if ("chain" in verdict) writer.attributeText(VERDICT_ATTRIBUTE.chain, verdict.chain);
  });
}

const ADDRESS_OFFSET = {
  ip: { saddr: 12, daddr: 16 },
  ip6: { saddr: 8, daddr: 24 },
} as const;

const PAYLOAD_BASE = { network: 1, transport: 2 } as const;
const META_KEY = { iifname: 6, oifname: 7, l4proto: 16 } as const;
const CT_KEY = { ctState: 0, ctStatus: 2 } as const;
const TRANSPORT_OFFSET = { sport: 0, dport: 2, icmpType: 0, icmpCode: 1 } as const;
/** NFT_FIB_RESULT_OIF with NFTA_FIB_F_SADDR, _IIF and _PRESENT; NFT_FIB_RESULT_ADDRTYPE with _DADDR, _SADDR, _SADDR and _OIF. */
const FIB = {
  saddrHasReturnPath: { result: 1, flags: 0x29 },
  daddrType: { result: 3, flags: 2 },
  saddrType: { result: 3, flags: 1 },
  saddrTypeAtOutput: { result: 3, flags: 0x11 },
} as const;
const COMPARE = { "==": 0, "!=": 1 } as const;
const NAT_TYPE = { snat: 0, dnat: 1 } as const;
/** NF_NAT_RANGE_*. */
const NAT_FLAG = { mapAddresses: 1, portsSpecified: 2, fullyRandom: 16 } as const;
const LOOKUP_INVERTED = 1;
const LOG_LEVEL_INFO = 6;
const NFPROTO_OF = { ip: 2, ip6: 10 } as const;

class StatementEncoder {
  readonly #writer = new NetlinkWriter();
  readonly #family: NftFamily;

  constructor(family: NftFamily) {
    this.#family = family;
  }

  get bytes(): Buffer {
    return Buffer.from(this.#writer.bytes);
  }

  statement(statement: NftStatement): void {
    switch (statement.type) {
      case "compare":
        this.#load(statement.field, 0);
        this.#compare(statement.operator, statement.octets);
        break;
      case "anyBit":
        this.#load(statement.field, 0);
        this.#mask(statement.mask);
        this.#compare("!=", Buffer.alloc(statement.mask.length));
        break;
      case "inSet":
        this.#loadAll(statement.fields);
        this.#lookup(statement.set, { inverted: statement.negated === true });
        break;
      case "dispatch":
        this.#loadAll(statement.fields);
        this.#lookup(statement.map, { into: VERDICT_REGISTER });
        break;
      case "counter":
        this.#expression("counter", () => undefined);
        break;
      case "log":
        this.#log(statement.prefix);
        break;
      case "verdict":
        this.#verdict(statement.verdict);
        break;
      case "masquerade":
        this.#masquerade(statement.ports);
        break;
      case "snat":
        this.#snat(statement.address, statement.ports);
        break;
      case "dnat":
        this.#loadAll(statement.fields);
        this.#lookup(statement.map, { into: register(0) });
        this.#dnat();
        break;
      default:
        unreachable(statement);
    }
  }

  #loadAll(fields: readonly NftField[]): void {
    let word = 0;
    for (const field of fields) {
      this.#load(field, word);
      word += Math.ceil(fieldOctets(this.#family, field) / 4);
    }
  }

  #load(field: NftField, word: number): void {
    switch (field) {
      case "iifname":
      case "oifname":
      case "l4proto":
        this.#expression("meta", (writer) => {
          writer.attributeBe32(2, META_KEY[field]);
          writer.attributeBe32(1, register(word));
        });
        break;
      case "saddr":
      case "daddr":
        this.#payload(word, {
          base: PAYLOAD_BASE.network,
          offset: ADDRESS_OFFSET[this.#family][field],
          length: addressOctets(this.#family),
        });
        break;
      case "sport":
      case "dport":
      case "icmpType":
      case "icmpCode":
        this.#payload(word, {
          base: PAYLOAD_BASE.transport,
          offset: TRANSPORT_OFFSET[field],
          length: fieldOctets(this.#family, field),
        });
        break;
      case "ctState":
      case "ctStatus":
        this.#expression("ct", (writer) => {
          writer.attributeBe32(1, register(word));
          writer.attributeBe32(2, CT_KEY[field]);
        });
        break;
      case "daddrType":
      case "saddrType":
      case "saddrTypeAtOutput":
      case "saddrHasReturnPath":
        this.#expression("fib", (writer) => {
          writer.attributeBe32(1, register(word));
          writer.attributeBe32(2, FIB[field].result);
          writer.attributeBe32(3, FIB[field].flags);
        });
        break;
      default:
        unreachable(field);
    }
  }

  #payload(
    word: number,
    where: { readonly base: number; readonly offset: number; readonly length: number },
  ): void {
    this.#expression("payload", (writer) => {
      writer.attributeBe32(1, register(word));
      writer.attributeBe32(2, where.base);
      writer.attributeBe32(3, where.offset);
      writer.attributeBe32(4, where.length);
    });
  }

  #compare(operator: keyof typeof COMPARE, octets: Uint8Array): void {
    this.#expression("cmp", (writer) => {
      writer.attributeBe32(1, register(0));
      writer.attributeBe32(2, COMPARE[operator]);
      writeData(writer, 3, octets);
    });
  }

  /** NFT_BITWISE_MASK_XOR with nothing to exclude. */
  #mask(mask: Uint8Array): void {
    this.#expression("bitwise", (writer) => {
      writer.attributeBe32(1, register(0));
      writer.attributeBe32(2, register(0));
      writer.attributeBe32(3, mask.length);
      writer.attributeBe32(6, 0);
      writeData(writer, 4, mask);
      writeData(writer, 5, Buffer.alloc(mask.length));
    });
  }

  #lookup(set: string, how: { readonly inverted?: boolean; readonly into?: number }): void {
    this.#expression("lookup", (writer) => {
      writer.attributeText(1, set);
      writer.attributeBe32(2, register(0));
      if (how.into !== undefined) writer.attributeBe32(3, how.into);
      writer.attributeBe32(5, how.inverted ? LOOKUP_INVERTED : 0);
    });
  }

  #log(prefix: string): void {
    this.#expression("log", (writer) => {
      writer.attributeText(2, prefix);
      writer.attributeBe32(5, LOG_LEVEL_INFO);
    });
  }

  #verdict(verdict: NftVerdict): void {
    this.#expression("immediate", (writer) => {
      writer.attributeBe32(1, VERDICT_REGISTER);
      writer.nested(2, () => writeVerdict(writer, verdict));
    });
  }

  #constant(word: number, octets: Uint8Array): void {
    this.#expression("immediate", (writer) => {
      writer.attributeBe32(1, register(word));
      writeData(writer, 2, octets);
    });
  }

  #masquerade(ports: NftPortRange | undefined): void {
    if (ports !== undefined) {
      this.#constant(0, portOctets(ports.first));
      this.#constant(4, portOctets(ports.last));
    }
    const flags = NAT_FLAG.fullyRandom | (ports === undefined ? 0 : NAT_FLAG.portsSpecified);
    this.#expression("masq", (writer) => {
      writer.attributeBe32(1, flags);
      if (ports === undefined) return;
      writer.attributeBe32(2, register(0));
      writer.attributeBe32(3, register(4));
    });
  }

  #snat(address: Uint8Array, ports: NftPortRange | undefined): void {
    this.#constant(0, address);
    if (ports !== undefined) {
      this.#constant(4, portOctets(ports.first));
      this.#constant(8, portOctets(ports.last));
    }
    this.#nat("snat", {
      ports: ports && { first: register(4), last: register(8) },
      flags: NAT_FLAG.fullyRandom,
    });
  }

  /** The map's data: the address, and in the next whole word the port. */
  #dnat(): void {
    const port = register(addressOctets(this.#family) / 4);
    this.#nat("dnat", { ports: { first: port, last: port }, flags: 0 });
  }

  #nat(
    type: keyof typeof NAT_TYPE,
    how: { readonly ports: NftPortRange | undefined; readonly flags: number },
  ): void {
    const ports = how.ports === undefined ? 0 : NAT_FLAG.portsSpecified;
    this.#expression("nat", (writer) => {
      writer.attributeBe32(1, NAT_TYPE[type]);
      writer.attributeBe32(2, NFPROTO_OF[this.#family]);
      writer.attributeBe32(3, register(0));
      writer.attributeBe32(4, register(0));
      if (how.ports !== undefined) {
        writer.attributeBe32(5, how.ports.first);
        writer.attributeBe32(6, how.ports.last);
      }
      writer.attributeBe32(7, how.flags | ports | NAT_FLAG.mapAddresses);
    });
  }

  #expression(name: string, write: (writer: NetlinkWriter) => void): void {
    const writer = this.#writer;
    writer.nested(LIST_ELEMENT, () => {
      writer.attributeText(EXPRESSION_ATTRIBUTE.name, name);
      writer.nested(EXPRESSION_ATTRIBUTE.data, () => write(writer));
    });
  }
}

const VERDICT_REGISTER = 0;

/** Registers of 16 octets are numbered from 1, their words from 8; the kernel speaks of a first word as the whole. */
function register(word: number): number {
  return word % 4 === 0 ? word / 4 + 1 : word + 8;
}

function portOctets(port: number): Uint8Array {
  return be32(port).subarray(2);
}

function writeData(writer: NetlinkWriter, type: number, octets: Uint8Array): void {
  writer.nested(type, () => writer.attribute(DATA_ATTRIBUTE.value, octets));
}
