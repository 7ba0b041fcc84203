import { unreachable } from "../types/never.ts";
import { MARKER_OCTETS, MessageType, mostOctets } from "./header.ts";
import type { Message } from "./message.ts";
import { encodeNotification } from "./notification-message.ts";
import { OctetWriter } from "./octet-writer.ts";
import { encodeOpen } from "./open-message.ts";
import { encodeRouteRefresh } from "./route-refresh-message.ts";
import { encodeUpdate } from "./update-message.ts";
import type { WireContext } from "./wire-context.ts";

/**
 * Encodes one message. Throws RangeError when it is longer than the session allows: the caller splits UPDATEs (see
 * UpdateWriter) and cuts NOTIFICATION data. RFC 4271 §4, RFC 8654 §4.
 */
export function encodeMessage(message: Message, context: WireContext): Uint8Array {
  const type = MessageType[message.type];
  const writer = new OctetWriter();
  for (let i = 0; i < MARKER_OCTETS; i++) writer.putU8(0xff);
  writer.putU16(0);
  writer.putU8(type);
  encodeBody(message, writer, context);
  if (writer.length > mostOctets(type, context.extendedMessage)) {
    throw new RangeError(`${message.type} message of ${writer.length} octets`);
  }
  writer.patchU16(MARKER_OCTETS, writer.length);
  return writer.toBytes();
}

function encodeBody(message: Message, writer: OctetWriter, context: WireContext): void {
  switch (message.type) {
    case "open":
      encodeOpen(message, writer);
      break;
    case "update":
      encodeUpdate(message, writer, context);
      break;
    case "notification":
      encodeNotification(message, writer);
      break;
    case "keepalive":
      break;
    case "routeRefresh":
      encodeRouteRefresh(message, writer);
      break;
    default:
      unreachable(message);
  }
}
