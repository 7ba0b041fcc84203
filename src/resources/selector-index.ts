import { LabelWatchers } from "./label-watchers.ts";
import { LabelledObjects } from "./labelled-objects.ts";
import { type Labels, matchesSelector, type Selector } from "./selector.ts";
import { type Sensitivity, sensitivitiesOf } from "./selector-sensitivity.ts";

/** That a selector now selects an object, or no longer does. */
export type MatchChange = {
  readonly selector: string;
  readonly object: string;
  readonly matches: boolean;
};

/**
 * Which selectors select which objects, kept up to date. A change of labels evaluates only the selectors that look at what has
 * changed, and a new selector only the objects that have what it looks for: with a thousand selectors `app == "…"`, a
 * change of `app` concerns two of them, and a change of another label none. Selectors and objects are named by the caller.
 *
 * A label that nobody looks at is as good as absent. So what a selector says of an object without labels, it says of every
 * object, unless something in the object's labels is what it looks at.
 */
export class SelectorIndex {
  readonly #selectors = new Map<string, Entry>();
  readonly #objects = new LabelledObjects();
  readonly #watchers = new LabelWatchers();
  /** Selectors that select what has no labels. */
  readonly #selectingNothing = new Set<string>();
  readonly #selectorsOf = new Map<string, Set<string>>();
  #evaluations = 0;

  /** How many times a selector has been compared with an object: the work that was done. */
  get evaluations(): number {
    return this.#evaluations;
  }

  /** The objects that a selector selects. */
  objectsOf(selector: string): ReadonlySet<string> {
    return this.#selectors.get(selector)?.objects ?? NONE;
  }

  /** The selectors that select an object. */
  selectorsOf(object: string): ReadonlySet<string> {
    return this.#selectorsOf.get(object) ?? NONE;
  }

  /** Adds or replaces a selector, or takes it away with undefined. Returns what that changes. */
  setSelector(id: string, selector: Selector | undefined): readonly MatchChange[] {
    const before = this.#removeSelector(id);
    const after = selector === undefined ? new Set<string>() : this.#objectsSelectedBy(selector);
    if (selector !== undefined) this.#addSelector(id, selector, after);
    const change = (matches: boolean) => (object: string) => ({ selector: id, object, matches });
    const changes = [
      ...[...before].filter((object) => !after.has(object)).map(change(false)),
      ...[...after].filter((object) => !before.has(object)).map(change(true)),
    ];
    for (const each of changes) this.#note(each);
    return changes;
  }

  /** Gives an object labels, others than before or its first, or takes it away with undefined. Returns what that changes. */
  setLabels(object: string, labels: Labels | undefined): readonly MatchChange[] {
    const changes =
      labels === undefined ? this.#withoutObject(object) : this.#relabelled(object, labels);
    if (labels === undefined) this.#objects.remove(object);
    else this.#objects.set(object, labels);
    for (const each of changes) this.#note(each);
    if (labels === undefined) this.#selectorsOf.delete(object);
    return changes;
  }

  #withoutObject(object: string): readonly MatchChange[] {
    return [...this.selectorsOf(object)].map((selector) => ({ selector, object, matches: false }));
  }

  #relabelled(object: string, labels: Labels): readonly MatchChange[] {
    const before = this.#objects.labelsOf(object);
    const noticing = this.#watchers.noticing(before ?? {}, labels);
    const selected = this.selectorsOf(object);
    const changes: MatchChange[] = [];
    for (const id of noticing) {
      const entry = this.#selectors.get(id);
      const matches = entry !== undefined && this.#evaluate(entry.selector, labels);
      if (matches !== selected.has(id)) changes.push({ selector: id, object, matches });
    }
    if (before !== undefined) return changes;
    const others = [...this.#selectingNothing].filter((id) => !noticing.has(id));
    return [...changes, ...others.map((selector) => ({ selector, object, matches: true }))];
  }

  #objectsSelectedBy(selector: Selector): Set<string> {
    if (!matchesSelector(selector, {})) {
      const candidates = union(this.#smallestCandidates(selector));
      return new Set([...candidates].filter((object) => this.#selects(selector, object)));
    }
    const selected = new Set(this.#objects.names());
    for (const object of union(this.#candidates(selector))) {
      if (!this.#selects(selector, object)) selected.delete(object);
    }
    return selected;
  }

  /** Every object of which the selector may say something else than of one without labels. */
  #candidates(selector: Selector): readonly ReadonlySet<string>[] {
    return sensitivitiesOf(selector).flatMap((each) => this.#objects.holdersOf(each));
  }

  /** The same for a selector that does not select what has no labels: of `a && b`, only one side needs a look. */
  #smallestCandidates(selector: Selector): readonly ReadonlySet<string>[] {
    if (selector.type === "or") {
      return selector.operands.flatMap((operand) => this.#smallestCandidates(operand));
    }
    if (selector.type !== "and") return this.#candidates(selector);
    const sides = selector.operands
      .filter((operand) => !matchesSelector(operand, {}))
      .map((operand) => this.#smallestCandidates(operand));
    return sides.reduce((best, side) => (sizeOf(side) < sizeOf(best) ? side : best));
  }

  #selects(selector: Selector, object: string): boolean {
    return this.#evaluate(selector, this.#objects.labelsOf(object) ?? {});
  }

  #evaluate(selector: Selector, labels: Labels): boolean {
    this.#evaluations++;
    return matchesSelector(selector, labels);
  }

  #addSelector(id: string, selector: Selector, objects: ReadonlySet<string>): void {
    const sensitivities = sensitivitiesOf(selector);
    this.#selectors.set(id, { selector, sensitivities, objects: new Set(objects) });
    if (matchesSelector(selector, {})) this.#selectingNothing.add(id);
    for (const each of sensitivities) this.#watchers.add(id, each);
  }

  /** Returns what it selected. */
  #removeSelector(id: string): ReadonlySet<string> {
    const entry = this.#selectors.get(id);
    if (entry === undefined) return NONE;
    this.#selectors.delete(id);
    this.#selectingNothing.delete(id);
    for (const each of entry.sensitivities) this.#watchers.remove(id, each);
    return entry.objects;
  }

  #note({ selector, object, matches }: MatchChange): void {
    const objects = this.#selectors.get(selector)?.objects;
    const selectors = this.#selectorsOf.get(object) ?? new Set();
    this.#selectorsOf.set(object, selectors);
    if (matches) {
      objects?.add(object);
      selectors.add(selector);
    } else {
      objects?.delete(object);
      selectors.delete(selector);
    }
  }
}

type Entry = {
  readonly selector: Selector;
  readonly sensitivities: readonly Sensitivity[];
  readonly objects: Set<string>;
};

const NONE: ReadonlySet<string> = new Set();

function union(sets: readonly ReadonlySet<string>[]): ReadonlySet<string> {
  return new Set(sets.flatMap((set) => [...set]));
}

function sizeOf(sets: readonly ReadonlySet<string>[]): number {
  return sets.reduce((sum, { size }) => sum + size, 0);
}
