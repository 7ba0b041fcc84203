import { type Labels, matchesSelector, type Selector } from "./selector.ts";
import { type Sensitivity, sensitivitiesOf } from "./selector-sensitivity.ts";

/**
 * Selectors by what they look at, to find those that select an object without asking all of them: with a thousand selectors
 * `app == "…"`, one is compared with an object that has `app`, and none with one that has not. It is made once for a set of
 * selectors and never changes, so that what follows from it can be a pure function.
 *
 * A label that a selector does not look at is as good as absent. So what it says of an object without labels, it says of every
 * object, unless something in the object's labels is what it looks at.
 */
export class SelectorIndex<Named extends { readonly selector: Selector }> {
  readonly #selectors: readonly Named[];
  /** Positions of those that select what has no labels. */
  readonly #selectingNothing: readonly number[];
  readonly #byLabel = new Map<string, Watchers>();
  #evaluations = 0;

  constructor(selectors: readonly Named[]) {
    this.#selectors = selectors;
    this.#selectingNothing = [...selectors.keys()].filter((position) => {
      const selector = selectors[position]?.selector;
      return selector !== undefined && matchesSelector(selector, {});
    });
    for (const [position, { selector }] of selectors.entries()) {
      for (const sensitivity of sensitivitiesOf(selector)) this.#watch(position, sensitivity);
    }
  }

  /** How many times a selector has been compared with labels: the work that was done. */
  get evaluations(): number {
    return this.#evaluations;
  }

  /** Those that select an object with these labels, in the order in which they were given. */
  selecting(labels: Labels): readonly Named[] {
    const noticing = this.#noticing(labels);
    const found = this.#selectingNothing.filter((position) => !noticing.has(position));
    for (const position of noticing) {
      const named = this.#selectors[position];
      this.#evaluations++;
      if (named !== undefined && matchesSelector(named.selector, labels)) found.push(position);
    }
    return found.sort((a, b) => a - b).flatMap((position) => this.#selectors[position] ?? []);
  }

  /** Those that may say something else of an object with these labels than of one without any. */
  #noticing(labels: Labels): ReadonlySet<number> {
    const noticing = new Set<number>();
    for (const [label, value] of Object.entries(labels)) {
      const watchers = this.#byLabel.get(label);
      if (watchers === undefined) continue;
      for (const position of watchers.always) noticing.add(position);
      for (const position of watchers.values.get(value) ?? []) noticing.add(position);
    }
    return noticing;
  }

  #watch(position: number, { label, to }: Sensitivity): void {
    const watchers: Watchers = this.#byLabel.get(label) ?? { values: new Map(), always: [] };
    this.#byLabel.set(label, watchers);
    if (to === "always") watchers.always.push(position);
    else {
      for (const value of to.values) {
        const positions = watchers.values.get(value);
        if (positions === undefined) watchers.values.set(value, [position]);
        else positions.push(position);
      }
    }
  }
}

/** Positions of the selectors that notice a label with a certain value, and of those that notice any. */
type Watchers = { readonly values: Map<string, number[]>; readonly always: number[] };
