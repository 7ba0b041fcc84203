import type { Labels } from "./selector.ts";
import type { Sensitivity } from "./selector-sensitivity.ts";

/** Selectors by the changes of labels that they notice. */
export class LabelWatchers {
  readonly #byLabel = new Map<string, Watchers>();

  add(selector: string, { label, to }: Sensitivity): void {
    const watchers = this.#byLabel.get(label) ?? {
      values: new Map(),
      presence: new Set(),
      all: new Set(),
    };
    this.#byLabel.set(label, watchers);
    if (typeof to === "string") watchers[to].add(selector);
    else {
      for (const value of to.values) {
        const selectors = watchers.values.get(value) ?? new Set();
        watchers.values.set(value, selectors.add(selector));
      }
    }
  }

  remove(selector: string, { label, to }: Sensitivity): void {
    const watchers = this.#byLabel.get(label);
    if (watchers === undefined) return;
    if (typeof to === "string") watchers[to].delete(selector);
    else {
      for (const value of to.values) {
        const selectors = watchers.values.get(value);
        selectors?.delete(selector);
        if (selectors?.size === 0) watchers.values.delete(value);
      }
    }
    const { values, presence, all } = watchers;
    if (values.size + presence.size + all.size === 0) this.#byLabel.delete(label);
  }

  /** The selectors that may say something else of an object after its labels have changed. */
  noticing(before: Labels, after: Labels): ReadonlySet<string> {
    const noticed = new Set<string>();
    for (const label of new Set([...Object.keys(before), ...Object.keys(after)])) {
      const watchers = this.#byLabel.get(label);
      const [old, present] = [valueIn(before, label), valueIn(after, label)];
      if (watchers === undefined || old === present) continue;
      for (const set of noticingIn(watchers, [old, present])) {
        for (const selector of set) noticed.add(selector);
      }
    }
    return noticed;
  }
}

type Watchers = {
  readonly values: Map<string, Set<string>>;
  readonly presence: Set<string>;
  readonly all: Set<string>;
};

function noticingIn(
  { values, presence, all }: Watchers,
  change: readonly (string | undefined)[],
): readonly ReadonlySet<string>[] {
  const named = change.flatMap((value) => (value === undefined ? [] : (values.get(value) ?? [])));
  return change.includes(undefined) ? [...named, presence, all] : [...named, all];
}

function valueIn(labels: Labels, label: string): string | undefined {
  return Object.hasOwn(labels, label) ? labels[label] : undefined;
}
