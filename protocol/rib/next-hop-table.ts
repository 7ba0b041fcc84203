import type { IpAddress } from "../types/ip-address.ts";

/** What a next hop resolves to now. A next hop that nobody has reported is unreachable. */
export type NextHopResolution = {
  readonly nextHop: IpAddress;
  readonly reachable: boolean;
  readonly metric: number;
  readonly onLink: boolean;
};
