import type { NotificationMessage } from "./message.ts";

/** A NOTIFICATION in words: "Cease/Administrative Shutdown: maintenance at noon". RFC 4271 §4.5, RFC 4486, RFC 9003. */
export function notificationText(
  _notification: Pick<NotificationMessage, "code" | "subcode" | "data">,
): string {
  throw new Error("not yet");
}

/** The shutdown communication in the data of a Cease 6/2 or 6/4; undefined when there is none that is valid. RFC 9003 §2. */
export function decodeShutdownCommunication(_data: Uint8Array): string | undefined {
  throw new Error("not yet");
}

/** Data for a Cease 6/2 or 6/4; the text is cut to 255 octets of UTF-8. RFC 9003 §2. */
export function encodeShutdownCommunication(_text: string): Uint8Array {
  throw new Error("not yet");
}
