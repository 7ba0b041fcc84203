/** One captured frame. `number` counts from 1 as packet analysers do. */
export type Packet = {
  readonly number: number;
  /** Microseconds since 1970, UTC; nanoseconds in the file are rounded down. */
  readonly timestampMicroseconds: number;
  /** LINKTYPE_ value: 1 Ethernet, 113 Linux cooked, 276 Linux cooked v2, 101 raw IP … */
  readonly linkType: number;
  /** What was captured; shorter than `originalLength` when the snapshot length cut it. */
  readonly bytes: Uint8Array;
  readonly originalLength: number;
};

/** The file is not a capture, or breaks off in its middle; `offset` is where. */
export class CaptureError extends Error {
  readonly offset: number;
  constructor(reason: string, offset: number) {
    super(`${reason} (at octet ${offset})`);
    this.name = "CaptureError";
    this.offset = offset;
  }
}
