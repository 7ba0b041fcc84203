import type { Origination } from "../../protocol/speaker/speaker-config.ts";
import { WELL_KNOWN } from "../../protocol/types/community.ts";

/**
 * What a host says of its routes before it goes out of service: take any other way that there is. eBGP peers know the
 * community, to iBGP peers the least LOCAL_PREF says the same. Nothing is withdrawn, so no packet is lost. RFC 8326 §3.
 */
export function drained(routes: readonly Origination[]): readonly Origination[] {
  return routes.map((route) => ({
    ...route,
    localPref: 0,
    communities: [...(route.communities ?? []), WELL_KNOWN.gracefulShutdown],
  }));
}
