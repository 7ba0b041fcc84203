import { IpAddress, ipVersion } from "../../protocol/types/ip-address.ts";
import { hostPrefix, type Prefix } from "../../protocol/types/prefix.ts";
import { AddressDriver, type DesiredAddress } from "../kernel/address-driver.ts";
import { LinkDriver, type PendingChange } from "../kernel/link-driver.ts";
import type { LinkTable } from "../kernel/link-table.ts";
import { SCOPE } from "../kernel/netlink/netlink-constants.ts";
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
  #workloads: LocalDataplane["workloads"] = [];

  constructor(options: {
    readonly socket: NetlinkSocket;
    readonly links: LinkTable;
    readonly sysctls: SysctlDriver;
    readonly protocol: number;
  }) {
    const { socket, links, protocol } = options;
    this.#links = links;
    this.#sysctls = options.sysctls;
    this.#linkDriver = new LinkDriver(socket, links);
    this.#addressDriver = new AddressDriver({ socket, table: links, protocol });
  }

  /** The whole desired set. */
  setDesired(workloads: LocalDataplane["workloads"]): void {
    this.#workloads = workloads;
  }

  /** From now on addresses of ours on interfaces that are no workload's go: with them the kernel drops the routes there. */
  sweep(): void {
    this.#addressDriver.sweep();
  }

  /** Sets up what is there; answers what could not be, missing interfaces included. */
  apply(host: { readonly uplinks: readonly string[] }): PendingChange[] {
    const present = this.#workloads.filter((workload) => this.#links.byName(workload.interface));
    const names = present.map((workload) => workload.interface);
    this.#linkDriver.setDesired(
      new Map(names.map((name) => [name, { macAddress: HOST_SIDE_MAC, up: true }])),
    );
    this.#addressDriver.setDesired(
      new Map(present.map((workload) => [workload.interface, gatewaysFor(workload.addresses)])),
    );
    this.#sysctls.setDesired(this.#desiredSysctls(names, host.uplinks));
    return [
      ...this.#missing(),
      ...this.#linkDriver.apply(),
      // Uplinks keep their router advertisements, and spoofing is refused, before anything is forwarded.
      ...this.#sysctls.apply(),
      ...this.#addressDriver.apply(),
    ];
  }

  /** The addresses behind interfaces that are there and up: what the host can deliver now. */
  reachable(): { readonly prefix: Prefix; readonly interfaceIndex: number }[] {
    const routes = new Map<Prefix, { readonly prefix: Prefix; readonly interfaceIndex: number }>();
    for (const workload of this.#workloads) {
      const link = this.#links.byName(workload.interface);
      if (link?.up !== true) continue;
      for (const prefix of workload.addresses.map(hostPrefix)) {
        // Of two workloads that claim one address the first keeps it: the list's order is the datastore's.
        if (!routes.has(prefix)) routes.set(prefix, { prefix, interfaceIndex: link.index });
      }
    }
    return [...routes.values()];
  }

  /** Takes our addresses off and puts the sysctls back as they were. */
  cleanUp(): PendingChange[] {
    this.sweep();
    this.#addressDriver.setDesired(new Map());
    return [...this.#addressDriver.apply(), ...this.#sysctls.restore()];
  }

  #desiredSysctls(workloads: readonly string[], uplinks: readonly string[]): Map<string, string> {
    const read = (path: string) => this.#sysctls.get(path);
    const host = {
      interfaces: Array.from(this.#links.links(), ({ name }) => name),
      workloads,
      uplinks: uplinks.filter((name) => !workloads.includes(name)),
      forwarding: { ipv4: this.#hasWorkloads(4), ipv6: this.#hasWorkloads(6) },
    };
    // A kernel without IPv6 has none of its parameters.
    const settings = desiredSysctls(host, read).filter(({ path }) => read(path) !== undefined);
    return new Map(settings.map(({ path, value }) => [path, value]));
  }

  #hasWorkloads(version: 4 | 6): boolean {
    return this.#workloads.some(({ addresses }) =>
      addresses.some((address) => ipVersion(address) === version),
    );
  }

  #missing(): PendingChange[] {
    return this.#workloads
      .filter((workload) => this.#links.byName(workload.interface) === undefined)
      .map((workload) => ({
        what: `workload interface ${workload.interface}`,
        reason: "there is no such interface",
      }));
  }
}

/** Only the gateways that the workload can use: IPv6 may be switched off where nobody has an IPv6 address. */
function gatewaysFor(addresses: readonly IpAddress[]): DesiredAddress[] {
  return [IPV4_GATEWAY, IPV6_GATEWAY].filter((gateway) =>
    addresses.some((address) => ipVersion(address) === ipVersion(gateway.address)),
  );
}
