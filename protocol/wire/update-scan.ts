import type { Family } from "../types/family.ts";
import { IPV4_UNICAST } from "../types/family.ts";
import { AttributeCode } from "./attribute/attribute-code.ts";
import type { AttributeDefect, AttributeDefinition } from "./attribute/attribute-definition.ts";
import { attributeDefinition, attributeName } from "./attribute/attribute-table.ts";
import { mpFamilyAt, mpReachNlriStart } from "./attribute/mp-reach.ts";
import type { Fault, FaultSeverity } from "./fault.ts";
import { badMessageLength } from "./header.ts";
import { findNlriError, nlriLayout } from "./nlri.ts";
import { u16 } from "./octets.ts";
import { ProtocolError } from "./protocol-error.ts";
import type { WireContext } from "./wire-context.ts";

/*
 * One pass over an UPDATE that finds its parts and everything that is wrong with them. Both doors, `decodeMessage` and
 * `UpdateCursor`, stand on it, so they cannot disagree on a fault. A hot file: the parts are numbers in fields and in columns
 * indexed by type code, reused from message to message; only faults allocate.
 *
 *   +-------------+----------------+------------------+---------------------+-----------------+------+
 *   | header (19) | withdrawn      | withdrawn routes | total attribute     | path attributes | NLRI |   RFC 4271 §4.3
 *   |             | length (2)     |                  | length (2)          |                 |      |
 *   +-------------+----------------+------------------+---------------------+-----------------+------+
 */

/** RFC 7606 §2, in the order of §3(h). */
export const Severity = { none: 0, attributeDiscard: 1, treatAsWithdraw: 2 } as const;

const NO_FAULTS: readonly Fault[] = [];
/** An UPDATE with nothing in it. RFC 4271 §4.3. */
export const SMALLEST_UPDATE = 23;

/** A NOTIFICATION's data field in a message of 4,096 octets. RFC 4271 §4.5. */
const MAX_NOTIFICATION_DATA = 4075;

/** RFC 4271 §6.3: these subcodes carry no data; the others carry the attribute (type, length and value). */
const DATALESS_SUBCODES: ReadonlySet<number> = new Set([1, 10, 11]);

const WRONG_FLAGS: AttributeDefect = { reason: "optional or transitive bit is wrong", subcode: 4 };
const REPEATED: AttributeDefect = { reason: "appears more than once", subcode: 1 };
const MISPLACED: AttributeDefect = { reason: "not for this kind of session", subcode: 9 };
const OVERRUN: AttributeDefect = { reason: "overruns the total attribute length", subcode: 1 };
const MISSING: AttributeDefect = { reason: "mandatory attribute is missing", subcode: 3 };

export class UpdateScan {
  bytes: Uint8Array = new Uint8Array(0);
  start = 0;

  withdrawnStart = 0;
  withdrawnEnd = 0;
  nlriStart = 0;
  nlriEnd = 0;

  /** Type codes of the attributes that are kept, in the order of the message. */
  readonly codes = new Uint8Array(256);
  count = 0;
  /** By type code, for those that are kept: where header and value are, and the flags octet. */
  readonly headerStart = new Int32Array(256);
  readonly valueStart = new Int32Array(256);
  readonly valueEnd = new Int32Array(256);
  readonly flags = new Uint8Array(256);

  /** 0 while there is no such attribute. */
  mpReachFamily: Family | 0 = 0;
  mpUnreachFamily: Family | 0 = 0;

  severity: 0 | 1 | 2 = Severity.none;
  faults: readonly Fault[] = NO_FAULTS;

  /** By type code: the number of the last message that had it; the columns need no clearing. */
  readonly #seen = new Float64Array(256);
  readonly #kept = new Float64Array(256);
  #message = 0;
  #attributesStart = 0;
  #attributesEnd = 0;
  #onlyMpUnreach = true;
  #list: Fault[] = [];
  /** The first fault that would withdraw, kept for RFC 7606 §5.2. */
  #gravest: { defect: AttributeDefect; code: number; at: number; end: number } | undefined;

  /** Scans the UPDATE in [start, end), whose header has been checked. Throws ProtocolError when the session must end. */
  open(bytes: Uint8Array, start: number, end: number, context: WireContext): void {
    this.#begin(bytes, start, end);
    this.#checkPrefixes(this.withdrawnStart, this.withdrawnEnd, context);
    this.#checkPrefixes(this.nlriStart, this.nlriEnd, context);
    this.#scanAttributes(context);
    const reachable = this.nlriEnd > this.nlriStart || this.#mpReachHasNlri();
    if (reachable) this.#requireMandatory();
    else if (this.severity === Severity.treatAsWithdraw) this.#resetWithoutNlri();
    if (this.severity !== Severity.none) this.faults = this.#list;
  }

  /** True when the attribute is there and is kept. */
  has(code: number): boolean {
    return this.#kept[code] === this.#message;
  }

  #begin(bytes: Uint8Array, start: number, end: number): void {
    this.bytes = bytes;
    this.start = start;
    this.#message++;
    this.count = 0;
    this.mpReachFamily = 0;
    this.mpUnreachFamily = 0;
    this.severity = Severity.none;
    this.faults = NO_FAULTS;
    this.#onlyMpUnreach = true;
    this.#gravest = undefined;
    if (end - start < SMALLEST_UPDATE) throw badMessageLength(end - start);
    this.withdrawnStart = start + 21;
    this.withdrawnEnd = this.withdrawnStart + u16(bytes, start + 19);
    if (this.withdrawnEnd + 2 > end)
      throw malformedList("withdrawn routes overrun the message", 19);
    this.#attributesStart = this.withdrawnEnd + 2;
    this.#attributesEnd = this.#attributesStart + u16(bytes, this.withdrawnEnd);
    if (this.#attributesEnd > end) {
      throw malformedList("path attributes overrun the message", this.withdrawnEnd - start);
    }
    this.nlriStart = this.#attributesEnd;
    this.nlriEnd = end;
  }

  /** RFC 7606 §5.3: prefixes that cannot be told apart end the session. */
  #checkPrefixes(start: number, end: number, context: WireContext): void {
    if (start === end) return;
    const layout = nlriLayout(IPV4_UNICAST, context);
    const error = layout === undefined ? -1 : findNlriError(this.bytes, start, end, layout);
    if (error < 0) return;
    const reason = "syntactically incorrect prefix";
    throw new ProtocolError({ code: 3, subcode: 10, reason, offset: error - this.start });
  }

  /** RFC 7606 §4: what does not fit ends the walk, and the total length still says where the NLRI are. */
  #scanAttributes(context: WireContext): void {
    const bytes = this.bytes;
    const end = this.#attributesEnd;
    let at = this.#attributesStart;
    while (at < end) {
      const extended = ((bytes[at] as number) & 0x10) !== 0;
      const valueStart = at + (extended ? 4 : 3);
      const octets = extended ? u16(bytes, at + 2) : (bytes[at + 2] as number);
      const valueEnd = valueStart + octets;
      if (valueStart > end || valueEnd > end) {
        this.#overrun(at);
        return;
      }
      this.#take(at, valueStart, valueEnd, context);
      at = valueEnd;
    }
  }

  #overrun(at: number): void {
    const end = this.#attributesEnd;
    const code = at + 1 < end ? (this.bytes[at + 1] as number) : 0;
    this.#onlyMpUnreach = false;
    // NLRI that are cut off cannot be withdrawn: RFC 7606 §3(j).
    if (isMp(code)) throw this.#error(OVERRUN, code, at, end);
    this.#seen[code] = this.#message;
    this.#fault("treat-as-withdraw", OVERRUN, code, at, end, "RFC 7606 §4");
  }

  #take(at: number, valueStart: number, valueEnd: number, context: WireContext): void {
    const flags = this.bytes[at] as number;
    const code = this.bytes[at + 1] as number;
    if (code !== AttributeCode.mpUnreach) this.#onlyMpUnreach = false;
    if (this.#seen[code] === this.#message) {
      this.#repeated(code, at, valueEnd);
      return;
    }
    this.#seen[code] = this.#message;
    const definition = attributeDefinition(code);
    if (definition === undefined) this.#checkUnknown(flags, code, at, valueEnd);
    else if (!this.#passes(definition, at, valueStart, valueEnd, context)) return;
    this.codes[this.count++] = code;
    this.#kept[code] = this.#message;
    this.headerStart[code] = at;
    this.valueStart[code] = valueStart;
    this.valueEnd[code] = valueEnd;
    this.flags[code] = flags;
    if (code === AttributeCode.mpReach) this.mpReachFamily = mpFamilyAt(this.bytes, valueStart);
    if (code === AttributeCode.mpUnreach) this.mpUnreachFamily = mpFamilyAt(this.bytes, valueStart);
  }

  /** RFC 7606 §3(g): the first one counts; two MP attributes leave no telling which. */
  #repeated(code: number, at: number, end: number): void {
    if (isMp(code)) throw this.#error(REPEATED, code, at, end);
    this.#fault("attribute-discard", REPEATED, code, at, end, "RFC 7606 §3(g)");
  }

  /** A well-known attribute that we do not know: RFC 4271 §6.3, which RFC 7606 leaves as it was. */
  #checkUnknown(flags: number, code: number, at: number, end: number): void {
    if ((flags & 0x80) !== 0) return;
    const defect = { reason: "unrecognized well-known attribute", subcode: 2 };
    throw this.#error(defect, code, at, end);
  }

  #passes(
    definition: AttributeDefinition,
    at: number,
    start: number,
    end: number,
    context: WireContext,
  ): boolean {
    const { code, malformed } = definition;
    if ((((this.bytes[at] as number) ^ definition.flags) & 0xc0) !== 0) {
      // For MP attributes wrong flags are a syntax error of the NLRI: RFC 7606 §5.3.
      if (malformed === "session-reset") throw this.#error(WRONG_FLAGS, code, at, end);
      this.#fault("treat-as-withdraw", WRONG_FLAGS, code, at, end, "RFC 7606 §3(c)");
      return false;
    }
    if (definition.onlyFrom !== undefined && isMisplaced(definition.onlyFrom.peer, context)) {
      this.#fault("attribute-discard", MISPLACED, code, at, end, definition.onlyFrom.rule);
      return false;
    }
    const defect = definition.check(this.bytes, start, end, context);
    if (defect === undefined) return true;
    if (malformed === "session-reset") throw this.#error(defect, code, at, end);
    this.#fault(malformed, defect, code, at, end, definition.rule);
    return false;
  }

  #mpReachHasNlri(): boolean {
    if (this.mpReachFamily === 0) return false;
    const code = AttributeCode.mpReach;
    const start = mpReachNlriStart(this.bytes, this.valueStart[code] as number);
    return start < (this.valueEnd[code] as number);
  }

  /** RFC 7606 §3(d); NEXT_HOP only speaks for the NLRI field (RFC 4760 §3). LOCAL_PREF has a default and may be missing. */
  #requireMandatory(): void {
    this.#require(AttributeCode.origin);
    this.#require(AttributeCode.asPath);
    if (this.nlriEnd > this.nlriStart) this.#require(AttributeCode.nextHop);
  }

  #require(code: number): void {
    if (this.#seen[code] === this.#message) return;
    const at = this.#attributesStart;
    this.#fault("treat-as-withdraw", MISSING, code, at, at, "RFC 7606 §3(d)");
  }

  /** RFC 7606 §5.2: with attributes but without reachable NLRI, who knows whether the NLRI were found at all. */
  #resetWithoutNlri(): void {
    if (this.#gravest === undefined || this.#onlyMpUnreach) return;
    const { defect, code, at, end } = this.#gravest;
    throw this.#error(defect, code, at, end);
  }

  #fault(
    severity: FaultSeverity,
    defect: AttributeDefect,
    code: number,
    at: number,
    end: number,
    rule: string,
  ): void {
    const reason = `${attributeName(code)}: ${defect.reason}`;
    const fault: Fault = {
      severity,
      attributeCode: code,
      offset: at - this.start,
      length: end - at,
      rule,
      reason,
    };
    if (this.severity === Severity.none) this.#list = [];
    this.#list.push(fault);
    if (severity === "attribute-discard") {
      if (this.severity === Severity.none) this.severity = Severity.attributeDiscard;
      return;
    }
    this.severity = Severity.treatAsWithdraw;
    this.#gravest ??= { defect, code, at, end };
  }

  #error(
    { reason, subcode }: AttributeDefect,
    code: number,
    at: number,
    end: number,
  ): ProtocolError {
    const last = Math.min(end, at + MAX_NOTIFICATION_DATA);
    const data = DATALESS_SUBCODES.has(subcode) ? new Uint8Array(0) : this.bytes.slice(at, last);
    const offset = at - this.start;
    return new ProtocolError({
      code: 3,
      subcode,
      reason: `${attributeName(code)}: ${reason}`,
      data,
      offset,
    });
  }
}

function isMp(code: number): boolean {
  return code === AttributeCode.mpReach || code === AttributeCode.mpUnreach;
}

/** Without a session nobody is known to be external. */
function isMisplaced(peer: "internal" | "two-octet", context: WireContext): boolean {
  return peer === "internal" ? context.peerType === "external" : context.fourOctetAsn;
}

function malformedList(reason: string, offset: number): ProtocolError {
  return new ProtocolError({ code: 3, subcode: 1, reason, offset });
}
