import type { AddressMessage } from "./address-codec.ts";
import type { ForwardingEntry } from "./forwarding-codec.ts";
import type { LinkMessage } from "./link-codec.ts";
import type { NeighborMessage } from "./neighbor-codec.ts";
import type { NexthopMessage } from "./nexthop-codec.ts";
import type { RouteMessage } from "./route-codec.ts";
import type { RuleMessage } from "./rule-codec.ts";

/** One notification of rtnetlink. `replaced`: it took the place of another one at the same key (NLM_F_REPLACE). */
export type KernelEvent = {
  readonly change: "new" | "deleted";
  /** The port id of the netlink socket that caused it; 0 for the kernel itself. */
  readonly portId: number;
  readonly replaced: boolean;
} & KernelObject;

/** What a notification or a dump entry is about. */
export type KernelObject =
  | { readonly type: "route"; readonly route: RouteMessage }
  | { readonly type: "link"; readonly link: LinkMessage }
  | { readonly type: "address"; readonly address: AddressMessage }
  | { readonly type: "neighbor"; readonly neighbor: NeighborMessage }
  | { readonly type: "forwarding"; readonly entry: ForwardingEntry }
  | { readonly type: "rule"; readonly rule: RuleMessage }
  | { readonly type: "nexthop"; readonly nexthop: NexthopMessage };
