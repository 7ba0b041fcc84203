/** Lines of one kind that may pass within a second; more are only counted. */
const LINES_PER_SECOND = 20;
/** Kinds that are remembered; beyond it the memory begins anew. */
const MOST_KINDS = 10_000;

type Window = { startedAt: number; lines: number; suppressed: number };

/**
 * Keeps a peer that sends nonsense a thousand times a second from filling the disk: the first lines of each second pass,
 * and the first of a later second says how many did not.
 */
export class LineLimit {
  readonly #windows = new Map<string, Window>();

  /** Undefined when the line must not pass; otherwise how many of its kind did not, before it. */
  pass(kind: string, nowMilliseconds: number): number | undefined {
    const window = this.#windows.get(kind);
    if (window === undefined || nowMilliseconds - window.startedAt >= 1000) {
      if (this.#windows.size >= MOST_KINDS) this.#windows.clear();
      this.#windows.set(kind, { startedAt: nowMilliseconds, lines: 1, suppressed: 0 });
      return window?.suppressed ?? 0;
    }
    window.lines++;
    if (window.lines <= LINES_PER_SECOND) return 0;
    window.suppressed++;
    return undefined;
  }
}
