import type { OctetWriter } from "../octet-writer.ts";
import type { WireContext } from "../wire-context.ts";
import { attributeCode, attributeDefinition } from "./attribute-table.ts";
import { AttributeFlag, type PathAttribute } from "./path-attribute.ts";

/*
 *   +-----------+---------------+------------------------------------------+-------+
 *   | Flags (1) | Type Code (1) | Length (1, or 2 with the extended length | Value |     RFC 4271 §4.3
 *   |           |               | flag)                                    |       |
 *   +-----------+---------------+------------------------------------------+-------+
 */

/** Keeps the flags as they are, but a value of more than 255 octets always has its length in two. RFC 4271 §4.3. */
export function encodeAttribute(
  attribute: PathAttribute,
  writer: OctetWriter,
  context: WireContext,
): void {
  const code = attributeCode(attribute);
  const definition = attributeDefinition(code);
  const flagsAt = writer.length;
  writer.putU8(attribute.flags | AttributeFlag.extendedLength);
  writer.putU8(code);
  writer.putLengthPrefixed(2, () => {
    if (definition !== undefined) definition.encode(attribute, writer, context);
    else if (attribute.type === "unknown") writer.putBytes(attribute.value);
  });
  const octets = writer.length - flagsAt - 4;
  if (octets > 255 || (attribute.flags & AttributeFlag.extendedLength) !== 0) return;
  writer.removeAt(flagsAt + 2);
  writer.patchU8(flagsAt, attribute.flags);
}
