import { sendHoldSecondsOf } from "../../protocol/session/negotiate.ts";
import type { PeerConfig } from "../../protocol/speaker/speaker-config.ts";
import type { TcpOptions } from "../kernel/native/tcp-options.ts";
import { DSCP_CS6 } from "../kernel/native/tcp-socket.ts";

/**
 * How much longer than the send hold timer the kernel waits for a peer that takes nothing, as it also counts a window of zero: the
 * session's own timers speak first, this one catches what they cannot see.
 */
const USER_TIMEOUT_MARGIN_SECONDS = 30;

/** What a peering asks of its sockets. */
export function tcpOptionsOf(peer: PeerConfig): TcpOptions {
  const sendHoldSeconds = sendHoldSecondsOf(peer, peer.holdTimeSeconds);
  return {
    dscp: DSCP_CS6,
    userTimeoutMilliseconds: 1000 * (sendHoldSeconds + USER_TIMEOUT_MARGIN_SECONDS),
    ...(peer.localAddress !== undefined && { localAddress: peer.localAddress }),
    ...(peer.interface !== undefined && { interface: peer.interface }),
    ...(peer.password !== undefined && { md5Key: peer.password }),
    ...(peer.ttlSecurityHops !== undefined && { ttlSecurityHops: peer.ttlSecurityHops }),
  };
}
