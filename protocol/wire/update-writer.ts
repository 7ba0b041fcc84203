import type { Family } from "../types/family.ts";
import type { WireContext } from "./wire-context.ts";

/**
 * The export side's door to UPDATEs: packs prefixes behind path attributes into a buffer of the caller, message after
 * message, split to what the session allows. One writer serves one update group (one WireContext).
 *
 *   writer.attach(buffer);                           // at least 4,096 or 65,535 octets
 *   if (writer.announce(canonicalSet, family))       // false: attributes too long for this session, RFC 8654 §5: withdraw instead
 *     writer.putAnnounced(length, word0, word1, word2, word3, pathId)   // false: buffer full; send, attach, put again
 *   writer.withdraw(family); writer.putWithdrawn(...);
 *   writer.endOfRib(family);
 *   const octets = writer.finish();                  // buffer.subarray(0, octets) holds whole messages
 *
 * `finish` may be called at any time to learn a boundary between messages; what follows begins a new message with the
 * same announce or withdraw still in force. RFC 4271 §4.3, RFC 4760, RFC 6793 §4.2.2, RFC 7606 §5.1, RFC 7911, RFC 8654, RFC 8950.
 */
export class UpdateWriter {
  constructor(_context: WireContext) {}

  /** Starts anew at the head of this buffer. */
  attach(_buffer: Uint8Array): void {
    throw new Error("not yet");
  }

  /**
   * The prefixes that follow are announced with this set. False when the attributes leave no room for a prefix.
   * Throws RangeError when the next hop does not suit the family (IPv6 for IPv4 needs RFC 8950 in the context).
   */
  announce(_canonicalSet: Uint8Array, _family: Family): boolean {
    throw new Error("not yet");
  }

  putAnnounced(
    _length: number,
    _word0: number,
    _word1: number,
    _word2: number,
    _word3: number,
    _pathId: number,
  ): boolean {
    throw new Error("not yet");
  }

  /** The prefixes that follow are withdrawn. */
  withdraw(_family: Family): void {
    throw new Error("not yet");
  }

  putWithdrawn(
    _length: number,
    _word0: number,
    _word1: number,
    _word2: number,
    _word3: number,
    _pathId: number,
  ): boolean {
    throw new Error("not yet");
  }

  /** Writes an End-of-RIB marker; false when the buffer is full. RFC 4724 §2. */
  endOfRib(_family: Family): boolean {
    throw new Error("not yet");
  }

  /** Closes the open message and returns how many octets of whole messages the buffer holds. */
  finish(): number {
    throw new Error("not yet");
  }
}
