import { negotiate } from "../../../protocol/session/negotiate.ts";
import { openMessage } from "../../../protocol/session/open-message.ts";
import type { SessionConfig } from "../../../protocol/session/session-config.ts";
import type { SessionParameters } from "../../../protocol/session/session-parameters.ts";
import { type SessionState, STOPPED } from "../../../protocol/session/session-state.ts";
import { Asn } from "../../../protocol/types/asn.ts";
import { IPV4_UNICAST } from "../../../protocol/types/family.ts";
import { addSeconds, Instant } from "../../../protocol/types/instant.ts";
import { RouterId } from "../../../protocol/types/router-id.ts";
import type { OpenMessage } from "../../../protocol/wire/message.ts";

export const CONFIG: SessionConfig = {
  localAsn: Asn(65001),
  peerAsn: Asn(65002),
  routerId: RouterId(1),
  holdTimeSeconds: 90,
  minHoldTimeSeconds: 3,
  connectRetrySeconds: 5,
  idleHoldSeconds: { initial: 5, max: 30 },
  delayOpenSeconds: 0,
  passive: false,
  families: [IPV4_UNICAST],
  capabilities: [{ type: "fourOctetAsn", asn: Asn(65001) }],
};

export const NOW = Instant(1_000_000);
export const context = { config: CONFIG, now: NOW, random: () => 1 };

export const PEER_OPEN: OpenMessage = {
  ...openMessage({ ...CONFIG, localAsn: Asn(65002), routerId: RouterId(2) }),
  asn: 65002,
  capabilities: [],
};
export const BAD_OPEN: OpenMessage = { ...PEER_OPEN, asn: 65009 };
const parameters = negotiate(PEER_OPEN, CONFIG) as SessionParameters;

export const later = addSeconds(NOW, 60);
const negotiated = {
  failures: 0,
  parameters,
  holdAt: later,
  keepaliveAt: later,
  sendHoldAt: undefined,
};
const delaying = { type: "delayingOpen", delayOpenAt: later } as const;

/** The columns: each state, in each of its shapes. */
export const STATES = {
  idle: STOPPED,
  idleHeld: { name: "Idle", failures: 2, idleHoldAt: later, accepts: false },
  connect: {
    name: "Connect",
    failures: 0,
    attempts: 0,
    transport: { type: "dialling", connectRetryAt: later },
  },
  connectDelay: { name: "Connect", failures: 0, attempts: 0, transport: delaying },
  active: {
    name: "Active",
    failures: 0,
    attempts: 0,
    transport: { type: "listening", connectRetryAt: later },
  },
  activeDelay: { name: "Active", failures: 0, attempts: 0, transport: delaying },
  openSent: { name: "OpenSent", failures: 0, attempts: 0, holdAt: later },
  openConfirm: { ...negotiated, name: "OpenConfirm" },
  established: { ...negotiated, name: "Established", establishedAt: NOW },
} as const satisfies { readonly [name: string]: SessionState };

export type Column = keyof typeof STATES;
