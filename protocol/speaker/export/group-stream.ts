import { objectArray } from "../../types/object-array.ts";
import { includes } from "./audience.ts";
import type { BatchRecord, Run } from "./batch-encoder.ts";
import { CatchUp } from "./catch-up.ts";
import type { GroupMember } from "./group-member.ts";
import type { SentTable } from "./sent-table.ts";

/** A run on the stream, with what is needed to tell a member that never read it what it missed. */
type StreamedRun = {
  readonly run: Run;
  readonly record: BatchRecord;
  readonly logPosition: number;
};

/**
 * The runs that a group has encoded and that some attached member has yet to read. Runs are numbered for ever; each member
 * keeps the number of the next one.
 */
export class GroupStream {
  #runs = objectArray<StreamedRun>();
  #first = 0;
  #octets = 0;

  /** `logPosition` is where the group's reader stood before the batch: prefix ids from there on are still named. */
  append(runs: readonly Run[], record: BatchRecord, logPosition: number): void {
    for (const run of runs) {
      this.#runs.push({ run, record, logPosition });
      this.#octets += run.end - run.start;
    }
  }

  end(): number {
    return this.#first + this.#runs.length;
  }

  run(number: number): Run {
    return (this.#runs[number - this.#first] as StreamedRun).run;
  }

  /** Octets from this run on. */
  octetsFrom(number: number): number {
    if (number <= this.#first) return this.#octets;
    let octets = 0;
    for (let at = number; at < this.end(); at++) octets += this.run(at).end - this.run(at).start;
    return octets;
  }

  isEmpty(): boolean {
    return this.#runs.length === 0;
  }

  /** Forgets the runs before this one. */
  trim(number: number): void {
    const gone = Math.min(number - this.#first, this.#runs.length);
    if (gone <= 0) return;
    for (let i = 0; i < gone; i++) {
      const { run } = this.#runs[i] as StreamedRun;
      this.#octets -= run.end - run.start;
    }
    this.#runs = this.#runs.slice(gone);
    this.#first += gone;
  }

  /** The oldest log position that a run still names; undefined when there is no run. */
  pinnedPosition(): number | undefined {
    return this.#runs[0]?.logPosition;
  }

  /** What is on the stream and an attached member has not read: it can learn that from the table instead. */
  missedBy({ cursor, peerIndex }: GroupMember, sent: SentTable): CatchUp {
    const catchUp = new CatchUp("missed", peerIndex);
    for (let at = Math.max(cursor, this.#first); at < this.end(); at++) {
      const { run, record } = this.#runs[at - this.#first] as StreamedRun;
      if (!includes(run.audience, peerIndex)) continue;
      for (let i = run.from; i < run.to; i++) {
        catchUp.mark(record.rows[i] as number, record.previous[i] as number, sent);
      }
    }
    return catchUp;
  }
}
