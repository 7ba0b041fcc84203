import { HEADER_OCTETS } from "./header.ts";
import type { NotificationMessage } from "./message.ts";
import type { OctetWriter } from "./octet-writer.ts";

/*
 *   +----------------+-------------------+----------------------------+
 *   | Error code (1) | Error subcode (1) | Data, whatever is left     |     RFC 4271 §4.5
 *   +----------------+-------------------+----------------------------+
 */

/** A NOTIFICATION whose length the header has vouched for. RFC 4271 §4.5. */
export function decodeNotification(bytes: Uint8Array): NotificationMessage {
  return {
    type: "notification",
    code: bytes[HEADER_OCTETS] as number,
    subcode: bytes[HEADER_OCTETS + 1] as number,
    data: bytes.slice(HEADER_OCTETS + 2),
  };
}

export function encodeNotification(message: NotificationMessage, writer: OctetWriter): void {
  writer.putU8(message.code);
  writer.putU8(message.subcode);
  writer.putBytes(message.data);
}
