import type { IpAddress } from "../../protocol/types/ip-address.ts";
import { addAddress, deleteAddress } from "./kernel-requests.ts";
import type { PendingChange } from "./link-driver.ts";
import type { LinkTable } from "./link-table.ts";
import type { AddressMessage } from "./netlink/address-codec.ts";
import { ADDRESS_FLAG, SCOPE } from "./netlink/netlink-constants.ts";
import { NetlinkError } from "./netlink/netlink-error.ts";
import type { NetlinkSocket } from "./netlink/netlink-socket.ts";

/** An address that an interface shall have. */
export type DesiredAddress = {
  readonly address: IpAddress;
  readonly prefixLength: number;
  /** SCOPE.universe when left out. */
  readonly scope?: number;
  /** IPv6: usable at once, without duplicate address detection. RFC 4862 §5.4. */
  readonly noDad?: boolean;
};

/**
 * Keeps addresses on named interfaces. What it adds carries our number in IFA_PROTO, so that a fresh process sees
 * which addresses are ours and unwanted; what others set is never removed, and what they set and we want is left alone.
 */
export class AddressDriver {
  readonly #socket: NetlinkSocket;
  readonly #table: LinkTable;
  readonly #protocol: number;
  #desired: ReadonlyMap<string, readonly DesiredAddress[]> = new Map();
  #mayRemove = false;

  constructor(options: {
    readonly socket: NetlinkSocket;
    readonly table: LinkTable;
    readonly protocol: number;
  }) {
    this.#socket = options.socket;
    this.#table = options.table;
    this.#protocol = options.protocol;
  }

  /** The whole desired set, by interface name. */
  setDesired(desired: ReadonlyMap<string, readonly DesiredAddress[]>): void {
    this.#desired = desired;
  }

  /** From now on addresses of ours that nobody wants are removed. Not before the datastore is in sync. */
  sweep(): void {
    this.#mayRemove = true;
  }

  /** Adds what is missing and removes what is ours and unwanted; answers what could not be. */
  apply(): PendingChange[] {
    return [...this.#removeUnwanted(), ...this.#addMissing()];
  }

  #addMissing(): PendingChange[] {
    const pending: PendingChange[] = [];
    for (const [name, addresses] of this.#desired) {
      const link = this.#table.byName(name);
      for (const desired of addresses) {
        const what = `address ${desired.address}/${desired.prefixLength} on ${name}`;
        if (link === undefined) pending.push({ what, reason: "there is no such interface" });
        else if (!this.#has(link.index, desired)) {
          const reason = attempt(() =>
            addAddress(this.#socket, this.#message(link.index, desired)),
          );
          if (reason !== undefined) pending.push({ what, reason });
        }
      }
    }
    return pending;
  }

  #removeUnwanted(): PendingChange[] {
    if (!this.#mayRemove) return [];
    const pending: PendingChange[] = [];
    for (const address of [...this.#table.addresses()]) {
      if (address.protocol !== this.#protocol || this.#isWanted(address)) continue;
      const reason = attempt(() => deleteAddress(this.#socket, address));
      const what = `removal of address ${address.address}/${address.prefixLength}`;
      if (reason !== undefined) pending.push({ what, reason });
    }
    return pending;
  }

  #has(interfaceIndex: number, desired: DesiredAddress): boolean {
    return this.#table.addressesOf(interfaceIndex).some((address) => sameAddress(address, desired));
  }

  #isWanted(address: AddressMessage): boolean {
    const name = this.#table.byIndex(address.interfaceIndex)?.name;
    const desired = name === undefined ? undefined : this.#desired.get(name);
    return desired?.some((each) => sameAddress(address, each)) ?? false;
  }

  #message(interfaceIndex: number, desired: DesiredAddress): AddressMessage {
    return {
      interfaceIndex,
      address: desired.address,
      prefixLength: desired.prefixLength,
      scope: desired.scope ?? SCOPE.universe,
      flags: desired.noDad ? ADDRESS_FLAG.noDad : 0,
      protocol: this.#protocol,
    };
  }
}

function sameAddress(address: AddressMessage, desired: DesiredAddress): boolean {
  return address.address === desired.address && address.prefixLength === desired.prefixLength;
}

/** The reason of a refusal. The table may be a step behind the kernel: added already or gone already is what we want. */
function attempt(act: () => void): string | undefined {
  try {
    act();
    return undefined;
  } catch (error) {
    if (!(error instanceof NetlinkError)) throw error;
    const done =
      error.code === "EEXIST" || error.code === "EADDRNOTAVAIL" || error.code === "ENODEV";
    return done ? undefined : error.message;
  }
}
