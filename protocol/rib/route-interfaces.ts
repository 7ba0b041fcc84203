import type { Prefix } from "../types/prefix.ts";
import type { AttributeSetTable } from "./attribute-set-table.ts";
import { type NextHopTable, NO_NEXT_HOP } from "./next-hop-table.ts";
import { wordsOfPrefix } from "./prefix-words.ts";

/** Over which interfaces the routes of a RIB lead: those of peers by their next hop, those of this host by what it says of them. */
export class RouteInterfaces {
  readonly #sets: AttributeSetTable;
  readonly #nextHops: NextHopTable;
  #own: ReadonlyMap<string, string> = new Map();
  #ownVersion = 0;

  constructor(tables: { readonly sets: AttributeSetTable; readonly nextHops: NextHopTable }) {
    this.#sets = tables.sets;
    this.#nextHops = tables.nextHops;
  }

  /** Another number whenever a route may lead over another interface than before. */
  version(): number {
    return this.#nextHops.interfacesVersion() + this.#ownVersion;
  }

  /** The interfaces of this host's own routes: the whole set. */
  setOwn(
    routes: Iterable<{ readonly prefix: Prefix; readonly interface?: string | undefined }>,
  ): void {
    const own = new Map<string, string>();
    for (const { prefix, interface: name } of routes) {
      if (name === undefined) continue;
      const { words, length } = wordsOfPrefix(prefix);
      own.set(keyOf(words, length), name);
    }
    const before = this.#own;
    const same =
      own.size === before.size && [...own].every(([key, name]) => before.get(key) === name);
    if (same) return;
    this.#own = own;
    this.#ownVersion++;
  }

  /** The interface of a route; undefined where there is none, or several, or its next hop does not resolve. */
  of(words: Uint32Array, length: number, attributeSet: number): string | undefined {
    const nextHop = this.#sets.nextHop(attributeSet);
    if (nextHop !== NO_NEXT_HOP) return this.#nextHops.interfaceOf(nextHop);
    return this.#own.get(keyOf(words, length));
  }
}

function keyOf(words: Uint32Array, length: number): string {
  return `${words.join()}/${length}`;
}
