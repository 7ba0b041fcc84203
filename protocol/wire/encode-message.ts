import type { Message } from "./message.ts";
import type { WireContext } from "./wire-context.ts";

/** Encodes one message. Throws RangeError when it would be longer than the session allows. RFC 4271 §4, RFC 8654. */
export function encodeMessage(_message: Message, _context: WireContext): Uint8Array {
  throw new Error("not yet");
}
