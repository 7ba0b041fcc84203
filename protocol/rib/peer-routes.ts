/**
 * What a family knows of each peer's routes: counts, and the epoch that tells stale routes from fresh ones. A route is
 * fresh while its epoch is that of its peer; marking all routes of a peer stale is one addition (modulo 256).
 */
export class PeerRoutes {
  readonly #epochs: number[] = [];
  readonly #received: number[] = [];
  readonly #fresh: number[] = [];
  readonly #accepted: number[] = [];
  readonly #best: number[] = [];

  /** Makes room for a peer; cheap when there is. */
  ensure(peer: number): void {
    while (this.#epochs.length <= peer) {
      this.#epochs.push(0);
      this.#received.push(0);
      this.#fresh.push(0);
      this.#accepted.push(0);
      this.#best.push(0);
    }
  }

  epoch(peer: number): number {
    return this.#epochs[peer] as number;
  }

  /** Epochs that passed since this one, modulo 256. */
  age(peer: number, epoch: number): number {
    return ((this.#epochs[peer] as number) - epoch) & 0xff;
  }

  /** All present routes become stale. */
  turn(peer: number): void {
    this.#epochs[peer] = ((this.#epochs[peer] as number) + 1) & 0xff;
    this.#fresh[peer] = 0;
  }

  addReceived(peer: number, difference: 1 | -1): void {
    this.#received[peer] = (this.#received[peer] as number) + difference;
  }

  addFresh(peer: number, difference: 1 | -1): void {
    this.#fresh[peer] = (this.#fresh[peer] as number) + difference;
  }

  addAccepted(peer: number, difference: 1 | -1): void {
    this.#accepted[peer] = (this.#accepted[peer] as number) + difference;
  }

  addBest(peer: number, difference: 1 | -1): void {
    this.#best[peer] = (this.#best[peer] as number) + difference;
  }

  received(peer: number): number {
    return this.#received[peer] ?? 0;
  }

  stale(peer: number): number {
    return (this.#received[peer] ?? 0) - (this.#fresh[peer] ?? 0);
  }

  accepted(peer: number): number {
    return this.#accepted[peer] ?? 0;
  }

  best(peer: number): number {
    return this.#best[peer] ?? 0;
  }
}
