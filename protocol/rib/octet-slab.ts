/*
 * Hot: written like C on purpose; test/bench/rib.bench.ts measures it.
 *
 * Octet strings of up to 2^17 octets on pages of 256 KiB, one behind the other. A place is page × 2^18 + offset, below 2^32.
 * A string that is freed leaves a hole; a page of nothing but holes is given up, and when a third of all is holes, the owner
 * of the places moves all strings to new pages (`beginMoving`), at its leisure, so the old ones are given up one by one.
 *
 * Invariants: only the last string of the page that is being filled has room behind it; a page knows how many octets of it
 * are in use; while strings move, those on pages of before stand there until they are moved or freed.
 */

import { objectArray } from "../types/object-array.ts";

const PAGE_BITS = 18;
const PAGE_OCTETS = 1 << PAGE_BITS;
const OFFSET_MASK = PAGE_OCTETS - 1;
const MAX_PAGES = 1 << (32 - PAGE_BITS);
/** Holes are not worth moving anything below this. */
const LEAST_HOLES = PAGE_OCTETS;

const NO_PAGE = new Uint8Array(0);
/** No page is being filled. */
const NONE = -1;

export class OctetSlab {
  /** NO_PAGE where one was given up. */
  readonly #pages = objectArray<Uint8Array>();
  readonly #vacant: number[] = [];
  /** By page: octets in use, and whether its strings are to move. */
  readonly #used: number[] = [];
  readonly #leaving = objectArray<boolean>();
  #present = 0;
  #totalUsed = 0;
  #filling = NONE;
  #offset = PAGE_OCTETS;

  /** Copies octets[start, end) in and returns the place. */
  store(octets: Uint8Array, start: number, end: number): number {
    const length = end - start;
    if (this.#offset + length > PAGE_OCTETS) this.#openPage();
    const number = this.#filling;
    const page = this.#pages[number] as Uint8Array;
    let to = this.#offset;
    const place = ((number << PAGE_BITS) | to) >>> 0;
    for (let from = start; from < end; from++) page[to++] = octets[from] as number;
    this.#offset = to;
    this.#used[number] = (this.#used[number] as number) + length;
    this.#totalUsed += length;
    return place;
  }

  free(place: number, length: number): void {
    const number = place >>> PAGE_BITS;
    const used = (this.#used[number] as number) - length;
    this.#used[number] = used;
    this.#totalUsed -= length;
    if (used !== 0) return;
    if (number === this.#filling) this.#offset = 0;
    else this.#giveUp(number);
  }

  page(place: number): Uint8Array {
    return this.#pages[place >>> PAGE_BITS] as Uint8Array;
  }

  /** Where the string begins in its page. */
  offset(place: number): number {
    return place & OFFSET_MASK;
  }

  view(place: number, length: number): Uint8Array {
    const offset = place & OFFSET_MASK;
    return this.page(place).subarray(offset, offset + length);
  }

  /** Whether the string at `place` equals octets[start, end); lengths were compared before. */
  equals(place: number, octets: Uint8Array, start: number, end: number): boolean {
    const page = this.page(place);
    let at = place & OFFSET_MASK;
    for (let from = start; from < end; from++) if (page[at++] !== octets[from]) return false;
    return true;
  }

  /** Whether so much of it is holes that the strings should move together. */
  isSparse(): boolean {
    const holes = this.#present * PAGE_OCTETS - this.#totalUsed - (PAGE_OCTETS - this.#offset);
    return holes >= LEAST_HOLES && 2 * holes > this.#totalUsed;
  }

  /** From now on every string of now `isLeaving`, until its owner has moved it. */
  beginMoving(): void {
    const filling = this.#filling;
    for (let number = 0; number < this.#pages.length; number++) this.#leaving[number] = true;
    this.#filling = NONE;
    this.#offset = PAGE_OCTETS;
    if (filling !== NONE && this.#used[filling] === 0) this.#giveUp(filling);
  }

  isLeaving(place: number): boolean {
    return this.#leaving[place >>> PAGE_BITS] as boolean;
  }

  /** Moves a string to where new ones go, and returns its new place. */
  move(place: number, length: number): number {
    const offset = place & OFFSET_MASK;
    const made = this.store(this.page(place), offset, offset + length);
    this.free(place, length);
    return made;
  }

  byteLength(): number {
    return this.#present * PAGE_OCTETS;
  }

  #openPage(): void {
    const before = this.#filling;
    const number = this.#vacant.pop() ?? this.#pages.length;
    if (number === MAX_PAGES) throw new RangeError("more octets than a slab can hold");
    this.#pages[number] = new Uint8Array(PAGE_OCTETS);
    this.#used[number] = 0;
    this.#leaving[number] = false;
    this.#present++;
    this.#filling = number;
    this.#offset = 0;
    if (before !== NONE && this.#used[before] === 0) this.#giveUp(before);
  }

  #giveUp(number: number): void {
    this.#pages[number] = NO_PAGE;
    this.#vacant.push(number);
    this.#present--;
  }
}
