/*
 * Hot: written like C on purpose; test/bench/rib.bench.ts measures it (export of a full table).
 *
 * Writes a batch as UPDATEs into buffers that are shared by all members of a group, one run of whole messages an audience
 * (or several, where a buffer was full). A buffer is filled to its end before the next one is made, so a lone change costs
 * no buffer of its own; what was written is never written again, because sockets may still be reading it.
 */

import type { LocRib } from "../../rib/loc-rib.ts";
import type { ReflectedSets } from "../../rib/reflected-sets.ts";
import { objectArray } from "../../types/object-array.ts";
import { UpdateWriter } from "../../wire/update-writer.ts";
import type { WireContext } from "../../wire/wire-context.ts";
import type { Audience } from "./audience.ts";
import type { AudienceChanges, OutgoingBatch } from "./outgoing-batch.ts";
import type { SentTable } from "./sent-table.ts";

const BUFFER_OCTETS = 1 << 18;
/** A buffer with less than this left is done: the longest message must fit. */
const LEAST_ROOM = 1 << 16;

/** Whole messages for one audience. Rows [from, to) of the batch's record are in them. */
export type Run = {
  readonly buffer: Uint8Array;
  readonly start: number;
  readonly end: number;
  readonly audience: Audience;
  readonly from: number;
  readonly to: number;
};

/** Rows of a batch in the order of their messages, each with the peer it was sent from before, or NOBODY. */
export type BatchRecord = {
  readonly rows: Int32Array;
  readonly previous: Int32Array;
};

export class BatchEncoder {
  readonly #locRib: LocRib;
  readonly #sets: ReflectedSets;
  readonly #sent: SentTable;
  readonly #writer: UpdateWriter;
  #buffer = new Uint8Array(0);
  /** Where the writer's view of the buffer begins, and where the run at hand does. */
  #base = 0;
  #runStart = 0;
  /** Room for a record, which is copied out of it: arrays that grow would be made for each batch. */
  #rows = new Int32Array(0);
  #previous = new Int32Array(0);
  #count = 0;
  #from = 0;
  #runs = objectArray<Run>();

  constructor(
    tables: { readonly locRib: LocRib; readonly sets: ReflectedSets; readonly sent: SentTable },
    context: WireContext,
  ) {
    this.#locRib = tables.locRib;
    this.#sets = tables.sets;
    this.#sent = tables.sent;
    this.#writer = new UpdateWriter(context);
  }

  /** Sets that do not fit a message of the session never come here (group-exporter.ts). */
  encode(batch: OutgoingBatch): { readonly runs: readonly Run[]; readonly record: BatchRecord } {
    this.#reserve(batch.size());
    this.#count = 0;
    this.#from = 0;
    this.#runs = objectArray();
    this.#open();
    for (const changes of batch.audiences()) {
      this.#writeWithdrawn(batch, changes.withdrawnHead, changes.audience);
      for (let place = 0; place < changes.sets.length; place++) {
        this.#writeAnnounced(batch, changes, place);
      }
      this.#cut(changes.audience);
    }
    const rows = this.#rows.slice(0, this.#count);
    const previous = this.#previous.slice(0, this.#count);
    return { runs: this.#runs, record: { rows, previous } };
  }

  #reserve(entries: number): void {
    if (entries <= this.#rows.length) return;
    this.#rows = new Int32Array(2 * entries);
    this.#previous = new Int32Array(2 * entries);
  }

  #writeAnnounced(batch: OutgoingBatch, changes: AudienceChanges, place: number): void {
    const head = changes.heads[place] as number;
    const sets = this.#sets;
    const set = changes.sets[place] as number;
    const end = sets.end(set);
    const octets = sets.buffer(set);
    if (!this.#writer.announceSpan(octets, sets.start(set), end, this.#locRib.family)) {
      throw new Error("an attribute set that fits no message was to be told");
    }
    for (let entry = head; entry !== 0; entry = batch.next(entry)) {
      const row = batch.row(entry);
      if (!this.#put(row, true)) {
        this.#renew(changes.audience);
        this.#put(row, true);
      }
      this.#note(row, batch.previous(entry));
    }
  }

  #writeWithdrawn(batch: OutgoingBatch, head: number, audience: Audience): void {
    if (head === 0) return;
    this.#writer.withdraw(this.#locRib.family);
    for (let entry = head; entry !== 0; entry = batch.next(entry)) {
      const row = batch.row(entry);
      if (!this.#put(row, false)) {
        this.#renew(audience);
        this.#put(row, false);
      }
      this.#note(row, batch.previous(entry));
    }
  }

  #put(row: number, announced: boolean): boolean {
    const locRib = this.#locRib;
    const prefix = this.#sent.prefix(row);
    const length = locRib.length(prefix);
    const word0 = locRib.word0(prefix);
    const word1 = locRib.lowWord(prefix, 1);
    const word2 = locRib.lowWord(prefix, 2);
    const word3 = locRib.lowWord(prefix, 3);
    const pathId = this.#sent.pathId(row);
    return announced
      ? this.#writer.putAnnounced(length, word0, word1, word2, word3, pathId)
      : this.#writer.putWithdrawn(length, word0, word1, word2, word3, pathId);
  }

  #note(row: number, previous: number): void {
    this.#rows[this.#count] = row;
    this.#previous[this.#count] = previous;
    this.#count++;
  }

  #open(): void {
    this.#base = this.#runStart;
    if (this.#buffer.length - this.#base < LEAST_ROOM) {
      this.#buffer = new Uint8Array(BUFFER_OCTETS);
      this.#base = 0;
      this.#runStart = 0;
    }
    this.#writer.attach(this.#buffer.subarray(this.#base));
  }

  /** Ends a run at a message boundary. */
  #cut(audience: Audience): void {
    const end = this.#base + this.#writer.finish();
    if (end === this.#runStart) return;
    this.#runs.push({
      buffer: this.#buffer,
      start: this.#runStart,
      end,
      audience,
      from: this.#from,
      to: this.#count,
    });
    this.#runStart = end;
    this.#from = this.#count;
  }

  /** The buffer is full: its run ends, and a new buffer begins with the same announce or withdraw in force. */
  #renew(audience: Audience): void {
    this.#cut(audience);
    this.#buffer = new Uint8Array(BUFFER_OCTETS);
    this.#base = 0;
    this.#runStart = 0;
    this.#writer.attach(this.#buffer);
  }
}
