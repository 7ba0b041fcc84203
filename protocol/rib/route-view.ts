import type { Prefix } from "../types/prefix.ts";

/** One candidate of a prefix as a value, for snapshots and explain. Attribute sets are named by their ids. */
export type RouteView = {
  readonly prefix: Prefix;
  /** 0 is this host itself. */
  readonly peerIndex: number;
  readonly pathId: number;
  /** As received, before import policy; its octets are `attributeSets.octets(id)`. */
  readonly receivedSet: number;
  /** As accepted, after import policy; undefined when the route was refused. */
  readonly acceptedSet: number | undefined;
  readonly best: boolean;
  readonly multipath: boolean;
  readonly stale: boolean;
  readonly eligible: boolean;
  /** The step that put it behind the route that eliminated it, or why it is not eligible. Absent for the best route. */
  readonly reason?: string;
  readonly eliminatedBy?: { readonly peerIndex: number; readonly pathId: number };
};
