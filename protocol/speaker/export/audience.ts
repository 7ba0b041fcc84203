import { LOCAL_PEER } from "../../rib/peer-table.ts";

/**
 * To which members of a group a run of messages goes, in one number: everyone (0), everyone but the peer that the routes
 * came from (split horizon), or one peer alone (when the source of a route changes, its old source must hear of it and
 * its new source must forget it).
 */
export type Audience = number;

export const EVERYONE: Audience = 0;

export function everyoneBut(peer: number): Audience {
  return peer === LOCAL_PEER ? EVERYONE : peer * 2;
}

export function only(peer: number): Audience {
  return peer * 2 + 1;
}

export function includes(audience: Audience, peer: number): boolean {
  return (audience & 1) === 1 ? audience === only(peer) : audience !== peer * 2;
}
