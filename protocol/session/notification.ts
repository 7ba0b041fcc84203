import { afiOf, type Family, safiOf } from "../types/family.ts";
import type { NotificationMessage } from "../wire/message.ts";
import { encodeShutdownCommunication } from "../wire/notification-text.ts";
import type { ProtocolError } from "../wire/protocol-error.ts";

/** NOTIFICATION error codes. RFC 4271 §4.5, RFC 7313 §5, RFC 9687 §3. */
export const NotificationCode = {
  messageHeader: 1,
  openMessage: 2,
  updateMessage: 3,
  holdTimerExpired: 4,
  finiteStateMachine: 5,
  cease: 6,
  routeRefreshMessage: 7,
  sendHoldTimerExpired: 8,
} as const;

/** Cease subcodes. RFC 4486, RFC 8538, RFC 9384. */
export const CeaseSubcode = {
  maximumPrefixes: 1,
  administrativeShutdown: 2,
  peerDeconfigured: 3,
  administrativeReset: 4,
  connectionRejected: 5,
  otherConfigurationChange: 6,
  collisionResolution: 7,
  outOfResources: 8,
  hardReset: 9,
  bfdDown: 10,
} as const;

/** A NOTIFICATION with its data field. */
export function notification(
  code: number,
  subcode: number,
  data: Uint8Array = new Uint8Array(0),
): NotificationMessage {
  return { type: "notification", code, subcode, data };
}

/** The NOTIFICATION that a peer's crime earns. */
export function notificationOf(error: ProtocolError): NotificationMessage {
  return notification(error.code, error.subcode, error.data);
}

/** A Cease; 6/2 and 6/4 carry the operator's words. RFC 4486, RFC 9003 §2. */
export function cease(subcode: number, message?: string): NotificationMessage {
  const data = message ? encodeShutdownCommunication(message) : new Uint8Array(0);
  return notification(NotificationCode.cease, subcode, data);
}

/** Cease 6/1: AFI, SAFI and the bound that was passed. RFC 4486 §4. */
export function maximumPrefixesReached(family: Family, limit: number): NotificationMessage {
  const afi = afiOf(family);
  const data = Uint8Array.of(
    afi >>> 8,
    afi & 0xff,
    safiOf(family),
    (limit >>> 24) & 0xff,
    (limit >>> 16) & 0xff,
    (limit >>> 8) & 0xff,
    limit & 0xff,
  );
  return notification(NotificationCode.cease, CeaseSubcode.maximumPrefixes, data);
}

/** FSM error for a message in the wrong state; its type is the data. RFC 6608 §4. */
export function unexpectedMessage(
  state: "OpenSent" | "OpenConfirm" | "Established",
  messageType: number,
): NotificationMessage {
  const subcode = { OpenSent: 1, OpenConfirm: 2, Established: 3 }[state];
  return notification(NotificationCode.finiteStateMachine, subcode, Uint8Array.of(messageType));
}

/** NOTIFICATION 2/1: the peer speaks another version. RFC 4271 §8.1.5, event 24. */
export function isVersionError({ code, subcode }: NotificationMessage): boolean {
  return code === NotificationCode.openMessage && subcode === 1;
}
