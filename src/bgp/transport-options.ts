import type { PeerConfig } from "../../protocol/speaker/speaker-config.ts";
import type { TcpOptions } from "../kernel/native/tcp-options.ts";
import { DSCP_CS6 } from "../kernel/native/tcp-socket.ts";

/**
 * How long written data may stay unacknowledged before the kernel gives up the connection. Longer than any usual hold
 * time: the session's own timers speak first, this one catches what they cannot see.
 */
const USER_TIMEOUT_FLOOR_MILLISECONDS = 30_000;

/** What a peering asks of its sockets. */
export function tcpOptionsOf(peer: PeerConfig): TcpOptions {
  const userTimeout = Math.max(
    2 * 1000 * Math.max(peer.holdTimeSeconds, peer.sendHoldSeconds ?? 0),
    USER_TIMEOUT_FLOOR_MILLISECONDS,
  );
  return {
    dscp: DSCP_CS6,
    userTimeoutMilliseconds: userTimeout,
    ...(peer.localAddress !== undefined && { localAddress: peer.localAddress }),
    ...(peer.interface !== undefined && { interface: peer.interface }),
    ...(peer.password !== undefined && { md5Key: peer.password }),
    ...(peer.ttlSecurityHops !== undefined && { ttlSecurityHops: peer.ttlSecurityHops }),
  };
}
