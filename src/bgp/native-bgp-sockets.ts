import { inNetworkNamespace } from "../kernel/native/network-namespace.ts";
import {
  applyToAccepted,
  changePeerKey,
  connectTcp,
  DSCP_CS6,
  listenTcp,
} from "../kernel/native/tcp-socket.ts";
import type { BgpListener, BgpSockets, ListenOptions } from "./bgp-sockets.ts";

/**
 * Sockets of the kernel, with the options that Node cannot set. With a namespace, they are made inside it and stay
 * there, while the rest of the process does not; warmThreadPool must have ended before.
 */
export function nativeBgpSockets({ namespace }: { readonly namespace?: string } = {}): BgpSockets {
  const inside = <Result>(section: () => Result): Result =>
    namespace === undefined ? section() : inNetworkNamespace(namespace, section);
  return {
    connect: (target) => inside(() => connectTcp(target)),
    listen: (options) => inside(() => listen(options)),
    applyToAccepted,
    changeKey: changePeerKey,
  };
}

/** The socket is made before the first await, so a namespace around the call holds it. */
async function listen(options: ListenOptions): Promise<BgpListener> {
  const listener = await listenTcp({
    address: options.address,
    port: options.port,
    // TTL 255 does no harm to peers without GTSM, and those with it would drop our SYN-ACK otherwise. RFC 5082 §3.
    ttlSecurity: true,
    dscp: DSCP_CS6,
    keys: options.keys,
  });
  return listener.on("connection", options.onConnection).on("error", options.onError);
}
