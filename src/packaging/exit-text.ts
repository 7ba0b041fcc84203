import type { ExitCode } from "../cli/exit-code.ts";

export type ExitName = keyof typeof ExitCode;

/** What each exit code means, for man page and reference. */
export const EXIT_TEXT: { readonly [name in ExitName]: string } = {
  done: "Done.",
  failed: "Not found, a check found problems, or the operation failed.",
  usage: "Wrong usage, or an act that needs root or group tortie.",
  invalidInput: "The input did not validate.",
  unreachable: "The daemon or the datastore cannot be reached.",
  conflict: "Conflict: it exists already, or was changed meanwhile.",
  partial: "Done in part; standard error has the rest.",
  timedOut: "Timed out.",
  interrupted: "Interrupted.",
};
