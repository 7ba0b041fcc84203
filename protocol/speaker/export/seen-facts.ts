import type { Rib } from "../../rib/rib.ts";

/** Which facts about peers, and about interfaces where a policy asks for them, a group's results rest on. */
export class SeenFacts {
  readonly #rib: Rib;
  readonly #looksAtInterface: boolean;
  #peersVersion = 0;
  #interfacesVersion = 0;

  constructor(rib: Rib, options: { readonly looksAtInterface: boolean }) {
    this.#rib = rib;
    this.#looksAtInterface = options.looksAtInterface;
    this.see();
  }

  /** A peer has another router id, type or role in reflection, or routes lead elsewhere: all results may be wrong. */
  isOutdated(): boolean {
    if (this.#peersVersion !== this.#rib.peers.version()) return true;
    return this.#looksAtInterface && this.#interfacesVersion !== this.#rib.interfaces.version();
  }

  /** From now on results rest on the facts as they are. */
  see(): void {
    this.#peersVersion = this.#rib.peers.version();
    if (this.#looksAtInterface) this.#interfacesVersion = this.#rib.interfaces.version();
  }
}
