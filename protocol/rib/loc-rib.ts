/*
 * Hot: the small readers are inlined into the loops of update groups and of the kernel's reader.
 *
 * The view of one family's tables for those who read by prefix id: update groups, the kernel's reader, snapshots. Ids come
 * from the change log or from a walk (1 to `end()`), and are good while the reader's cursor or its holder keeps them.
 */
import type { Family } from "../types/family.ts";
import type { Prefix } from "../types/prefix.ts";
import type { ChangeLog } from "./change-log.ts";
import type { DecisionProcess } from "./decision-process.ts";
import type { Graveyard, PrefixHolder } from "./graveyard.ts";
import type { PrefixTable } from "./prefix-table.ts";
import { prefixFromWords } from "./prefix-words.ts";
import { ROUTE_MULTIPATH, type RouteTable } from "./route-table.ts";

export class LocRib {
  readonly family: Family;
  readonly changeLog: ChangeLog;
  /** Words of an address: 1 for IPv4, 4 for IPv6. */
  readonly words: 1 | 4;
  readonly #prefixes: PrefixTable;
  readonly #routes: RouteTable;
  readonly #decision: DecisionProcess;
  readonly #graveyard: Graveyard;

  constructor(
    family: Family,
    words: 1 | 4,
    parts: {
      readonly changeLog: ChangeLog;
      readonly prefixes: PrefixTable;
      readonly routes: RouteTable;
      readonly decision: DecisionProcess;
      readonly graveyard: Graveyard;
    },
  ) {
    this.family = family;
    this.words = words;
    this.changeLog = parts.changeLog;
    this.#prefixes = parts.prefixes;
    this.#routes = parts.routes;
    this.#decision = parts.decision;
    this.#graveyard = parts.graveyard;
  }

  /** Prefix ids are below this. */
  end(): number {
    return this.#prefixes.end();
  }

  isUsed(prefix: number): boolean {
    return this.#prefixes.isUsed(prefix);
  }

  length(prefix: number): number {
    return this.#prefixes.length(prefix);
  }

  word0(prefix: number): number {
    return this.#prefixes.word0(prefix);
  }

  lowWord(prefix: number, number: 1 | 2 | 3): number {
    return this.#prefixes.lowWord(prefix, number);
  }

  /** Copies the address into an array of `words` words. */
  read(prefix: number, words: Uint32Array): void {
    this.#prefixes.read(prefix, words);
  }

  prefix(prefix: number): Prefix {
    const words = new Uint32Array(this.words);
    this.#prefixes.read(prefix, words);
    return prefixFromWords(words, this.#prefixes.length(prefix));
  }

  /** The id of a prefix, or 0. */
  find(words: Uint32Array, length: number): number {
    return this.#prefixes.find(words, length);
  }

  /** The best route, or 0; 0 also while a lost best route awaits the next decision. */
  bestRoute(prefix: number): number {
    const best = this.#prefixes.best(prefix);
    return best !== 0 && this.#routes.verdict(best) > 0 ? best : 0;
  }

  /** The first candidate; `nextRoute` goes on; 0 ends. */
  firstRoute(prefix: number): number {
    return this.#prefixes.head(prefix);
  }

  nextRoute(route: number): number {
    return this.#routes.next(route);
  }

  peer(route: number): number {
    return this.#routes.peer(route);
  }

  /** The accepted set of a route that is eligible. */
  acceptedSet(route: number): number {
    return this.#routes.verdict(route);
  }

  isEligible(route: number): boolean {
    return this.#decision.isEligible(route);
  }

  isMultipath(route: number): boolean {
    return this.#routes.hasFlag(route, ROUTE_MULTIPATH);
  }

  addHolder(holder: PrefixHolder): void {
    this.#graveyard.addHolder(holder);
  }

  removeHolder(holder: PrefixHolder): void {
    this.#graveyard.removeHolder(holder);
  }
}
