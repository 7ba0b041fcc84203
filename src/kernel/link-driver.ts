import { changeLink } from "./kernel-requests.ts";
import type { LinkTable } from "./link-table.ts";
import type { LinkChange, LinkMessage } from "./netlink/link-codec.ts";
import { NetlinkError } from "./netlink/netlink-error.ts";
import type { NetlinkSocket } from "./netlink/netlink-socket.ts";

/** What an interface of a workload shall be; the interface itself is made by the workload's front door, not here. */
export type DesiredLink = { readonly macAddress?: string; readonly up: boolean };

/** Something wanted that the kernel has not got, and why. */
export type PendingChange = { readonly what: string; readonly reason: string };

/** Keeps MAC address and administrative state of named interfaces as desired. An interface that is not there yet is pending. */
export class LinkDriver {
  readonly #socket: NetlinkSocket;
  readonly #table: LinkTable;
  #desired: ReadonlyMap<string, DesiredLink> = new Map();

  constructor(socket: NetlinkSocket, table: LinkTable) {
    this.#socket = socket;
    this.#table = table;
  }

  /** The whole desired set, by interface name. */
  setDesired(desired: ReadonlyMap<string, DesiredLink>): void {
    this.#desired = desired;
  }

  /** Changes what differs; answers what could not be. Call it after setDesired and after each link event. */
  apply(): PendingChange[] {
    const pending: PendingChange[] = [];
    for (const [name, desired] of this.#desired) {
      const reason = this.#applyOne(name, desired);
      if (reason !== undefined) pending.push({ what: `link ${name}`, reason });
    }
    return pending;
  }

  #applyOne(name: string, desired: DesiredLink): string | undefined {
    const link = this.#table.byName(name);
    if (link === undefined) return "there is no such interface";
    const change = difference(link, desired);
    if (change === undefined) return undefined;
    try {
      changeLink(this.#socket, link.index, change);
      return undefined;
    } catch (error) {
      if (error instanceof NetlinkError) return error.message;
      throw error;
    }
  }
}

function difference(link: LinkMessage, desired: DesiredLink): LinkChange | undefined {
  const mac = desired.macAddress;
  const wrongMac = mac !== undefined && link.macAddress !== mac.toLowerCase();
  if (!wrongMac && link.up === desired.up) return undefined;
  return { ...(wrongMac ? { macAddress: mac } : {}), up: desired.up };
}
