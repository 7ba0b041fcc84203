const FIRST_MILLISECONDS = 500;
const LONGEST_MILLISECONDS = 30_000;

/** Tries again what the kernel refused: soon at first, then ever more seldom, until it succeeds. */
export class RetryTimer {
  readonly #onRetry: () => void;
  #timer: NodeJS.Timeout | undefined;
  #milliseconds = FIRST_MILLISECONDS;

  constructor(onRetry: () => void) {
    this.#onRetry = onRetry;
  }

  /** Does nothing while a retry is under way. */
  schedule(): void {
    if (this.#timer !== undefined) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#onRetry();
    }, this.#milliseconds);
    this.#milliseconds = Math.min(2 * this.#milliseconds, LONGEST_MILLISECONDS);
  }

  succeeded(): void {
    this.#milliseconds = FIRST_MILLISECONDS;
  }

  stop(): void {
    clearTimeout(this.#timer);
  }
}
