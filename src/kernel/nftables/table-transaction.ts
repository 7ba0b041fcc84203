import { FLAG, MESSAGE } from "../netlink/netlink-constants.ts";
import { NetlinkError, type NetlinkFault, readNetlinkError } from "../netlink/netlink-error.ts";
import type { NetlinkSocket } from "../netlink/netlink-socket.ts";
import { NetlinkWriter } from "../netlink/netlink-writer.ts";
import { type CompiledTable, elementsOfKey, type TableContent } from "./compiled-table.ts";
import {
  CHAIN_ATTRIBUTE,
  DATA_ATTRIBUTE,
  ELEMENT_ATTRIBUTE,
  ELEMENT_LIST_ATTRIBUTE,
  HOOK_ATTRIBUTE,
  HOOK_NUMBER,
  LIST_ELEMENT,
  NFNL_SUBSYSTEM_NFTABLES,
  NFPROTO,
  NFT_MESSAGE,
  RULE_ATTRIBUTE,
  SET_ATTRIBUTE,
  SET_KEY_IN_HOST_ORDER,
  TABLE_ATTRIBUTE,
  VERDICT_CODE,
} from "./nft-constants.ts";

/** An attribute's length has 16 bits, and an element takes at most 100 octets or so. */
const ELEMENTS_PER_MESSAGE = 500;

type Element = readonly [key: string, data: string];

/** Changes of tables that the kernel makes together or not at all. */
export class TableTransaction {
  readonly #writer = new NetlinkWriter(1 << 14);
  /** What each message does, for its refusal. */
  readonly #what: string[] = [];
  #setId = 0;
  #changes = 0;

  constructor() {
    this.#boundary(NFT_MESSAGE.batchBegin);
  }

  /** So many changes. */
  get size(): number {
    return this.#changes;
  }

  /** Adds what makes `actual` the desired table, and nothing else. */
  change(desired: CompiledTable, actual: TableContent | undefined): void {
    if (actual !== undefined && needsRebuilding(desired, actual)) {
      this.replace(desired);
      return;
    }
    if (actual === undefined) this.#table(NFT_MESSAGE.newTable, desired);
    this.#changeTable(desired, actual ?? { chains: new Map(), sets: new Map() });
  }

  /** Adds what makes the table anew, whatever it holds. */
  replace(desired: CompiledTable): void {
    this.removeTable(desired);
    this.change(desired, undefined);
  }

  removeTable(table: Pick<CompiledTable, "family" | "name">): void {
    this.#table(NFT_MESSAGE.deleteTable, table);
  }

  /** Puts a rule before all others of its chain. */
  insertRule(
    table: { readonly family: number; readonly name: string },
    rule: {
      readonly chain: string;
      readonly expressions: Uint8Array;
      readonly userData: Uint8Array;
    },
  ): void {
    this.#message(
      NFT_MESSAGE.newRule,
      `rule in ${table.name} ${rule.chain}`,
      table.family,
      (writer) => writeRule(writer, { table: table.name, ...rule }),
    );
  }

  deleteRule(
    table: { readonly family: number; readonly name: string },
    { chain, handle }: { readonly chain: string; readonly handle: Uint8Array },
  ): void {
    const what = `delete a rule of ${table.name} ${chain}`;
    this.#message(NFT_MESSAGE.deleteRule, what, table.family, (writer) => {
      writer.attributeText(RULE_ATTRIBUTE.table, table.name);
      writer.attributeText(RULE_ATTRIBUTE.chain, chain);
      writer.attribute(RULE_ATTRIBUTE.handle, handle);
    });
  }

  /** Has it done. Throws NetlinkError with the first refusal, after which nothing has changed. */
  commit(socket: NetlinkSocket): void {
    if (this.size === 0) return;
    this.#boundary(NFT_MESSAGE.batchEnd);
    let fault: { readonly what: string; readonly fault: NetlinkFault } | undefined;
    socket.sendTransaction({
      bytes: this.#writer.bytes,
      onAnswer: (message) => {
        const refused = message.type === MESSAGE.error ? readNetlinkError(message) : undefined;
        if (refused === undefined || fault !== undefined) return;
        fault = { what: this.#what[message.sequence - 1] ?? "nftables", fault: refused };
      },
    });
    if (fault !== undefined) throw new NetlinkError(fault.what, fault.fault);
  }

  /** Sets before the rules that look into them, chains before what jumps to them; and the other way round when they go. */
  #changeTable(desired: CompiledTable, actual: TableContent): void {
    const { chains, sets } = desired;
    const newSets = [...sets.keys()].filter((name) => !actual.sets.has(name));
    const oldSets = [...actual.sets.keys()].filter((name) => !sets.has(name));
    const oldChains = [...actual.chains.keys()].filter((name) => !chains.has(name));
    const changed = [...chains].filter(([name, { rules }]) => {
      const before = actual.chains.get(name);
      return before === undefined ? rules.length > 0 : before.rules.join("\n") !== rules.join("\n");
    });
    for (const name of newSets) this.#newSet(desired, name);
    for (const [name] of chains) if (!actual.chains.has(name)) this.#newChain(desired, name);
    for (const name of [...oldChains, ...changed.map(([name]) => name)]) {
      if ((actual.chains.get(name)?.rules.length ?? 0) > 0) this.#flushChain(desired, name);
    }
    for (const name of sets.keys()) this.#changeElements(desired, name, actual);
    for (const [name] of changed) this.#newRules(desired, name);
    for (const name of oldSets) this.#deleteSet(desired, name);
    for (const name of oldChains) this.#deleteChain(desired, name);
  }

  #changeElements(table: CompiledTable, name: string, actual: TableContent): void {
    const before = actual.sets.get(name)?.elements ?? new Map<string, string>();
    const after = table.sets.get(name)?.elements ?? new Map<string, string>();
    const gone = [...before].filter(([key, data]) => after.get(key) !== data);
    const come = [...after].filter(([key, data]) => before.get(key) !== data);
    this.#elements(NFT_MESSAGE.deleteSetElements, { table, set: name, elements: gone });
    this.#elements(NFT_MESSAGE.newSetElements, { table, set: name, elements: come });
  }

  #table(type: number, { family, name }: Pick<CompiledTable, "family" | "name">): void {
    this.#message(type, `table ${family} ${name}`, NFPROTO[family], (writer) =>
      writer.attributeText(TABLE_ATTRIBUTE.name, name),
    );
  }

  #newChain({ family, name: table, chains }: CompiledTable, name: string): void {
    this.#message(NFT_MESSAGE.newChain, `chain ${table} ${name}`, NFPROTO[family], (writer) => {
      writer.attributeText(CHAIN_ATTRIBUTE.table, table);
      writer.attributeText(CHAIN_ATTRIBUTE.name, name);
      const base = chains.get(name)?.base;
      if (base === undefined) return;
      writer.nested(CHAIN_ATTRIBUTE.hook, () => {
        writer.attributeBe32(HOOK_ATTRIBUTE.number, HOOK_NUMBER[base.hook]);
        writer.attributeBe32(HOOK_ATTRIBUTE.priority, base.priority);
      });
      writer.attributeBe32(CHAIN_ATTRIBUTE.policy, VERDICT_CODE[base.policy]);
      writer.attributeText(CHAIN_ATTRIBUTE.type, base.type);
    });
  }

  #deleteChain({ family, name: table }: CompiledTable, name: string): void {
    this.#message(
      NFT_MESSAGE.deleteChain,
      `delete chain ${table} ${name}`,
      NFPROTO[family],
      (writer) => {
        writer.attributeText(CHAIN_ATTRIBUTE.table, table);
        writer.attributeText(CHAIN_ATTRIBUTE.name, name);
      },
    );
  }

  #flushChain({ family, name: table }: CompiledTable, name: string): void {
    this.#message(
      NFT_MESSAGE.deleteRule,
      `flush chain ${table} ${name}`,
      NFPROTO[family],
      (writer) => {
        writer.attributeText(RULE_ATTRIBUTE.table, table);
        writer.attributeText(RULE_ATTRIBUTE.chain, name);
      },
    );
  }

  #newRules({ family, name: table, chains }: CompiledTable, name: string): void {
    for (const [index, rule] of (chains.get(name)?.messages ?? []).entries()) {
      const what = `rule ${index + 1} of ${table} ${name}`;
      this.#message(
        NFT_MESSAGE.newRule,
        what,
        NFPROTO[family],
        (writer) => writeRule(writer, { table, chain: name, ...rule }),
        FLAG.append,
      );
    }
  }

  #newSet({ family, name: table, sets }: CompiledTable, name: string): void {
    const attributes = sets.get(name)?.attributes;
    if (attributes === undefined) return;
    this.#message(NFT_MESSAGE.newSet, `set ${table} ${name}`, NFPROTO[family], (writer) => {
      writer.attributeText(SET_ATTRIBUTE.table, table);
      writer.attributeText(SET_ATTRIBUTE.name, name);
      writer.attributeBe32(SET_ATTRIBUTE.flags, attributes.flags);
      writer.attributeBe32(SET_ATTRIBUTE.keyType, attributes.keyType);
      writer.attributeBe32(SET_ATTRIBUTE.keyLength, attributes.keyLength);
      if (attributes.dataType !== undefined) {
        writer.attributeBe32(SET_ATTRIBUTE.dataType, attributes.dataType);
        if (attributes.dataLength !== undefined) {
          writer.attributeBe32(SET_ATTRIBUTE.dataLength, attributes.dataLength);
        }
      }
      if (attributes.keyInHostOrder) {
        writer.attribute(SET_ATTRIBUTE.userData, SET_KEY_IN_HOST_ORDER);
      }
      this.#setId++;
      writer.attributeBe32(SET_ATTRIBUTE.id, this.#setId);
    });
  }

  #deleteSet({ family, name: table }: CompiledTable, name: string): void {
    this.#message(
      NFT_MESSAGE.deleteSet,
      `delete set ${table} ${name}`,
      NFPROTO[family],
      (writer) => {
        writer.attributeText(SET_ATTRIBUTE.table, table);
        writer.attributeText(SET_ATTRIBUTE.name, name);
      },
    );
  }

  #elements(
    type: number,
    change: {
      readonly table: CompiledTable;
      readonly set: string;
      readonly elements: readonly Element[];
    },
  ): void {
    const { table, set, elements } = change;
    const keyLength = table.sets.get(set)?.attributes.keyLength ?? 0;
    for (let from = 0; from < elements.length; from += ELEMENTS_PER_MESSAGE) {
      const some = elements.slice(from, from + ELEMENTS_PER_MESSAGE);
      this.#message(type, `elements of ${table.name} ${set}`, NFPROTO[table.family], (writer) => {
        writer.attributeText(ELEMENT_LIST_ATTRIBUTE.table, table.name);
        writer.attributeText(ELEMENT_LIST_ATTRIBUTE.set, set);
        writer.nested(ELEMENT_LIST_ATTRIBUTE.elements, () => {
          for (const element of some) writeElement(writer, element, keyLength);
        });
      });
    }
  }

  #message(
    type: number,
    what: string,
    family: number,
    write: (writer: NetlinkWriter) => void,
    flags = 0,
  ): void {
    this.#changes++;
    this.#what.push(what);
    this.#writer.begin(type, FLAG.request | FLAG.create | flags, this.#what.length);
    this.#writer.u32(family);
    write(this.#writer);
    this.#writer.end();
  }

  /** struct nfgenmsg of a boundary names the subsystem, in network order. */
  #boundary(type: number): void {
    this.#what.push("nftables transaction");
    this.#writer.begin(type, FLAG.request, this.#what.length);
    this.#writer.u32((NFNL_SUBSYSTEM_NFTABLES & 255) << 24);
    this.#writer.end();
  }
}

/** A chain cannot move to another hook, nor a set change its type: then the whole table is made anew, in one transaction. */
function needsRebuilding(desired: CompiledTable, actual: TableContent): boolean {
  for (const [name, { hook }] of desired.chains) {
    const before = actual.chains.get(name);
    if (before !== undefined && before.hook !== hook) return true;
  }
  for (const [name, { shape }] of desired.sets) {
    const before = actual.sets.get(name);
    if (before !== undefined && before.shape !== shape) return true;
  }
  return false;
}

function writeRule(
  writer: NetlinkWriter,
  rule: {
    readonly table: string;
    readonly chain: string;
    readonly expressions: Uint8Array;
    readonly userData: Uint8Array;
  },
): void {
  writer.attributeText(RULE_ATTRIBUTE.table, rule.table);
  writer.attributeText(RULE_ATTRIBUTE.chain, rule.chain);
  writer.attribute(RULE_ATTRIBUTE.expressions, rule.expressions);
  if (rule.userData.length > 0) writer.attribute(RULE_ATTRIBUTE.userData, rule.userData);
}

/** The two ends of a range come and go together: one alone would overlap with its neighbours. */
function writeElement(writer: NetlinkWriter, [key, data]: Element, keyLength: number): void {
  for (const { octets, flags } of elementsOfKey(key, { keyLength })) {
    writer.nested(LIST_ELEMENT, () => {
      writer.nested(ELEMENT_ATTRIBUTE.key, () => writer.attribute(DATA_ATTRIBUTE.value, octets));
      if (data !== "" && flags === 0) {
        writer.attribute(ELEMENT_ATTRIBUTE.data, Buffer.from(data, "latin1"));
      }
      if (flags !== 0) writer.attributeBe32(ELEMENT_ATTRIBUTE.flags, flags);
    });
  }
}
