import { IpAddress, ipVersion } from "../../protocol/types/ip-address.ts";
import { hostPrefix, type Prefix } from "../../protocol/types/prefix.ts";
import { AddressDriver, type DesiredAddress } from "../kernel/address-driver.ts";
import { type DesiredLink, LinkDriver, type PendingChange } from "../kernel/link-driver.ts";
import type { LinkTable } from "../kernel/link-table.ts";
import type { LinkMessage } from "../kernel/netlink/link-codec.ts";
import { LINK_FLAG, SCOPE } from "../kernel/netlink/netlink-constants.ts";
import type { NetlinkSocket } from "../kernel/netlink/netlink-socket.ts";
import type { SysctlDriver } from "../kernel/sysctl-driver.ts";
import type { LocalDataplane } from "./route-worker-messages.ts";
import { desiredSysctls } from "./sysctls.ts";

/** Every host side has the same MAC address, so that a workload that moves need not learn another. */
const HOST_SIDE_MAC = "ee:ee:ee:ee:ee:ee";

/** The workload's IPv4 default gateway. With it on the interface the gateway answers whatever routes the host has. */
const IPV4_GATEWAY: DesiredAddress = {
  address: IpAddress("169.254.1.1"),
  prefixLength: 32,
  scope: SCOPE.link,
};

/** The workload's IPv6 default gateway; there is nobody on the link with whom it could collide. RFC 4862 §5.4. */
const IPV6_GATEWAY: DesiredAddress = {
  address: IpAddress("fe80::1"),
  prefixLength: 64,
  scope: SCOPE.link,
  noDad: true,
};

/**
 * Keeps the host side of workload interfaces: MAC address, the gateway's addresses, sysctls. The interfaces are made
 * by others: one that is not there yet is waited for, one that comes back is set up again, because everything is
 * compared anew after each link notification.
 */
export class WorkloadInterfaces {
  readonly #links: LinkTable;
  readonly #sysctls: SysctlDriver;
  readonly #linkDriver: LinkDriver;
  readonly #addressDriver: AddressDriver;
  readonly #protocol: number;
  #workloads: LocalDataplane["workloads"] = [];
  /** Interfaces, by name and index, whose own sysctls were set: they are read again only in the slow audit. */
  readonly #settled = new Map<string, number>();
  #routes: (WorkloadRoutes & { readonly revision: number }) | undefined;

  constructor(options: {
    readonly socket: NetlinkSocket;
    readonly links: LinkTable;
    readonly sysctls: SysctlDriver;
    readonly protocol: number;
  }) {
    const { socket, links, protocol } = options;
    this.#links = links;
    this.#protocol = protocol;
    this.#sysctls = options.sysctls;
    this.#linkDriver = new LinkDriver(socket, links);
    this.#addressDriver = new AddressDriver({ socket, table: links, protocol });
  }

  /** The whole desired set. */
  setDesired(workloads: LocalDataplane["workloads"]): void {
    this.#workloads = workloads;
    this.#routes = undefined;
  }

  /** What was set up is looked at again by the next apply. */
  audit(): void {
    this.#settled.clear();
  }

  /** From now on addresses of ours on interfaces that are no workload's go: with them the kernel drops the routes there. */
  sweep(): void {
    this.#addressDriver.sweep();
  }

  /** Sets up what is there; answers what could not be, missing interfaces included. */
  apply(host: { readonly uplinks: readonly string[] }): PendingChange[] {
    const { present, pending } = this.#sort();
    this.#linkDriver.setDesired(new Map(present.map(({ link }) => [link.name, desiredLink(link)])));
    this.#addressDriver.setDesired(
      new Map(present.map((workload) => [workload.link.name, hostAddresses(workload)])),
    );
    return [
      ...pending,
      ...this.#linkDriver.apply(),
      // Uplinks keep their router advertisements, and spoofing is refused, before anything is forwarded.
      ...this.#applySysctls(present, host.uplinks),
      ...this.#addressDriver.apply(),
    ];
  }

  /** The addresses behind interfaces that are there and up: what the host can deliver now, and who claims it in vain. */
  routes(): WorkloadRoutes {
    const { revision } = this.#links;
    if (this.#routes?.revision !== revision) {
      this.#routes = { ...routesTo(this.#sort().present), revision };
    }
    return this.#routes;
  }

  /** Takes our addresses off and puts the sysctls back as they were. */
  cleanUp(): PendingChange[] {
    this.sweep();
    this.#addressDriver.setDesired(new Map());
    return [...this.#addressDriver.apply(), ...this.#sysctls.restore()];
  }

  #applySysctls(present: readonly PresentWorkload[], uplinks: readonly string[]): PendingChange[] {
    const read = (path: string) => this.#sysctls.get(path);
    const workloads = present.map(({ link }) => link.name);
    const fresh = present.filter(({ link }) => this.#settled.get(link.name) !== link.index);
    const freshNames = new Set(fresh.map(({ link }) => link.name));
    const host = {
      interfaces: Array.from(this.#links.links(), ({ name }) => name),
      workloads,
      settled: new Set(workloads.filter((name) => !freshNames.has(name))),
      uplinks: uplinks.filter((name) => !workloads.includes(name)),
      forwarding: { ipv4: this.#hasWorkloads(4), ipv6: this.#hasWorkloads(6) },
    };
    // A kernel without IPv6 has none of its parameters.
    const settings = desiredSysctls(host, read).filter(({ path }) => read(path) !== undefined);
    const own = new Set(fresh.flatMap(({ link }) => (isOurs(link) ? [link.name] : [])));
    this.#sysctls.setDesired(
      new Map(settings.map(({ path, value }) => [path, value])),
      (path) => !own.has(path.split("/")[3] ?? ""),
    );
    const pending = this.#sysctls.apply();
    if (pending.length === 0)
      for (const { link } of fresh) this.#settled.set(link.name, link.index);
    return pending;
  }

  #hasWorkloads(version: 4 | 6): boolean {
    return this.#workloads.some(({ addresses }) =>
      addresses.some((address) => ipVersion(address) === version),
    );
  }

  /** Tells what can be set up from what is not there, or is surely no workload's. */
  #sort(): { readonly present: readonly PresentWorkload[]; readonly pending: PendingChange[] } {
    const present: PresentWorkload[] = [];
    const pending: PendingChange[] = [];
    for (const { interface: name, ...workload } of this.#workloads) {
      const link = this.#links.byName(name);
      const reason = link === undefined ? "there is no such interface" : this.#whyRefused(link);
      if (link !== undefined && reason === undefined) present.push({ link, ...workload });
      else pending.push({ what: `workload interface ${name}`, reason: reason ?? "" });
    }
    return { present, pending };
  }

  /** A slip of the pen must not turn the host's own network card into a workload's interface. */
  #whyRefused(link: LinkMessage): string | undefined {
    if ((link.flags & LINK_FLAG.loopback) !== 0) return "it is the loopback interface";
    const own = this.#links
      .addressesOf(link.index)
      .find(({ scope, protocol }) => scope === SCOPE.universe && protocol !== this.#protocol);
    return own && `it is the host's own: it has the address ${own.address}`;
  }
}

/** A host route to a workload. */
export type WorkloadRoute = { readonly prefix: Prefix; readonly interfaceIndex: number };

/** Host routes, and the claims that yield to another workload's. */
export type WorkloadRoutes = {
  readonly reachable: readonly WorkloadRoute[];
  readonly pending: readonly PendingChange[];
};

function routesTo(present: readonly PresentWorkload[]): WorkloadRoutes {
  const owners = new Map<Prefix, LinkMessage>();
  const pending: PendingChange[] = [];
  for (const { link, addresses } of present) {
    if (!link.up) continue;
    for (const prefix of addresses.map(hostPrefix)) {
      const owner = owners.get(prefix);
      // Of two workloads that claim one address the first keeps it: the list's order is the datastore's.
      if (owner === undefined) owners.set(prefix, link);
      else pending.push({ what: `${prefix} dev ${link.name}`, reason: `${owner.name} has it` });
    }
  }
  const reachable = Array.from(owners, ([prefix, { index }]) => ({
    prefix,
    interfaceIndex: index,
  }));
  return { reachable, pending };
}

/** Made by us for a workload, it goes with its workload: nobody misses the values that it was born with. */
function isOurs({ alias }: LinkMessage): boolean {
  return alias?.startsWith("tortie ") ?? false;
}

type PresentWorkload = Omit<LocalDataplane["workloads"][number], "interface"> & {
  readonly link: LinkMessage;
};

/** Interfaces without Ethernet (tun) have no MAC address to set. */
function desiredLink({ macAddress }: LinkMessage): DesiredLink {
  return macAddress === undefined ? { up: true } : { up: true, macAddress: HOST_SIDE_MAC };
}

/** Only the gateways that the workload can use: IPv6 may be switched off where nobody has an IPv6 address. */
function gatewaysFor(addresses: readonly IpAddress[]): DesiredAddress[] {
  return [IPV4_GATEWAY, IPV6_GATEWAY].filter((gateway) =>
    addresses.some((address) => ipVersion(address) === ipVersion(gateway.address)),
  );
}

/** The gateways, and where the workload peers with this host. An interface may have an address that others have, too. */
function hostAddresses({ addresses, peeringAddresses = [] }: PresentWorkload): DesiredAddress[] {
  const peering = peeringAddresses.map((address) => ({
    address,
    prefixLength: ipVersion(address) === 4 ? 32 : 128,
    scope: SCOPE.link,
    ...(ipVersion(address) === 6 && { noDad: true }),
  }));
  const gateways = gatewaysFor(addresses);
  return [
    ...gateways,
    ...peering.filter(({ address }) => !gateways.some((each) => each.address === address)),
  ];
}
