/**
 * Who was told which address is theirs. An address belongs to its owner from the moment that the allocator said so until the
 * owner asks for its release; in that time nobody else may be told the same.
 */
export class AddressBook {
  readonly #owners = new Map<string, string>();

  given(address: string, owner: string): void {
    const other = this.#owners.get(address);
    if (other !== undefined) throw new Error(`${address} is ${other}'s, and was given to ${owner}`);
    this.#owners.set(address, owner);
  }

  /** From now on the address may be anyone's. */
  letGo(owner: string): void {
    for (const [address, each] of this.#owners) if (each === owner) this.#owners.delete(address);
  }

  get entries(): ReadonlyMap<string, string> {
    return this.#owners;
  }
}
