import { resourcesOfKind } from "../datastore/resource-table.ts";
import { type IpamSettings, SETTINGS_KINDS, settingsOf } from "../ipam/settings.ts";
import type { HostFollowerReport } from "./host-follower.ts";

/** IPAM's settings from the resources that the daemon follows anyhow; undefined while it cannot know them to be of today. */
export function followedSettings(report: () => HostFollowerReport): () => IpamSettings | undefined {
  let known:
    | { readonly of: HostFollowerReport["resources"]; readonly settings: IpamSettings }
    | undefined;
  return () => {
    const { resources, state, loss } = report();
    // Pools that vanished with their blocks must not be assigned from, whatever else stays in force.
    if (state !== "in-sync" || loss !== undefined) return undefined;
    if (known?.of !== resources) {
      const wanted = SETTINGS_KINDS.flatMap((kind) => resourcesOfKind(resources, kind));
      known = { of: resources, settings: settingsOf(wanted) };
    }
    return known.settings;
  };
}
