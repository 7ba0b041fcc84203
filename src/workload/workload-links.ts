/*
 * Makes and removes workload interfaces by netlink, synchronously; it runs in the link worker. A pair is made by one
 * request, with the workload's end born inside its namespace (IFLA_NET_NS_FD), so that there is never a moment at which it
 * stands in the host.
 */
import { unreachable } from "../../protocol/types/never.ts";
import { findLink, listAddresses } from "../kernel/kernel-lists.ts";
import { changeLink, createLink, deleteLink } from "../kernel/kernel-requests.ts";
import { SystemCallError } from "../kernel/native/libc.ts";
import type { LinkMessage } from "../kernel/netlink/link-codec.ts";
import { LINK_FLAG, SCOPE } from "../kernel/netlink/netlink-constants.ts";
import { NetlinkError } from "../kernel/netlink/netlink-error.ts";
import type { NetlinkSocket } from "../kernel/netlink/netlink-socket.ts";
import { factsOf, RefusedError, refuse, wrongMtu } from "./link-answers.ts";
import type {
  InsideOfWorkload,
  LinkAnswer,
  LinkFacts,
  LinkRequest,
  NewPair,
} from "./link-requests.ts";
import { checkInside, insideOf, setUpInside } from "./workload-inside.ts";

/** Every host side has the same MAC address, so that a workload that moves need not learn another. */
const HOST_SIDE_MAC = "ee:ee:ee:ee:ee:ee";
/** Does one request after another. */
export class WorkloadLinks {
  readonly #host: NetlinkSocket;

  /** Made in the host's namespace. */
  constructor(host: NetlinkSocket) {
    this.#host = host;
  }

  handle(request: LinkRequest): LinkAnswer {
    try {
      return this.#handle(request);
    } catch (error) {
      if (error instanceof RefusedError) return error.refusal;
      if (!(error instanceof NetlinkError || error instanceof SystemCallError)) throw error;
      return { type: "refused", reason: "kernel", message: error.message };
    }
  }

  #handle(request: LinkRequest): LinkAnswer {
    switch (request.type) {
      case "attach":
        return { type: "link", link: this.#attach(request, request.inside) };
      case "pair":
        return { type: "link", link: this.#makePair(request, request.peerName) };
      case "detach":
        this.#detach(request.hostInterface);
        return { type: "done" };
      case "check":
        return { type: "checked", problems: this.#check(request) };
      case "look":
        return this.#look(request.interfaceName);
      default:
        return unreachable(request);
    }
  }

  #attach(pair: NewPair, inside: InsideOfWorkload): LinkFacts {
    return insideOf(inside, ({ socket, fd }) => {
      this.#detach(pair.hostInterface);
      if (findLink(socket, inside.interfaceName) !== undefined) {
        refuse("taken", `${inside.netns} has an interface ${inside.interfaceName} already`);
      }
      this.#create(pair, { name: inside.interfaceName, namespace: { fd } });
      try {
        return setUpInside(socket, inside);
      } catch (error) {
        this.#detach(pair.hostInterface);
        throw error;
      }
    });
  }

  #makePair(pair: NewPair, peerName: string): LinkFacts {
    this.#detach(pair.hostInterface);
    this.#create(pair, { name: peerName });
    return factsOf(findLink(this.#host, peerName), peerName);
  }

  #create(
    pair: NewPair,
    peer: { readonly name: string; readonly namespace?: { readonly fd: number } },
  ): void {
    const { hostInterface, alias, mtu, mac } = pair;
    createLink(this.#host, {
      name: hostInterface,
      kind: "veth",
      mtu,
      macAddress: HOST_SIDE_MAC,
      up: true,
      peer: { ...peer, mtu, ...(mac !== undefined && { macAddress: mac }) },
    });
    // The kernel does not take it when it creates a link.
    const link = findLink(this.#host, hostInterface);
    if (link !== undefined) changeLink(this.#host, link.index, { alias });
  }

  /** Gone already is what we want; something else of that name is not ours to delete. */
  #detach(hostInterface: string): void {
    const link = findLink(this.#host, hostInterface);
    if (link === undefined) return;
    if (link.kind !== "veth")
      refuse("taken", `${hostInterface} is no veth: it is not ours to replace`);
    try {
      deleteLink(this.#host, link.index);
    } catch (error) {
      if (!(error instanceof NetlinkError && error.code === "ENODEV")) throw error;
    }
  }

  #look(interfaceName: string): LinkAnswer {
    const link = findLink(this.#host, interfaceName);
    if (link === undefined) refuse("noInterface", `there is no interface ${interfaceName}`);
    this.#refuseOwn(link);
    return { type: "link", link: factsOf(link, interfaceName) };
  }

  /** A slip of the pen must not turn the host's own network card into a workload's interface. */
  #refuseOwn({ index, name, flags }: LinkMessage): void {
    if ((flags & LINK_FLAG.loopback) !== 0) refuse("invalid", `${name} is the loopback interface`);
    const own = listAddresses(this.#host).find(
      ({ interfaceIndex, scope }) => interfaceIndex === index && scope === SCOPE.universe,
    );
    if (own !== undefined) {
      refuse("invalid", `${name} is the host's own: it has the address ${own.address}`);
    }
  }

  #check({ hostInterface, inside, mtu }: LinkRequest & { readonly type: "check" }): string[] {
    const problems: string[] = [];
    const link = findLink(this.#host, hostInterface);
    if (link === undefined) return [`there is no interface ${hostInterface}`];
    if (!link.up) problems.push(`${hostInterface} is down`);
    if (mtu !== undefined && link.mtu !== mtu) problems.push(wrongMtu(link, mtu));
    if (inside === undefined) return problems;
    return insideOf(inside, ({ socket }) => [...problems, ...checkInside(socket, inside, mtu)]);
  }
}
