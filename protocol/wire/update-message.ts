import { IPV4_UNICAST } from "../types/family.ts";
import { attributeDefinition } from "./attribute/attribute-table.ts";
import { encodeAttribute } from "./attribute/encode-attribute.ts";
import type { PathAttribute } from "./attribute/path-attribute.ts";
import type { UpdateMessage } from "./message.ts";
import { decodeNlri, encodeNlri, type NlriLayout, nlriLayout } from "./nlri.ts";
import type { OctetWriter } from "./octet-writer.ts";
import { UpdateScan } from "./update-scan.ts";
import type { WireContext } from "./wire-context.ts";

/** Columns that are costly to make and hold nothing between two messages; what goes into a value is copied out of them. */
const scan = new UpdateScan();

/** An UPDATE as a value; attributes that a fault discarded are not in it. Throws ProtocolError. RFC 4271 §4.3, RFC 7606. */
export function decodeUpdate(bytes: Uint8Array, context: WireContext): UpdateMessage {
  scan.open(bytes, 0, bytes.length, context);
  const layout = ipv4Layout(context);
  const attributes: PathAttribute[] = [];
  for (const code of scan.codes.subarray(0, scan.count)) {
    attributes.push(decodeAttribute(code, context));
  }
  return {
    type: "update",
    withdrawn: decodeNlri(bytes, scan.withdrawnStart, scan.withdrawnEnd, layout),
    attributes,
    nlri: decodeNlri(bytes, scan.nlriStart, scan.nlriEnd, layout),
    faults: scan.faults,
  };
}

function decodeAttribute(code: number, context: WireContext): PathAttribute {
  const flags = scan.flags[code] as number;
  const start = scan.valueStart[code] as number;
  const end = scan.valueEnd[code] as number;
  const definition = attributeDefinition(code);
  if (definition === undefined) {
    return { type: "unknown", code, value: scan.bytes.slice(start, end), flags };
  }
  return { ...definition.decode(scan.bytes, start, end, context), flags };
}

/** Puts the body of an UPDATE, attributes in the order given; `faults` is not sent. RFC 4271 §4.3. */
export function encodeUpdate(
  message: UpdateMessage,
  writer: OctetWriter,
  context: WireContext,
): void {
  const layout = ipv4Layout(context);
  writer.putLengthPrefixed(2, () => encodeNlri(message.withdrawn, layout, writer));
  writer.putLengthPrefixed(2, () => {
    for (const attribute of message.attributes) encodeAttribute(attribute, writer, context);
  });
  encodeNlri(message.nlri, layout, writer);
}

function ipv4Layout(context: WireContext): NlriLayout {
  return nlriLayout(IPV4_UNICAST, context) as NlriLayout;
}
