import { listAddresses, listLinks } from "./kernel-lists.ts";
import type { AddressMessage } from "./netlink/address-codec.ts";
import type { KernelEvent } from "./netlink/kernel-event.ts";
import type { LinkMessage } from "./netlink/link-codec.ts";
import type { NetlinkSocket } from "./netlink/netlink-socket.ts";

/** The links and addresses that the kernel has, as last heard: a dump, then notifications. */
export class LinkTable {
  readonly #links = new Map<number, LinkMessage>();
  readonly #indexes = new Map<string, number>();
  readonly #addresses = new Map<string, AddressMessage>();
  #revision = 0;
  /** By interface, and made anew at each change: thousands of workloads ask for theirs again and again. */
  readonly #byInterface = new Map<number, readonly AddressMessage[]>();

  /** Another number after each change. */
  get revision(): number {
    return this.#revision;
  }

  /** Reads everything again. */
  load(socket: NetlinkSocket): void {
    this.#revision++;
    this.#links.clear();
    this.#indexes.clear();
    this.#addresses.clear();
    this.#byInterface.clear();
    for (const link of listLinks(socket)) this.#setLink(link);
    for (const address of listAddresses(socket)) this.#setAddress(address);
  }

  /** Takes a notification in. Returns true when it was about a link or an address. */
  handle(event: KernelEvent): boolean {
    if (event.type === "link") {
      this.#revision++;
      if (event.change === "new") this.#setLink(event.link);
      else this.#deleteLink(event.link);
      return true;
    }
    if (event.type === "address") {
      this.#revision++;
      if (event.change === "new") this.#setAddress(event.address);
      else this.#deleteAddress(event.address);
      return true;
    }
    return false;
  }

  links(): Iterable<LinkMessage> {
    return this.#links.values();
  }

  addresses(): Iterable<AddressMessage> {
    return this.#addresses.values();
  }

  byIndex(index: number): LinkMessage | undefined {
    return this.#links.get(index);
  }

  byName(name: string): LinkMessage | undefined {
    const index = this.#indexes.get(name);
    return index === undefined ? undefined : this.#links.get(index);
  }

  addressesOf(interfaceIndex: number): readonly AddressMessage[] {
    return this.#byInterface.get(interfaceIndex) ?? NONE;
  }

  #setAddress(address: AddressMessage): void {
    this.#addresses.set(addressKey(address), address);
    this.#byInterface.set(address.interfaceIndex, [...this.#othersThan(address), address]);
  }

  #deleteAddress(address: AddressMessage): void {
    this.#addresses.delete(addressKey(address));
    const others = this.#othersThan(address);
    if (others.length === 0) this.#byInterface.delete(address.interfaceIndex);
    else this.#byInterface.set(address.interfaceIndex, others);
  }

  #othersThan(address: AddressMessage): readonly AddressMessage[] {
    const key = addressKey(address);
    return this.addressesOf(address.interfaceIndex).filter((each) => addressKey(each) !== key);
  }

  #setLink(link: LinkMessage): void {
    const old = this.#links.get(link.index);
    if (old !== undefined && old.name !== link.name) this.#indexes.delete(old.name);
    this.#links.set(link.index, link);
    this.#indexes.set(link.name, link.index);
  }

  #deleteLink({ index, name }: LinkMessage): void {
    this.#links.delete(index);
    if (this.#indexes.get(name) === index) this.#indexes.delete(name);
    // The kernel does send RTM_DELADDR first, but not for a link that moves to another namespace while it is down.
    for (const address of this.addressesOf(index)) this.#addresses.delete(addressKey(address));
    this.#byInterface.delete(index);
  }
}

const NONE: readonly AddressMessage[] = [];

function addressKey({ interfaceIndex, address, prefixLength, peer }: AddressMessage): string {
  return `${interfaceIndex} ${address}/${prefixLength} ${peer ?? ""}`;
}
