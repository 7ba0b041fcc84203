import { asnOf } from "../session/negotiate.ts";
import { agreedContext } from "../session/wire-agreement.ts";
import { IPV4_UNICAST, IPV6_UNICAST } from "../types/family.ts";
import { decodeMessage } from "../wire/decode-message.ts";
import type { Message, OpenMessage } from "../wire/message.ts";
import { ProtocolError } from "../wire/protocol-error.ts";
import { DEFAULT_WIRE_CONTEXT, type WireContext } from "../wire/wire-context.ts";

/** The context of what `sender` sends to `receiver`, from both OPENs. RFC 6793 §4.1, RFC 7911 §4, RFC 8654 §3, RFC 8950 §4. */
export function contextFromOpens(sender: OpenMessage, receiver: OpenMessage): WireContext {
  const peerType = asnOf(sender) === asnOf(receiver) ? "internal" : "external";
  return agreedContext({
    sender: sender.capabilities,
    receiver: receiver.capabilities,
    peerType,
  });
}

/**
 * Without the OPENs, the contexts that an UPDATE could have been written in, in the order in which they are tried. The
 * wrong width of AS numbers, or path identifiers that are not there, almost always leave faults behind.
 */
const CANDIDATES: readonly WireContext[] = [
  DEFAULT_WIRE_CONTEXT,
  { ...DEFAULT_WIRE_CONTEXT, fourOctetAsn: false },
  { ...DEFAULT_WIRE_CONTEXT, addPath: new Set([IPV4_UNICAST, IPV6_UNICAST]) },
  { ...DEFAULT_WIRE_CONTEXT, fourOctetAsn: false, addPath: new Set([IPV4_UNICAST, IPV6_UNICAST]) },
];

/** The first context in which all these messages decode without an error, by the fewest faults. */
export function guessContext(messages: readonly Uint8Array[]): WireContext {
  let best = { context: DEFAULT_WIRE_CONTEXT, damage: Number.POSITIVE_INFINITY };
  for (const context of CANDIDATES) {
    const damage = messages.reduce((sum, bytes) => sum + damageOf(bytes, context), 0);
    if (damage < best.damage) best = { context, damage };
  }
  return best.context;
}

function damageOf(bytes: Uint8Array, context: WireContext): number {
  const result = decode(bytes, context);
  if (result instanceof ProtocolError) return 10;
  return result.type === "update" ? result.faults.length : 0;
}

/** decodeMessage with its error as a value. */
export function decode(bytes: Uint8Array, context: WireContext): Message | ProtocolError {
  try {
    return decodeMessage(bytes, context);
  } catch (error) {
    if (error instanceof ProtocolError) return error;
    throw error;
  }
}
