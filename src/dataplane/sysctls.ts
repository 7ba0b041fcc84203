/**
 * The kernel parameters that forwarding for workloads needs, in the order in which they must be set. Pure: it reads
 * what is, and answers what shall be. route_localnet is never set: it would let a workload talk to the host's loopback.
 */
export function desiredSysctls(host: SysctlHost, read: ReadSysctl): SysctlSetting[] {
  const settings: SysctlSetting[] = [];
  const wish = (path: string, value: string) => settings.push({ path, value });
  // A router does not listen to router advertisements unless accept_ra is 2: uplinks that live by them would lose their
  // default route at the moment when forwarding is switched on. So this comes first.
  if (host.forwarding.ipv6) {
    for (const uplink of host.uplinks) {
      const path = `net/ipv6/conf/${uplink}/accept_ra`;
      if (read(path) === "1") wish(path, "2");
    }
  }
  settings.push(...reversePathSettings(host, read));
  for (const workload of host.workloads) {
    if (!host.settled?.has(workload)) settings.push(...workloadSettings(workload));
  }
  if (host.forwarding.ipv4) wish("net/ipv4/ip_forward", "1");
  if (host.forwarding.ipv6) wish("net/ipv6/conf/all/forwarding", "1");
  return settings;
}

/** What the settings depend on: interfaces that exist, by name. */
export type SysctlHost = {
  readonly interfaces: readonly string[];
  readonly workloads: readonly string[];
  /** Workloads whose own parameters were set already. */
  readonly settled?: ReadonlySet<string>;
  /** Interfaces over which next hops or default routes are reached. */
  readonly uplinks: readonly string[];
  readonly forwarding: { readonly ipv4: boolean; readonly ipv6: boolean };
};

/** One parameter, by its path below /proc/sys. */
export type SysctlSetting = { readonly path: string; readonly value: string };

/** The present value; undefined when there is no such parameter. */
export type ReadSysctl = (path: string) => string | undefined;

/**
 * Strict reverse path filtering on workload interfaces, so that no workload speaks with another's address; loose on
 * uplinks, where answers may take another way. The kernel takes the larger of `all` and the interface's own value, and
 * 2 is loose: `all` = 2 makes strict impossible, so it is moved down to the interfaces that it stood for. RFC 3704 §2.
 */
function reversePathSettings(host: SysctlHost, read: ReadSysctl): SysctlSetting[] {
  const settings: SysctlSetting[] = [];
  const workloads = new Set(host.workloads);
  const uplinks = new Set(host.uplinks);
  const looseForAll = host.workloads.length > 0 && read(reversePath("all")) === "2";
  for (const name of looseForAll ? ["default", ...host.interfaces] : []) {
    if (!workloads.has(name)) settings.push({ path: reversePath(name), value: "2" });
  }
  for (const name of looseForAll ? [] : uplinks) {
    settings.push({ path: reversePath(name), value: "2" });
  }
  for (const name of workloads) {
    if (!host.settled?.has(name)) settings.push({ path: reversePath(name), value: "1" });
  }
  if (looseForAll) settings.push({ path: reversePath("all"), value: "0" });
  return settings;
}

/** The interface answers for the gateway at once, whatever the host's routes are, and forwards what comes in. */
function workloadSettings(name: string): SysctlSetting[] {
  return [
    { path: `net/ipv4/conf/${name}/proxy_arp`, value: "1" },
    { path: `net/ipv4/neigh/${name}/proxy_delay`, value: "0" },
    { path: `net/ipv4/conf/${name}/forwarding`, value: "1" },
    // Whatever the default says: a workload must not be able to give the host a router.
    { path: `net/ipv6/conf/${name}/accept_ra`, value: "0" },
    { path: `net/ipv6/conf/${name}/forwarding`, value: "1" },
  ];
}

function reversePath(name: string): string {
  return `net/ipv4/conf/${name}/rp_filter`;
}
