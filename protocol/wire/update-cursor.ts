import { type Family, IPV4_UNICAST } from "../types/family.ts";
import type { Fault } from "./fault.ts";
import type { WireContext } from "./wire-context.ts";

/**
 * The RIB's door to an UPDATE: one reused object that walks the octets and allocates nothing, save for messages with faults.
 *
 *   cursor.open(bytes, start, end, context);          // throws ProtocolError when the session must end
 *   while (cursor.nextWithdrawn()) withdraw(cursor.family, cursor.pathId, cursor.length, cursor.word0, ...);
 *   while (cursor.nextAnnounced()) ...                 // when severity is 2, these too are withdrawals
 *
 * `section` changes when the announced prefixes that follow have another next hop: the NLRI field with NEXT_HOP is 1,
 * MP_REACH_NLRI is 2. `attributeSet(family)` belongs to the section of the last announced prefix; intern it once a section.
 * Families other than IPv4 and IPv6 unicast are skipped and counted in `skippedFamilies`. RFC 4271 §4.3, RFC 4760, RFC 7606.
 */
export class UpdateCursor {
  /** The strongest fault: 0 none, 1 attribute-discard, 2 treat-as-withdraw. */
  severity: 0 | 1 | 2 = 0;
  faults: readonly Fault[] = [];
  /** The family whose End-of-RIB marker this message is. RFC 4724 §2. */
  endOfRib: Family | undefined = undefined;
  skippedFamilies = 0;

  section: 0 | 1 | 2 = 0;
  family: Family = IPV4_UNICAST;
  pathId = 0;
  length = 0;
  word0 = 0;
  word1 = 0;
  word2 = 0;
  word3 = 0;

  open(_bytes: Uint8Array, _start: number, _end: number, _context: WireContext): void {
    throw new Error("not yet");
  }

  /** Moves to the next withdrawn prefix (field, then MP_UNREACH_NLRI); false when there is none. */
  nextWithdrawn(): boolean {
    throw new Error("not yet");
  }

  /** Moves to the next announced prefix (field, then MP_REACH_NLRI); false when there is none. */
  nextAnnounced(): boolean {
    throw new Error("not yet");
  }

  /** The canonical octets (see attribute-set.ts) as a view that is valid until the next `attributeSet` or `open`. */
  attributeSet(_family: Family): Uint8Array {
    throw new Error("not yet");
  }
}
