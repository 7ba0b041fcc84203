import type { OctetWriter } from "../octet-writer.ts";
import type { WireContext } from "../wire-context.ts";
import type { PathAttributeValue } from "./path-attribute.ts";

/**
 * A row of the attribute table: everything that tortie knows about one path attribute. `check` sees octets from a peer and
 * finds what is wrong with them without allocating; `decode` sees only octets that `check` has passed.
 */
export type AttributeDefinition<Value extends PathAttributeValue = PathAttributeValue> = {
  readonly code: number;
  /** The name in the RFCs. */
  readonly name: string;
  readonly type: Value["type"];
  /** The optional and transitive bits that the definition demands. RFC 4271 §5. */
  readonly flags: number;
  /** What a defect leads to, and the sentence that says so. RFC 7606 §7. */
  readonly malformed: "attribute-discard" | "treat-as-withdraw" | "session-reset";
  readonly rule: string;
  /** From any other kind of peer the attribute is discarded unread. */
  readonly onlyFrom?: { readonly peer: "internal" | "two-octet"; readonly rule: string };
  check(
    bytes: Uint8Array,
    start: number,
    end: number,
    context: WireContext,
  ): AttributeDefect | undefined;
  decode(bytes: Uint8Array, start: number, end: number, context: WireContext): Value;
  encode(value: Value, writer: OctetWriter, context: WireContext): void;
};

/** What is wrong with an attribute's value; `subcode` is that of the NOTIFICATION, should it come to one. RFC 4271 §6.3. */
export type AttributeDefect = { readonly reason: string; readonly subcode: number };

/** RFC 4271 §6.3: Attribute Length Error. */
export const WRONG_LENGTH: AttributeDefect = { reason: "wrong attribute length", subcode: 5 };

/** RFC 4271 §6.3: Optional Attribute Error. */
export const WRONG_OPTIONAL: AttributeDefect = { reason: "wrong attribute length", subcode: 9 };

/** Flags of a well-known attribute, and of the two kinds of optional ones. RFC 4271 §5. */
export const WELL_KNOWN_FLAGS = 0x40;
export const OPTIONAL_TRANSITIVE_FLAGS = 0xc0;
export const OPTIONAL_NON_TRANSITIVE_FLAGS = 0x80;
