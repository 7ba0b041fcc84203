/*
 * From the octets of UPDATEs straight into the RIB: a full feed goes through here, so one cursor and one array of words
 * are used again and again, and nothing is made for a route. Everything else about a session is in peer-routes.ts.
 */
import type { AttributeSetTable } from "../rib/attribute-set-table.ts";
import type { FamilyRib } from "../rib/family-rib.ts";
import { type Family, IPV4_UNICAST, IPV6_UNICAST } from "../types/family.ts";
import { UpdateCursor } from "../wire/update-cursor.ts";
import type { WireContext } from "../wire/wire-context.ts";
import type { PeerImport } from "./peer-import.ts";

/** Where the routes of a session go. A family that was not negotiated has no RIB here, and what comes in it is left out. */
export type UpdateTarget = {
  readonly peerIndex: number;
  readonly context: WireContext;
  readonly imports: PeerImport;
  readonly ipv4: FamilyRib | undefined;
  readonly ipv6: FamilyRib | undefined;
};

export class UpdateReader {
  readonly cursor = new UpdateCursor();
  /** What the last UPDATE spoke of. */
  touchedIpv4 = false;
  touchedIpv6 = false;
  readonly #table: AttributeSetTable;
  /** A prefix has one word in IPv4 and four in IPv6: tables and policies tell the families apart by that. */
  readonly #ipv4Words = new Uint32Array(1);
  readonly #ipv6Words = new Uint32Array(4);

  constructor(table: AttributeSetTable) {
    this.#table = table;
  }

  /** Reads one UPDATE into the RIB. Throws ProtocolError when the session must end; `cursor` then tells the rest. */
  read(bytes: Uint8Array, start: number, end: number, target: UpdateTarget): void {
    const { cursor } = this;
    this.touchedIpv4 = false;
    this.touchedIpv6 = false;
    cursor.open(bytes, start, end, target.context);
    while (cursor.nextWithdrawn()) {
      const rib = this.#ribOf(cursor.family, target);
      if (rib !== undefined) this.#withdraw(rib, target.peerIndex);
    }
    if (cursor.severity === 2) this.#treatAsWithdraw(target);
    else this.#announceAll(target);
  }

  #announceAll(target: UpdateTarget): void {
    const { cursor } = this;
    let section = 0;
    let receivedSet = 0;
    let judgedSet = 0;
    while (cursor.nextAnnounced()) {
      const rib = this.#ribOf(cursor.family, target);
      if (rib === undefined) continue;
      if (cursor.section !== section) {
        section = cursor.section;
        const start = cursor.attributeSetStart(cursor.family);
        receivedSet = this.#table.intern(cursor.setOctets, start, cursor.setEnd);
        judgedSet = target.imports.judgeSet(receivedSet);
      }
      const words = this.#load();
      const { length, pathId, family } = cursor;
      const verdict = target.imports.judgePrefix(words, length, family === IPV6_UNICAST, judgedSet);
      rib.announce(target.peerIndex, words, length, pathId, receivedSet, verdict);
    }
  }

  /** RFC 7606 §2: the announced prefixes of a malformed UPDATE count as withdrawn. */
  #treatAsWithdraw(target: UpdateTarget): void {
    while (this.cursor.nextAnnounced()) {
      const rib = this.#ribOf(this.cursor.family, target);
      if (rib !== undefined) this.#withdraw(rib, target.peerIndex);
    }
  }

  #withdraw(rib: FamilyRib, peerIndex: number): void {
    rib.withdraw(peerIndex, this.#load(), this.cursor.length, this.cursor.pathId);
  }

  #load(): Uint32Array {
    const { cursor } = this;
    if (cursor.family === IPV4_UNICAST) {
      this.#ipv4Words[0] = cursor.word0;
      return this.#ipv4Words;
    }
    const words = this.#ipv6Words;
    words[0] = cursor.word0;
    words[1] = cursor.word1;
    words[2] = cursor.word2;
    words[3] = cursor.word3;
    return words;
  }

  #ribOf(family: Family, target: UpdateTarget): FamilyRib | undefined {
    if (family === IPV4_UNICAST) {
      this.touchedIpv4 = true;
      return target.ipv4;
    }
    if (family !== IPV6_UNICAST) return undefined;
    this.touchedIpv6 = true;
    return target.ipv6;
  }
}
