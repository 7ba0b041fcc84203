import type { RouterId } from "../../types/router-id.ts";
import { u32 } from "../octets.ts";

/**
 * The identifier or address in four octets of an attribute, as received. 0.0.0.0 is no valid identifier (RFC 6286 §2.1),
 * but RFC 7606 §7 finds fault with lengths only, and a reflector must pass on what it was given.
 */
export function receivedIdentifier(bytes: Uint8Array, at: number): RouterId {
  return u32(bytes, at) as RouterId;
}
