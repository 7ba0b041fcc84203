import { prefixFromWords } from "../../../../protocol/rib/prefix-words.ts";
import { afiOf, type Family } from "../../../../protocol/types/family.ts";
import type { Prefix } from "../../../../protocol/types/prefix.ts";
import { type AttributeSet, decodeAttributeSet } from "../../../../protocol/wire/attribute-set.ts";
import { UpdateCursor } from "../../../../protocol/wire/update-cursor.ts";
import type { WireContext } from "../../../../protocol/wire/wire-context.ts";

/** A peer that believes what it is sent: the table that a stream of messages leads to, and what was odd about them. */
export class Receiver {
  readonly routes = new Map<string, { readonly prefix: Prefix; readonly set: AttributeSet }>();
  /** Withdrawals of what was never announced. */
  readonly needless: string[] = [];
  readonly events: string[] = [];
  updates = 0;
  repeated = 0;
  /** Announcements of what was there with another set. */
  changed = 0;
  readonly #unrefreshed = new Set<string>();
  readonly #context: WireContext;
  readonly #cursor = new UpdateCursor();

  constructor(context: WireContext) {
    this.#context = context;
  }

  receive(buffers: readonly Uint8Array[]): void {
    for (const buffer of buffers) {
      for (let at = 0; at < buffer.length; ) {
        const length = ((buffer[at + 16] as number) << 8) | (buffer[at + 17] as number);
        if (buffer[at + 18] === 2) this.#update(buffer, at, at + length);
        else this.#refresh(buffer[at + 20] === 2, buffer[at + 21] as number);
        at += length;
      }
    }
  }

  /** What was there of the family at BoRR and did not come again by EoRR is gone. RFC 7313 §4. */
  #refresh(isIpv6: boolean, subtype: number): void {
    this.events.push(`refresh ${subtype}`);
    const ofFamily = (key: string) => key.includes(":") === isIpv6;
    if (subtype === 1) {
      for (const key of this.routes.keys()) if (ofFamily(key)) this.#unrefreshed.add(key);
    }
    if (subtype !== 2) return;
    for (const key of [...this.#unrefreshed].filter(ofFamily)) {
      this.routes.delete(key);
      this.#unrefreshed.delete(key);
    }
  }

  #update(bytes: Uint8Array, start: number, end: number): void {
    const cursor = this.#cursor;
    cursor.open(bytes, start, end, this.#context);
    if (cursor.severity !== 0) throw new Error(`fault: ${JSON.stringify(cursor.faults)}`);
    if (cursor.endOfRib !== undefined) this.events.push("endOfRib");
    this.updates++;
    while (cursor.nextWithdrawn()) {
      const key = this.#key();
      this.#unrefreshed.delete(key);
      if (!this.routes.delete(key)) this.needless.push(key);
    }
    while (cursor.nextAnnounced()) {
      const set = decodeAttributeSet(cursor.attributeSet(cursor.family));
      const key = this.#key();
      this.#unrefreshed.delete(key);
      const before = this.routes.get(key)?.set;
      if (JSON.stringify(before) === JSON.stringify(set)) this.repeated++;
      else if (before !== undefined) this.changed++;
      this.routes.set(key, { prefix: this.#prefix(), set });
    }
  }

  #prefix(): Prefix {
    const { word0, word1, word2, word3, family, length } = this.#cursor;
    const words = wordsOf(family, [word0, word1, word2, word3]);
    return prefixFromWords(words, length);
  }

  #key(): string {
    return `${this.#prefix()} ${this.#cursor.pathId}`;
  }
}

function wordsOf(family: Family, words: readonly number[]): Uint32Array {
  return Uint32Array.from(afiOf(family) === 1 ? words.slice(0, 1) : words);
}
