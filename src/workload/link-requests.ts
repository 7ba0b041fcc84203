import type { IpAddress } from "../../protocol/types/ip-address.ts";

/** What the link worker is asked; all of it can be cloned. Each may be repeated: what is there already is replaced or left. */
export type LinkRequest =
  /** A veth pair, its workload's end set up whole inside a network namespace. */
  | ({ readonly type: "attach"; readonly inside: InsideOfWorkload } & NewPair)
  /** A veth pair with both ends on the host. */
  | ({ readonly type: "pair"; readonly peerName: string } & NewPair)
  /** Takes the host's end away, and the other one with it. */
  | { readonly type: "detach"; readonly hostInterface: string }
  /** What is wrong with an attached pair. */
  | {
      readonly type: "check";
      readonly hostInterface: string;
      readonly inside?: InsideOfWorkload;
      readonly mtu?: number;
    }
  /** One link of the host as it is. */
  | { readonly type: "look"; readonly interfaceName: string };

/** Both ends of a veth pair. */
export type NewPair = {
  readonly hostInterface: string;
  /** IFLA_IFALIAS of the host's end: a fresh process sees whose it is. */
  readonly alias: string;
  readonly mtu: number;
  /** Of the workload's end; the kernel chooses one when left out. */
  readonly mac?: string;
};

/** The workload's end inside its namespace. */
export type InsideOfWorkload = {
  readonly netns: string;
  readonly interfaceName: string;
  readonly addresses: readonly IpAddress[];
};

/** A link as the worker saw it. */
export type LinkFacts = { readonly mac?: string; readonly mtu: number; readonly up: boolean };

export type LinkAnswer =
  /** The workload's end after "attach" and "pair", the link itself after "look". */
  | { readonly type: "link"; readonly link: LinkFacts }
  | { readonly type: "done" }
  /** In words, empty when all is well. */
  | { readonly type: "checked"; readonly problems: readonly string[] }
  | LinkRefusal;

export type LinkRefusal = {
  readonly type: "refused";
  /** `noNamespace` and `noInterface`: what the caller named does not exist. */
  readonly reason: "noNamespace" | "noInterface" | "taken" | "invalid" | "kernel";
  readonly message: string;
};
