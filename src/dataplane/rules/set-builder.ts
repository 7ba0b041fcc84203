import { createHash } from "node:crypto";
import { ipAddressToBytes, ipVersion } from "../../../protocol/types/ip-address.ts";
import { type Prefix, prefixAddress, prefixLength } from "../../../protocol/types/prefix.ts";
import type { AddressSet, PortRange } from "../../calc/policy-state.ts";
import type { NftElement, NftFamily, NftSet } from "../../kernel/nftables/nft-table.ts";
import { portKey, versionOf } from "./statements.ts";

/**
 * The sets of one table, collected while its rules are rendered. What a rule lists itself (nets, ports) makes a set named
 * after its content, so that equal lists are one set; what a selector selects is named after the selector, so that members
 * come and go without a change of any rule.
 */
export class SetBuilder {
  readonly #family: NftFamily;
  readonly #sets = new Map<string, NftSet>();
  readonly #members: ReadonlyMap<string, AddressSet>;
  /** Names by id of the selector: several rules may ask for one. */
  readonly #memberSets = new Map<string, string>();

  constructor(family: NftFamily, members: readonly AddressSet[]) {
    this.#family = family;
    this.#members = new Map(members.map((set) => [set.id, set]));
  }

  /** By name, whatever the order in which rules asked for them. */
  get sets(): readonly NftSet[] {
    return [...this.#sets.values()].toSorted((a, b) => (a.name < b.name ? -1 : 1));
  }

  add(set: NftSet): string {
    this.#sets.set(set.name, set);
    return set.name;
  }

  /** Prefixes of this family as ranges, in a set of this name. */
  prefixes(name: string, prefixes: readonly Prefix[]): string {
    const elements = mergedRanges(this.ofFamily(prefixes));
    return this.add({ name, key: ["saddr"], interval: true, elements });
  }

  nets(prefixes: readonly Prefix[]): string {
    return this.prefixes(`nets-${contentName(prefixes.toSorted())}`, prefixes);
  }

  ports(ranges: readonly PortRange[]): string {
    const merged = mergedRanges(
      ranges.map(({ first, last }) => ({ first: portKey(first), last: portKey(last) })),
    );
    const name = `ports-${contentName(merged.map(({ key, last }) => [...key, ...(last ?? [])]))}`;
    return this.add({ name, key: ["dport"], interval: true, elements: merged });
  }

  /** What the selector of this id selects; single addresses are looked up by hash. */
  members(id: string): string {
    const known = this.#memberSets.get(id) ?? this.#memberSet(id);
    this.#memberSets.set(id, known);
    return known;
  }

  #memberSet(id: string): string {
    const members = this.ofFamily(this.#members.get(id)?.members ?? []);
    const bits = this.#family === "ip" ? 32 : 128;
    if (members.some((prefix) => prefixLength(prefix) < bits)) {
      return this.prefixes(`ranges-${contentName(id)}`, members);
    }
    const elements = members.map((prefix) => ({ key: ipAddressToBytes(prefixAddress(prefix)) }));
    return this.add({ name: `members-${contentName(id)}`, key: ["saddr"], elements });
  }

  ofFamily(prefixes: readonly Prefix[]): readonly Prefix[] {
    const version = versionOf(this.#family);
    return prefixes.filter((prefix) => ipVersion(prefixAddress(prefix)) === version);
  }
}

/** Sixteen digits that stand for a content: no name from a user reaches the kernel. */
export function contentName(content: unknown): string {
  return createHash("sha256").update(JSON.stringify(content)).digest("hex").slice(0, 16);
}

type Range = { readonly first: Uint8Array; readonly last: Uint8Array };

/** Ranges in order, those that overlap or touch made one: the kernel's interval sets take nothing else. */
function mergedRanges(given: readonly (Prefix | Range)[]): NftElement[] {
  const ranges = given
    .map((each) => (typeof each === "string" ? rangeOf(each) : each))
    .toSorted((a, b) => Buffer.compare(a.first, b.first));
  const merged: Range[] = [];
  for (const range of ranges) {
    const before = merged.at(-1);
    if (before === undefined || !touches(before, range)) merged.push(range);
    else if (Buffer.compare(range.last, before.last) > 0) {
      merged[merged.length - 1] = { first: before.first, last: range.last };
    }
  }
  return merged.map(({ first, last }) => ({ key: first, last }));
}

function touches(before: Range, after: Range): boolean {
  return numberOf(after.first) <= numberOf(before.last) + 1n;
}

function numberOf(octets: Uint8Array): bigint {
  return BigInt(`0x${Buffer.from(octets).toString("hex")}`);
}

function rangeOf(prefix: Prefix): Range {
  const first = ipAddressToBytes(prefixAddress(prefix));
  const length = prefixLength(prefix);
  const last = first.map((octet, i) => octet | hostBits(length - 8 * i));
  return { first, last };
}

/** The bits of an octet that lie beyond the prefix. */
function hostBits(prefixBits: number): number {
  return prefixBits >= 8 ? 0 : prefixBits <= 0 ? 255 : 255 >>> prefixBits;
}
