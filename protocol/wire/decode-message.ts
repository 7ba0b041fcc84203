import type { Message } from "./message.ts";
import type { WireContext } from "./wire-context.ts";

/** Decodes one whole message, from its marker to its end. Throws nothing but ProtocolError. RFC 4271 §4. */
export function decodeMessage(_bytes: Uint8Array, _context: WireContext): Message {
  throw new Error("not yet");
}
