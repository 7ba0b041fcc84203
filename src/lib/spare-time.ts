/** Work for when there is nothing else to do. */
export type SpareTimeWork = {
  /** Does a few milliseconds of it; false when it is done. */
  readonly step: () => boolean;
  /** True while something has come up since the last question: then the work waits. */
  readonly isBusy: () => boolean;
  /** A step has failed, and no other follows: what is done in spare time must bring nothing down. */
  readonly onError: (error: unknown) => void;
};

const FIRST_LOOK_MILLISECONDS = 200;
const NEXT_LOOK_MILLISECONDS = 20;

/** Does the work in spare time and never keeps the process alive for it. Returns what gives it up. */
export function inSpareTime({ step, isBusy, onError }: SpareTimeWork): () => void {
  let givenUp = false;
  let timer: NodeJS.Timeout | undefined;
  let immediate: NodeJS.Immediate | undefined;
  const look = (): void => {
    // Events are polled between any two steps.
    if (isBusy()) wait(NEXT_LOOK_MILLISECONDS);
    else if (tryStep() && !givenUp) immediate = setImmediate(look);
  };
  const tryStep = (): boolean => {
    try {
      return step();
    } catch (error) {
      onError(error);
      return false;
    }
  };
  const wait = (milliseconds: number): void => {
    timer = setTimeout(look, milliseconds).unref();
  };
  wait(FIRST_LOOK_MILLISECONDS);
  return () => {
    givenUp = true;
    clearTimeout(timer);
    clearImmediate(immediate);
  };
}
