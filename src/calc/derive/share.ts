/**
 * The later of two plain values, with every part that has not changed taken from the earlier one. With the same content the
 * earlier value itself comes back, so `===` says "unchanged", and memory is shared. An absent field is an undefined one.
 */
export function share<T>(before: T | undefined, after: T): T {
  if (before === after || before === undefined) return after;
  if (Array.isArray(before) && Array.isArray(after)) return shareList(before, after) as T;
  if (isRecord(before) && isRecord(after)) return shareRecord(before, after) as T;
  return after;
}

/** A member that has only moved stays what it is; a new one takes what it can from the one that stood in its place. */
function shareList(before: readonly unknown[], after: readonly unknown[]): readonly unknown[] {
  let known: Set<unknown> | undefined;
  let out: unknown[] | undefined;
  let same = before.length === after.length;
  for (let i = 0; i < after.length; i++) {
    if (before[i] === after[i]) continue;
    known ??= new Set(before);
    const shared = known.has(after[i]) ? after[i] : share(before[i], after[i]);
    same &&= shared === before[i];
    if (shared === after[i]) continue;
    out ??= [...after];
    out[i] = shared;
  }
  return same ? before : (out ?? after);
}

type PlainRecord = Readonly<Record<string, unknown>>;

function shareRecord(before: PlainRecord, after: PlainRecord): PlainRecord {
  let out: Record<string, unknown> | undefined;
  let same = true;
  for (const key of Object.keys(after)) {
    const shared = share(before[key], after[key]);
    same &&= shared === before[key];
    if (shared === after[key]) continue;
    out ??= { ...after };
    out[key] = shared;
  }
  if (same) same = Object.keys(before).every((key) => before[key] === undefined || key in after);
  return same ? before : (out ?? after);
}

/** Maps, sets and octets are compared by identity. */
function isRecord(value: unknown): value is PlainRecord {
  return (
    typeof value === "object" &&
    value !== null &&
    (Object.getPrototypeOf(value) === Object.prototype || Object.getPrototypeOf(value) === null)
  );
}
