import { type IpAddress, ipVersion } from "../../protocol/types/ip-address.ts";
import { listAddresses, listForwardingEntries, listLinks, listNeighbors } from "./kernel-lists.ts";
import {
  addAddress,
  changeLink,
  createLink,
  deleteAddress,
  deleteForwardingEntry,
  deleteLink,
  deleteNeighbor,
  setForwardingEntry,
  setNeighbor,
} from "./kernel-requests.ts";
import type { PendingChange } from "./link-driver.ts";
import type { LinkMessage } from "./netlink/link-codec.ts";
import { ADDRESS_FLAG, NEIGHBOR_STATE, SCOPE } from "./netlink/netlink-constants.ts";
import { NetlinkError } from "./netlink/netlink-error.ts";
import type { NetlinkSocket } from "./netlink/netlink-socket.ts";
import type { VxlanSettings } from "./netlink/vxlan-codec.ts";

/** A tunnel device as it shall be. */
export type DesiredTunnel = {
  readonly name: string;
  readonly kind: "ipip" | "vxlan";
  readonly mtu: number;
  /** Its one address; no other is left on it. */
  readonly address?: IpAddress;
  /** Together, for a device of kind "vxlan". */
  readonly vxlan?: VxlanSettings & { readonly macAddress: string };
  /** Far ends of a VXLAN: who has the address, behind which MAC address, at which host. */
  readonly remotes: readonly DesiredRemote[];
};

export type DesiredRemote = {
  readonly address: IpAddress;
  readonly macAddress: string;
  readonly underlay: IpAddress;
};

/** Marks our devices: a fresh process knows by it that a tunnel is ours and may be unwanted. */
const ALIAS = "tortie tunnel";

/**
 * The device that the kernel makes by itself in every namespace once it knows IP-in-IP: it can neither be made nor removed.
 */
const FALLBACK_DEVICE = "tunl0";
/** With which it is born: Ethernet's less an IPv4 header. */
const FALLBACK_MTU = 1480;

/**
 * Keeps tunnel devices, their addresses, neighbours and forwarding entries as desired. Everything on a device of ours is
 * ours, so what nobody wants there goes. A device that is somebody else's (it has an address or is up, and does not bear
 * our alias) is left alone, and pending.
 */
export class TunnelDriver {
  readonly #socket: NetlinkSocket;

  constructor(socket: NetlinkSocket) {
    this.#socket = socket;
  }

  /** Removes devices of ours but those named; answers what could not be. */
  removeAllBut(wanted: ReadonlySet<string>): PendingChange[] {
    const pending: PendingChange[] = [];
    for (const link of listLinks(this.#socket)) {
      if (isTunnelOfOurs(link) && !wanted.has(link.name))
        this.#attempt(pending, `removal of tunnel ${link.name}`, () => this.#remove(link));
    }
    return pending;
  }

  /** Compares with the kernel, changes what differs, and answers what could not be. */
  apply(desired: readonly DesiredTunnel[]): PendingChange[] {
    const pending: PendingChange[] = [];
    for (const tunnel of desired) {
      this.#attempt(pending, `tunnel ${tunnel.name}`, () => {
        const link = this.#ensureDevice(tunnel);
        this.#applyAddress(link, tunnel);
        if (tunnel.kind === "vxlan") this.#applyRemotes(link, tunnel);
      });
    }
    return pending;
  }

  /** The device by its name, made or made anew where that is needed, and up with the right MTU. */
  #ensureDevice(tunnel: DesiredTunnel): LinkMessage {
    let link = this.#find(tunnel.name);
    if (link !== undefined && !isTunnelOfOurs(link) && !this.#isFree(link))
      throw new ForeignDevice(`${tunnel.name} is there, and it is not ours`);
    if (link !== undefined && tunnel.vxlan && !hasSettings(link, tunnel.vxlan)) {
      deleteLink(this.#socket, link.index);
      link = undefined;
    }
    link ??= this.#create(tunnel);
    const { mtu, vxlan } = tunnel;
    const otherMac = vxlan !== undefined && link.macAddress !== vxlan.macAddress.toLowerCase();
    if (link.mtu !== mtu || !link.up || otherMac || !isTunnelOfOurs(link)) {
      changeLink(this.#socket, link.index, {
        ...(otherMac && { macAddress: vxlan.macAddress }),
        ...(link.mtu !== mtu && { mtu }),
        alias: ALIAS,
        up: true,
      });
    }
    return link;
  }

  #create({ name, kind, mtu, vxlan }: DesiredTunnel): LinkMessage {
    try {
      createLink(this.#socket, {
        name,
        kind,
        mtu,
        ...(vxlan && { vxlan, macAddress: vxlan.macAddress }),
      });
    } catch (error) {
      // Asking for the first one has loaded the module, which made its own fallback device under the same name.
      if (!(error instanceof NetlinkError) || error.code !== "EEXIST") throw error;
    }
    const link = this.#find(name);
    if (link === undefined) throw new ForeignDevice("the kernel made no such device");
    return link;
  }

  #find(name: string): LinkMessage | undefined {
    return listLinks(this.#socket).find((link) => link.name === name);
  }

  /** The fallback device, which nobody has used. */
  #isFree(link: LinkMessage): boolean {
    if (link.name !== FALLBACK_DEVICE || link.up) return false;
    return !listAddresses(this.#socket).some(({ interfaceIndex }) => interfaceIndex === link.index);
  }

  #applyAddress({ index }: LinkMessage, { address }: DesiredTunnel): void {
    const present = listAddresses(this.#socket).filter(
      ({ interfaceIndex, scope }) => interfaceIndex === index && scope === SCOPE.universe,
    );
    const length = address === undefined ? 0 : ipVersion(address) === 4 ? 32 : 128;
    const isWanted = (other: (typeof present)[number]) =>
      other.address === address && other.prefixLength === length;
    if (address !== undefined && !present.some(isWanted)) {
      addAddress(this.#socket, {
        interfaceIndex: index,
        address,
        prefixLength: length,
        scope: SCOPE.universe,
        flags: length === 128 ? ADDRESS_FLAG.noDad : 0,
        protocol: 0,
      });
    }
    for (const other of present) if (!isWanted(other)) deleteAddress(this.#socket, other);
  }

  /** Forwarding entries before neighbours: a MAC address that is known must lead somewhere. */
  #applyRemotes({ index }: LinkMessage, { remotes }: DesiredTunnel): void {
    this.#applyForwarding(index, remotes);
    // The device carries one IP version; where there is nobody to know, whatever is there goes.
    for (const version of [4, 6] as const) {
      this.#applyNeighbors(
        index,
        version,
        remotes.filter(({ address }) => ipVersion(address) === version),
      );
    }
  }

  #applyForwarding(index: number, remotes: readonly DesiredRemote[]): void {
    const underlays = new Map(remotes.map((remote) => [remote.macAddress, remote.underlay]));
    for (const entry of listForwardingEntries(this.#socket)) {
      if (entry.interfaceIndex !== index) continue;
      const remote = underlays.get(entry.macAddress);
      if (remote === entry.remote) underlays.delete(entry.macAddress);
      // One that leads elsewhere is replaced below.
      else if (remote === undefined) deleteForwardingEntry(this.#socket, entry);
    }
    for (const [macAddress, remote] of underlays)
      setForwardingEntry(this.#socket, { interfaceIndex: index, macAddress, remote });
  }

  #applyNeighbors(index: number, version: 4 | 6, remotes: readonly DesiredRemote[]): void {
    const macs = new Map(remotes.map((remote) => [remote.address, remote.macAddress]));
    for (const neighbor of listNeighbors(this.#socket, version)) {
      if (neighbor.interfaceIndex !== index) continue;
      const { address, macAddress, state } = neighbor;
      const permanent = (state & NEIGHBOR_STATE.permanent) !== 0;
      if (permanent && macs.get(address) === macAddress) macs.delete(address);
      else if (permanent && !macs.has(address)) deleteNeighbor(this.#socket, neighbor);
    }
    for (const [address, macAddress] of macs) {
      setNeighbor(this.#socket, {
        interfaceIndex: index,
        address,
        macAddress,
        state: NEIGHBOR_STATE.permanent,
        flags: 0,
        protocol: 0,
      });
    }
  }

  /** The fallback device goes back to what the kernel made: down, bare and nobody's. */
  #remove(link: LinkMessage): void {
    if (link.name !== FALLBACK_DEVICE) {
      deleteLink(this.#socket, link.index);
      return;
    }
    for (const address of listAddresses(this.#socket)) {
      if (address.interfaceIndex === link.index) deleteAddress(this.#socket, address);
    }
    changeLink(this.#socket, link.index, { up: false, mtu: FALLBACK_MTU, alias: "" });
  }

  #attempt(pending: PendingChange[], what: string, act: () => void): void {
    try {
      act();
    } catch (error) {
      if (!(error instanceof NetlinkError) && !(error instanceof ForeignDevice)) throw error;
      pending.push({ what, reason: explain(error) });
    }
  }
}

class ForeignDevice extends Error {}

/** A device that this program made, in this process or an earlier one. */
export function isTunnelOfOurs({ alias }: LinkMessage): boolean {
  return alias === ALIAS;
}

/** Whether the device is what these settings would make; what can be changed in place does not count. */
function hasSettings({ vxlan }: LinkMessage, wanted: VxlanSettings): boolean {
  return (
    vxlan !== undefined &&
    vxlan.vni === wanted.vni &&
    vxlan.port === wanted.port &&
    vxlan.local === wanted.local &&
    vxlan.linkIndex === wanted.linkIndex &&
    vxlan.learning === wanted.learning
  );
}

function explain(error: Error): string {
  if (error instanceof NetlinkError && error.code === "EOPNOTSUPP")
    return "this kernel has no such tunnels (CONFIG_NET_IPIP, CONFIG_VXLAN)";
  return error.message;
}
