import type { KernelEvent } from "./kernel-event.ts";
import { readKernelEvent } from "./kernel-message.ts";
import { NETLINK_PROTOCOL } from "./netlink-fd.ts";
import { NetlinkListener, type NetlinkListenerOptions } from "./netlink-listener.ts";

/** What to listen to (see GROUP), and who wants to know. */
export type NetlinkMonitorOptions = Omit<NetlinkListenerOptions, "protocol" | "onMessage"> & {
  readonly onEvent: (event: KernelEvent) => void;
};

/** Follows multicast groups of rtnetlink in the namespace it was made in. */
export class NetlinkMonitor extends NetlinkListener {
  constructor({ onEvent, ...options }: NetlinkMonitorOptions) {
    super({
      ...options,
      protocol: NETLINK_PROTOCOL.route,
      onMessage: (message) => {
        const event = readKernelEvent(message);
        if (event !== undefined) onEvent(event);
      },
    });
  }
}
