/** Wall time of a piece of work that takes this much of a processor tells how many share it. */
const WORK_MICROSECONDS = 100_000;

/**
 * How many times longer everything takes now than on a machine with nothing else to do: 1 there, 2 when something else wants as much
 * of the processors. For a claim like "within a second" that is measured while others work.
 */
export function slowness(): number {
  const started = performance.now();
  const before = process.threadCpuUsage();
  let used = 0;
  while (used < WORK_MICROSECONDS) {
    const { user, system } = process.threadCpuUsage(before);
    used = user + system;
  }
  return Math.max(1, ((performance.now() - started) * 1000) / used);
}

/** Whether something took no longer than it may; what is late is measured with the machine's load of this moment. */
export function isWithin(milliseconds: number, limit: number): boolean {
  return milliseconds < limit || milliseconds < limit * slowness();
}
