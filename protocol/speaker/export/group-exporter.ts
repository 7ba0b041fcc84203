/*
 * Hot: written like C on purpose; test/bench/rib.bench.ts measures it (export of a full table).
 *
 * From (accepted set, source peer) to the set that the members of a group are sent. The result is worked out once a set
 * and kept until that set is freed; a policy that looks at prefixes or interfaces has one such cache a rule.
 */

import { CanonicalEditor } from "../../policy/canonical-editor.ts";
import { NO_RULE, PolicyEvaluator, type RouteSource } from "../../policy/evaluate.ts";
import { SET_HAS_LOCAL_PREF } from "../../rib/attribute-set-facts.ts";
import { type AttributeSetListener, SET_MASK } from "../../rib/attribute-set-table.ts";
import type { LocRib } from "../../rib/loc-rib.ts";
import { PAGE_BITS, PAGE_MASK, PAGE_ROWS } from "../../rib/page.ts";
import type { SourceClass } from "../../rib/peer-table.ts";
import type { Rib } from "../../rib/rib.ts";
import { objectArray } from "../../types/object-array.ts";
import { UpdateWriter } from "../../wire/update-writer.ts";
import type { ExportProfile } from "./export-profile.ts";
import { ExportTransform, refusal } from "./export-rules.ts";

const UNKNOWN = 0;
const NOT_TOLD = -1;
/** Result and source peer. */
const CACHE_STRIDE = 2;
/** A canonical set of at most so many octets fits a message of 4,096 octets, whatever the session makes of it. */
const FITS_SURELY = 2048;
/** The same before it is reflected. */
const REFLECTED_FITS_SURELY = FITS_SURELY - 64;

export class GroupExporter implements AttributeSetListener {
  readonly #rib: Rib;
  readonly #locRib: LocRib;
  readonly #profile: ExportProfile;
  readonly #policy: PolicyEvaluator;
  readonly #looksBeyondSet: boolean;
  readonly #transform: ExportTransform;
  readonly #editor = new CanonicalEditor();
  /** Asked whether long attributes fit a message of the session. */
  readonly #writer: UpdateWriter;
  /** By deciding rule + 1; only the first is used when the policy looks at the set alone. */
  readonly #caches: SetCache[] = [new SetCache()];
  readonly #words: Uint32Array;
  #setsWorkedOut = 0;

  constructor(rib: Rib, locRib: LocRib, profile: ExportProfile) {
    this.#rib = rib;
    this.#locRib = locRib;
    this.#profile = profile;
    this.#policy = new PolicyEvaluator(profile.exportPolicy, rib);
    this.#looksBeyondSet = this.#policy.looksBeyondSet();
    this.#transform = new ExportTransform(profile, locRib.family);
    this.#writer = new UpdateWriter(profile.wireContext);
    this.#words = new Uint32Array(locRib.words);
    rib.attributeSets.listen(this);
  }

  /** Results that were not known before: each costs as much as several prefixes. */
  get setsWorkedOut(): number {
    return this.#setsWorkedOut;
  }

  close(): void {
    this.#rib.attributeSets.unlisten(this);
    this.#policy.close();
    this.forget();
  }

  /** Octets of what was worked out. */
  byteLength(): number {
    return this.#caches.reduce((sum, cache) => sum + cache.byteLength(), 0);
  }

  /** Whether routes are told otherwise when they come to lead over another interface. */
  looksAtInterface(): boolean {
    return this.#policy.looksAtInterface();
  }

  /** Nothing that was worked out holds any more. The results are released in slices of `Rib.work`. */
  forget(): void {
    for (const cache of this.#caches) {
      for (const page of cache.takePages())
        this.#rib.attributeSets.releaseLater(page, CACHE_STRIDE);
    }
    this.#caches.length = 0;
    this.#caches.push(new SetCache());
  }

  /** The set that a route of this prefix is sent with; 0 when it is not told. */
  outSet(prefix: number, route: number): number {
    const set = this.#locRib.acceptedSet(route);
    const source = this.#locRib.peer(route);
    const cache = this.#looksBeyondSet
      ? this.#cacheOfRule(prefix, set, source)
      : (this.#caches[0] as SetCache);
    const known = cache.get(set, source);
    const result = known === UNKNOWN ? this.#workOut(cache, prefix, set, source) : known;
    return result === NOT_TOLD ? 0 : result;
  }

  /** Why a route is not told, as a sentence; undefined when it is. */
  refusal(prefix: number, route: number): string | undefined {
    const set = this.#locRib.acceptedSet(route);
    const source = this.#rib.peers.sourceClass(this.#locRib.peer(route));
    const rule = refusal(this.#profile, source, this.#rib.attributeSets, set);
    if (rule !== undefined) return rule;
    this.#locRib.read(prefix, this.#words);
    const length = this.#locRib.length(prefix);
    const decided = this.#policy.explain(this.#words, length, set, routeSource(source));
    if (decided.action === "reject") {
      const name = decided.rule === undefined ? "no rule matches" : `rule "${decided.rule}"`;
      return `export policy "${this.#profile.exportPolicy.name}" rejects it: ${name}`;
    }
    if (this.outSet(prefix, route) !== 0) return undefined;
    return "its next hop does not suit the session, or its attributes fit no message (RFC 8654 §5)";
  }

  attributeSetFreed(id: number): void {
    for (const cache of this.#caches) {
      this.#letGo(id, cache.drop(id));
    }
  }

  #cacheOfRule(prefix: number, set: number, source: number): SetCache {
    const rule = this.#rule(prefix, set, this.#rib.peers.sourceClass(source));
    while (this.#caches.length <= rule + 1) this.#caches.push(new SetCache());
    return this.#caches[rule + 1] as SetCache;
  }

  #rule(prefix: number, set: number, source: SourceClass): number {
    this.#locRib.read(prefix, this.#words);
    const length = this.#locRib.length(prefix);
    return this.#policy.decide(this.#words, length, set, routeSource(source));
  }

  #workOut(cache: SetCache, prefix: number, set: number, source: number): number {
    this.#setsWorkedOut++;
    const sourceClass = this.#rib.peers.sourceClass(source);
    const result = this.#transformed(prefix, set, source, sourceClass);
    // A set that goes out as it came in, or reflected, must not hold itself.
    if (result > 0 && (result & SET_MASK) !== set) this.#rib.attributeSets.retain(result);
    this.#letGo(set, cache.put(set, source, result));
    return result;
  }

  #letGo(set: number, result: number): void {
    if (result > 0 && (result & SET_MASK) !== set) this.#rib.attributeSets.release(result);
  }

  #transformed(prefix: number, set: number, source: number, sourceClass: SourceClass): number {
    const sets = this.#rib.attributeSets;
    if (refusal(this.#profile, sourceClass, sets, set) !== undefined) return NOT_TOLD;
    const rule = this.#rule(prefix, set, sourceClass);
    if (!this.#policy.accepts(rule)) return NOT_TOLD;
    const reflected = this.#reflected(set, source, sourceClass, rule);
    if (reflected !== 0) return reflected;
    const editor = this.#editor;
    editor.open(sets.buffer(set), sets.start(set), sets.end(set));
    this.#transform.before(editor, sourceClass);
    if (rule !== NO_RULE) this.#policy.applyOperations(rule, editor);
    this.#transform.after(editor, sourceClass, this.#rib.peers.routerId(source));
    if (this.#rib.peers.isBehindUs(source)) this.#transform.standBefore(editor);
    const length = editor.write();
    if (!this.#transform.canCarryNextHop(editor.octets())) return NOT_TOLD;
    if (length > FITS_SURELY && !this.#fits(editor.octets().subarray(0, length))) return NOT_TOLD;
    return sets.intern(editor.octets(), 0, length);
  }

  /** The set of a route that is only reflected: it need not be interned. 0 for one that is changed in any other way, or is long. */
  #reflected(set: number, source: number, sourceClass: SourceClass, rule: number): number {
    if (!this.#transform.onlyReflects(sourceClass) || this.#policy.changes(rule)) return 0;
    const { attributeSets: sets, peers, reflectedSets } = this.#rib;
    if (peers.isBehindUs(source) || !sets.hasFlag(set, SET_HAS_LOCAL_PREF)) return 0;
    const start = sets.start(set);
    if (sets.end(set) - start > REFLECTED_FITS_SURELY) return 0;
    if (!this.#transform.canCarryNextHop(sets.buffer(set), start)) return NOT_TOLD;
    return reflectedSets.reflected(set, peers.routerId(source), this.#transform.clusterId);
  }

  /** What no message of the session can hold is as if it were not told. RFC 8654 §5. */
  #fits(octets: Uint8Array): boolean {
    return this.#writer.announce(octets, this.#locRib.family);
  }
}

function routeSource(source: SourceClass): RouteSource {
  return source === "local" || source === "ebgp" ? source : "ibgp";
}

/** Two words a set: result and source peer. The sources of one set seldom differ: it carries its next hop. */
class SetCache {
  readonly #pages = objectArray<Int32Array | undefined>();

  get(set: number, source: number): number {
    const page = this.#pages[set >>> PAGE_BITS];
    if (page === undefined) return UNKNOWN;
    const at = (set & PAGE_MASK) * CACHE_STRIDE;
    return page[at + 1] === source ? (page[at] as number) : UNKNOWN;
  }

  /** Returns the result that was there. */
  put(set: number, source: number, result: number): number {
    const number = set >>> PAGE_BITS;
    while (this.#pages.length <= number) this.#pages.push(undefined);
    const page = this.#pages[number] ?? new Int32Array(PAGE_ROWS * CACHE_STRIDE);
    this.#pages[number] = page;
    const at = (set & PAGE_MASK) * CACHE_STRIDE;
    const before = page[at] as number;
    page[at] = result;
    page[at + 1] = source;
    return before;
  }

  drop(set: number): number {
    const page = this.#pages[set >>> PAGE_BITS];
    if (page === undefined) return UNKNOWN;
    const at = (set & PAGE_MASK) * CACHE_STRIDE;
    const before = page[at] as number;
    page[at] = UNKNOWN;
    return before;
  }

  byteLength(): number {
    return this.#pages.reduce((sum, page) => sum + (page?.byteLength ?? 0), 0);
  }

  /** The pages, emptied of what was not retained: a result that is the set itself, or that reflected. */
  takePages(): Int32Array[] {
    const taken: Int32Array[] = [];
    for (const [number, page] of this.#pages.entries()) {
      if (page === undefined) continue;
      for (let row = 0; row < PAGE_ROWS; row++) {
        const at = row * CACHE_STRIDE;
        const result = page[at] as number;
        if ((result & SET_MASK) === ((number << PAGE_BITS) | row)) page[at] = UNKNOWN;
      }
      taken.push(page);
    }
    this.#pages.length = 0;
    return taken;
  }
}
