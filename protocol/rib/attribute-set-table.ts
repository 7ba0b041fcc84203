/** Interned attribute sets: equal canonical octets have one id, greater than 0. See wire/attribute-set.ts for the form. */
export class AttributeSetTable {
  /**
   * The id of these canonical octets. It stays valid until the next `collect()` (which Rib.work calls) unless a route or
   * someone who called `retain` holds it.
   */
  intern(_octets: Uint8Array, _start: number, _end: number): number {
    throw new Error("being written");
  }

  retain(_id: number): void {}

  release(_id: number): void {}

  /** The canonical octets: a view, valid as long as the id. */
  octets(_id: number): Uint8Array {
    throw new Error("being written");
  }
}
