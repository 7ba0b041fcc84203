import { DatastoreError } from "../datastore.ts";

/**
 * What an attempt that failed tells about its request:
 * - refused: the server looked at it and said no; another member would say the same, and nothing was done
 * - stale: the server does not know this login (any more); nothing was done, and a new login may mend it
 * - unsent: it never reached a server
 * - unknown: it may have been done, or may still be
 */
export type Fate = "refused" | "stale" | "unsent" | "unknown";

/** One failed attempt, in words that name the member and hold no secrets. */
export class EtcdFailure extends DatastoreError {
  override readonly name = "EtcdFailure";
  readonly fate: Fate;
  readonly details: string;

  constructor(endpoint: string, { cause }: { readonly cause: unknown }) {
    const { code, details } = statusOf(cause);
    super(`etcd at ${endpoint}: ${details}`, { cause });
    this.fate = fateOf(code, details);
    this.details = details;
  }
}

/** gRPC's status codes that are a server's considered answer. */
const REFUSALS = new Set([3, 5, 6, 7, 8, 9, 11, 12]);
const DEADLINE_EXCEEDED = 4;
const UNAUTHENTICATED = 16;

/** etcd's words for a login that ran out, was lost in a restart, or is older than the last change of users. */
const STALE = /invalid auth token|auth store is old|user name is empty/;
const UNSENT = /No connection established|Name resolution failed/;

/** etcd3 keeps gRPC's code only in the message: "14 UNAVAILABLE: No connection established". */
const STATUS_MESSAGE = /^(?:\w+: )?(\d+) [A-Z_]+: (.*)$/s;

function statusOf(error: unknown): { readonly code: number | undefined; readonly details: string } {
  const message = error instanceof Error ? error.message : String(error);
  const [, code, details] = STATUS_MESSAGE.exec(message) ?? [];
  if (code === undefined) return { code: undefined, details: message };
  if (Number(code) === DEADLINE_EXCEEDED)
    return { code: DEADLINE_EXCEEDED, details: "no answer in time" };
  // grpc-js ends some messages with a note that is empty, or repeats what was said.
  return {
    code: Number(code),
    details: (details ?? message).replace(/\.? Resolution note:.*$/s, ""),
  };
}

function fateOf(code: number | undefined, details: string): Fate {
  if (code === UNAUTHENTICATED || STALE.test(details)) return "stale";
  if (UNSENT.test(details)) return "unsent";
  // What has no status did not come from a call: a file that cannot be read, a client that was closed.
  if (code === undefined) return "unsent";
  return REFUSALS.has(code) ? "refused" : "unknown";
}
