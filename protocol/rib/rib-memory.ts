/** Octets of a RIB's tables by what they hold; free rows on pages that are in use count, too. */
export type RibMemory = {
  /** Prefixes, with the head of their routes and the best one. */
  readonly prefixes: number;
  /** Where to find a prefix. */
  readonly prefixIndex: number;
  /** The Adj-RIBs-In of all peers. */
  readonly routes: number;
  readonly changeLog: number;
  /** Interned attribute sets, with what routes are decided on, and where to find one; those that are sent as well. */
  readonly attributeSets: number;
  /** The octets of their attributes. */
  readonly attributes: number;
};

/** All of it. */
export function totalOctets(memory: RibMemory): number {
  const { prefixes, prefixIndex, routes, changeLog, attributeSets, attributes } = memory;
  return prefixes + prefixIndex + routes + changeLog + attributeSets + attributes;
}
