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

  /** Reads everything again. */
  load(socket: NetlinkSocket): void {
    this.#links.clear();
    this.#indexes.clear();
    this.#addresses.clear();
    for (const link of listLinks(socket)) this.#setLink(link);
    for (const address of listAddresses(socket)) this.#addresses.set(addressKey(address), address);
  }

  /** Takes a notification in. Returns true when it was about a link or an address. */
  handle(event: KernelEvent): boolean {
    if (event.type === "link") {
      if (event.change === "new") this.#setLink(event.link);
      else this.#deleteLink(event.link);
      return true;
    }
    if (event.type === "address") {
      if (event.change === "new") this.#addresses.set(addressKey(event.address), event.address);
      else this.#addresses.delete(addressKey(event.address));
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

  addressesOf(interfaceIndex: number): AddressMessage[] {
    return [...this.#addresses.values()].filter(
      (address) => address.interfaceIndex === interfaceIndex,
    );
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
    for (const [key, address] of this.#addresses) {
      if (address.interfaceIndex === index) this.#addresses.delete(key);
    }
  }
}

function addressKey({ interfaceIndex, address, prefixLength, peer }: AddressMessage): string {
  return `${interfaceIndex} ${address}/${prefixLength} ${peer ?? ""}`;
}
