import type { OpenMessage } from "../wire/message.ts";
import { twoOctetAsn } from "./negotiate.ts";
import type { SessionConfig } from "./session-config.ts";

/** Our OPEN. RFC 4271 §4.2. */
export function openMessage(config: SessionConfig): OpenMessage {
  return {
    type: "open",
    version: 4,
    asn: twoOctetAsn(config.localAsn),
    holdTimeSeconds: config.holdTimeSeconds,
    routerId: config.routerId,
    capabilities: config.capabilities,
  };
}
