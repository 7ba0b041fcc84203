/** Anything but undefined, null and false ends the wait. */
type Found<T> = Exclude<T, undefined | null | false>;

export type WaitOptions = {
  readonly deadlineSeconds: number;
  readonly everyMilliseconds?: number;
  /** Said when the deadline passes: what there was instead, log tails. */
  readonly whenLate?: () => string | Promise<string>;
};

/** Asks until the condition holds and returns what it gave; throws at the deadline and says what was waited for. */
export async function waitUntil<T>(
  what: string,
  probe: () => Promise<T> | T,
  options: WaitOptions,
): Promise<Found<T>> {
  const started = performance.now();
  const late = started + options.deadlineSeconds * 1000;
  let lastError: unknown;
  do {
    try {
      const found = await probe();
      if (found !== undefined && found !== null && found !== false) return found as Found<T>;
      lastError = undefined;
    } catch (error) {
      // A daemon that does not answer yet is the usual case; the last error is shown if it never does.
      lastError = error;
    }
    await pause(options.everyMilliseconds ?? 100);
  } while (performance.now() < late);
  const context = options.whenLate === undefined ? "" : `\n${await options.whenLate()}`;
  throw new Error(`waited ${options.deadlineSeconds} s in vain until ${what}${context}`, {
    cause: lastError,
  });
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
