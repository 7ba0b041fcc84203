import { badMessageLength, MessageType, readFrame } from "./header.ts";
import type { Message } from "./message.ts";
import { decodeNotification } from "./notification-message.ts";
import { u16 } from "./octets.ts";
import { decodeOpen } from "./open-message.ts";
import { decodeRouteRefresh } from "./route-refresh-message.ts";
import { decodeUpdate } from "./update-message.ts";
import type { WireContext } from "./wire-context.ts";

/**
 * Decodes one whole message, from its marker to its end. Throws nothing but ProtocolError; octets that are not exactly one
 * message are a wrong length, 1/2. RFC 4271 §4, §6.1.
 */
export function decodeMessage(bytes: Uint8Array, context: WireContext): Message {
  const length = readFrame(bytes, 0, bytes.length, context);
  if (length !== bytes.length) throw badMessageLength(bytes.length < 19 ? 0 : u16(bytes, 16));
  switch (bytes[18]) {
    case MessageType.open:
      return decodeOpen(bytes);
    case MessageType.update:
      return decodeUpdate(bytes, context);
    case MessageType.notification:
      return decodeNotification(bytes);
    case MessageType.keepalive:
      return { type: "keepalive" };
    default:
      return decodeRouteRefresh(bytes);
  }
}
