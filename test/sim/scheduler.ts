/** Mulberry32: a seeded generator, so that a seed replays a run exactly. */
export function seededRandom(seed: number): () => number {
  let a = seed >>> 0;
  return () => {
    a = (a + 0x6d2b79f5) >>> 0;
    let t = Math.imul(a ^ (a >>> 15), a | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

type Task = { readonly at: number; readonly order: number; readonly run: () => void };

/** False time: a heap of tasks, earliest first, and of equal ones the one that was planned first. */
export class Scheduler {
  now = 0;
  readonly #heap: Task[] = [];
  #order = 0;

  after(milliseconds: number, run: () => void): void {
    this.at(this.now + milliseconds, run);
  }

  at(time: number, run: () => void): void {
    const heap = this.#heap;
    heap.push({ at: Math.max(time, this.now), order: this.#order++, run });
    for (let child = heap.length - 1; child > 0; ) {
      const parent = (child - 1) >> 1;
      if (!this.#before(child, parent)) break;
      this.#swap(child, parent);
      child = parent;
    }
  }

  /** Runs the earliest task if it is due by `until`; else time moves to `until` and the answer is false. */
  step(until: number): boolean {
    const task = this.#heap[0];
    if (task === undefined || task.at > until) {
      this.now = Math.max(this.now, until);
      return false;
    }
    this.#removeFirst();
    this.now = task.at;
    task.run();
    return true;
  }

  #removeFirst(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    heap[0] = last;
    for (let parent = 0; ; ) {
      const [left, right] = [2 * parent + 1, 2 * parent + 2];
      let least = parent;
      if (left < heap.length && this.#before(left, least)) least = left;
      if (right < heap.length && this.#before(right, least)) least = right;
      if (least === parent) return;
      this.#swap(parent, least);
      parent = least;
    }
  }

  #before(a: number, b: number): boolean {
    const [left, right] = [this.#heap[a] as Task, this.#heap[b] as Task];
    return left.at < right.at || (left.at === right.at && left.order < right.order);
  }

  #swap(a: number, b: number): void {
    const task = this.#heap[a] as Task;
    this.#heap[a] = this.#heap[b] as Task;
    this.#heap[b] = task;
  }
}
