import type { Labels } from "./selector.ts";
import type { Sensitivity } from "./selector-sensitivity.ts";

/** Objects by their labels. */
export class LabelledObjects {
  readonly #labels = new Map<string, Labels>();
  readonly #byLabel = new Map<string, Map<string, Set<string>>>();

  names(): Iterable<string> {
    return this.#labels.keys();
  }

  labelsOf(object: string): Labels | undefined {
    return this.#labels.get(object);
  }

  set(object: string, labels: Labels): void {
    this.remove(object);
    this.#labels.set(object, labels);
    for (const [label, value] of Object.entries(labels)) {
      const values = getOrMake(this.#byLabel, label, () => new Map<string, Set<string>>());
      getOrMake(values, value, () => new Set<string>()).add(object);
    }
  }

  remove(object: string): void {
    for (const [label, value] of Object.entries(this.#labels.get(object) ?? {})) {
      const values = this.#byLabel.get(label);
      const objects = values?.get(value);
      objects?.delete(object);
      if (objects?.size === 0) values?.delete(value);
      if (values?.size === 0) this.#byLabel.delete(label);
    }
    this.#labels.delete(object);
  }

  /** The objects that have what a selector looks at, in several sets that do not overlap. */
  holdersOf({ label, to }: Sensitivity): readonly ReadonlySet<string>[] {
    const values = this.#byLabel.get(label);
    if (values === undefined) return [];
    if (typeof to === "string") return [...values.values()];
    return to.values.flatMap((value) => values.get(value) ?? []);
  }
}

function getOrMake<Key, Value>(map: Map<Key, Value>, key: Key, make: () => Value): Value {
  const known = map.get(key);
  if (known !== undefined) return known;
  const made = make();
  map.set(key, made);
  return made;
}
