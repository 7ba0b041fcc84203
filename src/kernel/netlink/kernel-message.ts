import { readAddress } from "./address-codec.ts";
import { readForwardingEntry } from "./forwarding-codec.ts";
import type { KernelEvent, KernelObject } from "./kernel-event.ts";
import { readLink } from "./link-codec.ts";
import { readNeighbor } from "./neighbor-codec.ts";
import { FLAG, MESSAGE } from "./netlink-constants.ts";
import type { NetlinkMessage } from "./netlink-reader.ts";
import { readNexthop } from "./nexthop-codec.ts";
import { readRoute } from "./route-codec.ts";
import { readRule } from "./rule-codec.ts";

/** Decodes one message of a dump or a notification; undefined when it is about something that tortie does not follow. */
export function readKernelObject({ type, payload }: NetlinkMessage): KernelObject | undefined {
  switch (type) {
    case MESSAGE.newRoute:
    case MESSAGE.deleteRoute: {
      const route = readRoute(payload);
      return route && { type: "route", route };
    }
    case MESSAGE.newLink:
    case MESSAGE.deleteLink: {
      const link = readLink(payload);
      return link && { type: "link", link };
    }
    case MESSAGE.newAddress:
    case MESSAGE.deleteAddress: {
      const address = readAddress(payload);
      return address && { type: "address", address };
    }
    case MESSAGE.newNeighbor:
    case MESSAGE.deleteNeighbor: {
      const neighbor = readNeighbor(payload);
      if (neighbor !== undefined) return { type: "neighbor", neighbor };
      const entry = readForwardingEntry(payload);
      return entry && { type: "forwarding", entry };
    }
    case MESSAGE.newRule:
    case MESSAGE.deleteRule: {
      const rule = readRule(payload);
      return rule && { type: "rule", rule };
    }
    case MESSAGE.newNexthop:
    case MESSAGE.deleteNexthop:
      return { type: "nexthop", nexthop: readNexthop(payload) };
    default:
      return undefined;
  }
}

/** Decodes one notification. Each kind has its numbers in fours: new, delete, get, set. */
export function readKernelEvent(message: NetlinkMessage): KernelEvent | undefined {
  const object = readKernelObject(message);
  return (
    object && {
      ...object,
      change: message.type % 4 === 0 ? "new" : "deleted",
      portId: message.portId,
      replaced: (message.flags & FLAG.replace) !== 0,
    }
  );
}
