/** Does something dear again and again, soon, but for no more than a share of the thread's time. */
export class TimeShare {
  readonly #share: number;
  readonly #onTurn: () => void;
  #timer: NodeJS.Timeout | undefined;
  #nextAt = 0;

  /** `onTurn`: what had to wait may be tried again. */
  constructor(share: number, onTurn: () => void) {
    this.#share = share;
    this.#onTurn = onTurn;
  }

  /** Does the work, or says false and gives notice when its turn has come. */
  run(work: () => void): boolean {
    const startedAt = performance.now();
    if (startedAt < this.#nextAt) {
      this.#timer ??= setTimeout(() => {
        this.#timer = undefined;
        this.#onTurn();
      }, this.#nextAt - startedAt);
      return false;
    }
    work();
    const now = performance.now();
    this.#nextAt = now + (now - startedAt) / this.#share;
    return true;
  }

  stop(): void {
    clearTimeout(this.#timer);
  }
}
