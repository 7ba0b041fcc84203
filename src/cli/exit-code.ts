/** Exit codes of `tortie`; scripts rely on them, so a number never changes its meaning. */
export const ExitCode = {
  done: 0,
  /** Not found, a check found problems, or the operation failed. */
  failed: 1,
  /** Wrong usage, or an act that needs root. */
  usage: 2,
  invalidInput: 3,
  /** Datastore or daemon cannot be reached. */
  unreachable: 4,
  conflict: 5,
  partial: 6,
  timedOut: 7,
  interrupted: 130,
} as const;
