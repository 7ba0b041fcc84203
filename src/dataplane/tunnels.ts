import { type IpAddress, ipAddressFromBytes } from "../../protocol/types/ip-address.ts";
import { prefixContainsAddress } from "../../protocol/types/prefix.ts";
import type { TunnelGuard } from "../calc/policy-state.ts";
import type { HostTunnels, TunnelDevice, TunnelRemote, TunnelType } from "../calc/tunnel-state.ts";
import { ENCAPSULATION_OCTETS } from "../kernel/encapsulation-octets.ts";
import type { PendingChange } from "../kernel/link-driver.ts";
import type { LinkTable } from "../kernel/link-table.ts";
import { parseMacAddress } from "../kernel/netlink/address-bytes.ts";
import type { KernelEvent } from "../kernel/netlink/kernel-event.ts";
import type { NetlinkSocket } from "../kernel/netlink/netlink-socket.ts";
import type { RouteLeg } from "../kernel/route-target.ts";
import { type DesiredTunnel, isTunnelOfOurs, TunnelDriver } from "../kernel/tunnel-driver.ts";
import { EncapsulatedRanges, type Encapsulation } from "./encapsulated-ranges.ts";
import type { Resolution } from "./next-hop-resolver.ts";

/** A device that nobody wants any more takes packets for so many audits: other hosts hear of a change when they do. */
const AUDITS_BEFORE_REMOVAL = 2;

/**
 * The tunnels of this host: their devices, and the way that a route through them takes. A packet goes into a tunnel only if
 * the far end is ready and our own device is there; otherwise it takes the way that the next hop itself has.
 */
export class Tunnels {
  readonly #links: LinkTable;
  readonly #driver: TunnelDriver;
  #desired: HostTunnels = { pools: [], ownSubnets: [], devices: [] };
  #ranges = new EncapsulatedRanges([]);
  #guard: TunnelGuard = { ipip: false, vxlanPorts: [] };
  /** For each tunnel, its far ends by the next hops that mean them. */
  #remotes = new Map<string, Map<IpAddress, TunnelRemote>>();
  #mayRemove = false;
  /** Audits that found the device unwanted, by its name. */
  readonly #unwanted = new Map<string, number>();

  constructor({ socket, links }: { readonly socket: NetlinkSocket; readonly links: LinkTable }) {
    this.#links = links;
    this.#driver = new TunnelDriver(socket);
  }

  /** The learned routes that are encapsulated, and how. */
  get ranges(): EncapsulatedRanges {
    return this.#ranges;
  }

  setDesired(desired: HostTunnels, guard: TunnelGuard): void {
    this.#desired = desired;
    this.#guard = guard;
    this.#ranges = new EncapsulatedRanges(desired.pools);
    this.#remotes = new Map(
      desired.devices.map(({ tunnel, remotes }) => [tunnel, byNextHop(remotes)]),
    );
    for (const { name } of desired.devices) this.#unwanted.delete(name);
  }

  /** Devices that are there, for what concerns all interfaces that packets from outside come in by. */
  names(): readonly string[] {
    return this.#desired.devices
      .map(({ name }) => name)
      .filter((name) => this.#links.byName(name) !== undefined);
  }

  /** Whether a device may have to be looked at again: it changed, or what it stands on did. */
  isConcernedBy(event: KernelEvent): boolean {
    const { devices } = this.#desired;
    if (event.type === "address") {
      const name = this.#links.byIndex(event.address.interfaceIndex)?.name;
      return devices.some((each) => each.name === name || each.local === event.address.address);
    }
    if (event.type !== "link") return false;
    return devices.some(
      ({ name, local }) =>
        name === event.link.name || this.#interfaceOf(local)?.index === event.link.index,
    );
  }

  /** From now on devices that an earlier process left may go, if they stay unwanted. */
  sweep(): void {
    this.#mayRemove = true;
  }

  /** Makes devices as desired; answers what could not be. */
  apply(): PendingChange[] {
    const pending: PendingChange[] = [];
    const desired = this.#desired.devices.flatMap((device) => {
      const tunnel = this.#tunnelOf(device);
      if (typeof tunnel !== "string") return [tunnel];
      pending.push({ what: `tunnel ${device.name}`, reason: tunnel });
      return [];
    });
    return [...pending, ...this.#driver.apply(desired)];
  }

  /** The slow look: devices that have been unwanted long enough go. */
  audit(): PendingChange[] {
    if (!this.#mayRemove) return [];
    const keep = new Set(this.#desired.devices.map(({ name }) => name));
    for (const { name, alias } of this.#links.links()) {
      if (alias === undefined || keep.has(name)) continue;
      const audits = (this.#unwanted.get(name) ?? 0) + 1;
      this.#unwanted.set(name, audits);
      if (audits < AUDITS_BEFORE_REMOVAL) keep.add(name);
    }
    return this.#driver.removeAllBut(keep);
  }

  cleanUp(): PendingChange[] {
    return this.#driver.removeAllBut(new Set());
  }

  /** The legs of a route inside an encapsulated range over a next hop that resolved to `resolution`. */
  legs({ tunnel, crossSubnet }: Encapsulation, resolution: Resolution): readonly RouteLeg[] {
    const { nextHop, reachable, gateways } = resolution;
    const remote = this.#remotes.get(tunnel)?.get(nextHop);
    const device = this.#desired.devices.find((each) => each.tunnel === tunnel);
    const link = device && this.#links.byName(device.name);
    if (!reachable || remote === undefined || link === undefined || !link.up) return gateways;
    if (crossSubnet && this.#isInOwnSubnet(nextHop)) return gateways;
    return [{ gateway: gatewayOf(remote, tunnel), interfaceIndex: link.index, onLink: true }];
  }

  #isInOwnSubnet(address: IpAddress): boolean {
    return this.#desired.ownSubnets.some((subnet) => prefixContainsAddress(subnet, address));
  }

  /** As the driver wants it, or why that cannot be yet. */
  #tunnelOf({ name, tunnel, local, address, mtu, vxlan, remotes }: TunnelDevice) {
    const below = this.#interfaceOf(local);
    if (below === undefined) return `no interface has the address ${local}`;
    // What a device takes out of its wrapping counts as a node's: before anybody can send to it, strangers must be shut out.
    if (!this.#isThereOrGuarded(name, vxlan?.port)) return "it waits for the filter of its packets";
    const ends = remotes.flatMap((remote) => {
      const { macAddress, underlay } = remote;
      if (macAddress === undefined) return [];
      return [{ macAddress, address: gatewayOf(remote, tunnel), underlay }];
    });
    return {
      name,
      kind: tunnel === "ipip" ? "ipip" : "vxlan",
      mtu: mtu ?? below.mtu - ENCAPSULATION_OCTETS[tunnel],
      ...(address && { address }),
      ...(vxlan && { vxlan: { ...vxlan, local, linkIndex: below.index, learning: false } }),
      remotes: ends,
    } as const satisfies DesiredTunnel;
  }

  #isThereOrGuarded(name: string, port: number | undefined): boolean {
    const link = this.#links.byName(name);
    const guarded = port === undefined ? this.#guard.ipip : this.#guard.vxlanPorts.includes(port);
    return guarded || (link !== undefined && isTunnelOfOurs(link) && link.vxlan?.port === port);
  }

  #interfaceOf(local: IpAddress) {
    for (const { address, interfaceIndex } of this.#links.addresses())
      if (address === local) return this.#links.byIndex(interfaceIndex);
    return undefined;
  }
}

/**
 * The neighbour on the device that stands for a far end. For IPv6 that is its link-local address: the kernel refuses a gateway
 * that a route over another device covers, as the far end's own block does while a pool's mode changes.
 */
function gatewayOf({ underlay, address, macAddress }: TunnelRemote, tunnel: TunnelType): IpAddress {
  if (tunnel === "ipip") return underlay;
  return tunnel === "vxlanV6" && macAddress !== undefined ? linkLocalOf(macAddress) : address;
}

/** fe80::/64 with the modified EUI-64 of the MAC address. RFC 4291, appendix A. */
function linkLocalOf(macAddress: string): IpAddress {
  const [first = 0, second = 0, third = 0, ...rest] = parseMacAddress(macAddress);
  const id = [first ^ 2, second, third, 0xff, 0xfe, ...rest];
  return ipAddressFromBytes(Uint8Array.from([0xfe, 0x80, 0, 0, 0, 0, 0, 0, ...id]));
}

function byNextHop(remotes: readonly TunnelRemote[]): Map<IpAddress, TunnelRemote> {
  return new Map(
    remotes.flatMap((remote) => remote.nextHops.map((nextHop) => [nextHop, remote] as const)),
  );
}
