import type { SpecOf } from "./schemas.ts";

/** FelixConfiguration as it counts on one host. */
export type FelixSettings = SpecOf<"FelixConfiguration">;

/** What is said of the node alone comes before what is said of all; `named` finds a FelixConfiguration by its name. */
export function mergeFelixSettings(
  nodeName: string,
  named: (name: string) => FelixSettings | undefined,
): FelixSettings {
  return { ...named("default"), ...named(`node.${nodeName}`) };
}
