import { ENCAPSULATION_OCTETS } from "../kernel/encapsulation-octets.ts";
import { DEFAULTS } from "../resources/defaults.ts";
import { mergeFelixSettings } from "../resources/felix-settings.ts";
import { type AnyResource, resourcesOf } from "../resources/schemas.ts";
import { INTERFACE_PREFIX } from "./workload-names.ts";

type Encapsulation = keyof typeof ENCAPSULATION_OCTETS;

/** What Ethernet carries, when the host has no uplink yet. */
const ETHERNET_MTU = 1500;

/** Names of network cards, as Calico's mtuIfacePattern has them by default. */
const UPLINK_PATTERN = /^((en|wl|ww|sl|ib)[Pcopsvx].*|(eth|wlan|wwan).*)$/;

/** An interface of the host, as far as the MTU goes. */
export type SizedInterface = { readonly name: string; readonly mtu: number; readonly up: boolean };

/** What the MTU of this host's workloads follows from. */
export type MtuInput = {
  readonly nodeName: string;
  readonly interfaces: readonly SizedInterface[];
  readonly resources: Iterable<AnyResource>;
};

/**
 * The MTU of this host's workloads: the smallest uplink's, minus the largest overhead of any encapsulation that is enabled
 * in any pool, because a workload's packets may go to any of them. What FelixConfiguration says of a tunnel's MTU counts
 * in place of the computed one.
 */
export function workloadMtu({ nodeName, interfaces, resources }: MtuInput): number {
  const all = [...resources];
  const settings = mergeFelixSettings(
    nodeName,
    (wanted) =>
      resourcesOf(all, "FelixConfiguration").find(({ metadata }) => metadata.name === wanted)?.spec,
  );
  const uplink = uplinkMtu(interfaces, settings.mtuIfacePattern);
  const written = {
    ipip: settings.ipipMTU,
    vxlan: settings.vxlanMTU,
    vxlanV6: settings.vxlanMTUV6,
  } as const satisfies { readonly [name in Encapsulation]: number | undefined };
  const tunnels = [...encapsulations(all)].map(
    (encapsulation) => written[encapsulation] || uplink - ENCAPSULATION_OCTETS[encapsulation],
  );
  return Math.min(uplink, ...tunnels);
}

/** A pattern that matches no interface that is up says nothing: then what every Ethernet carries is taken. */
function uplinkMtu(interfaces: readonly SizedInterface[], pattern: string | undefined): number {
  const matches = compilePattern(pattern);
  const sizes = interfaces
    .filter(({ name, up }) => up && !name.startsWith(INTERFACE_PREFIX) && matches.test(name))
    .map(({ mtu }) => mtu);
  return sizes.length === 0 ? ETHERNET_MTU : Math.min(...sizes);
}

/** Calico's patterns are Go's, and nearly all of them are JavaScript's; one that is not counts as unset. */
function compilePattern(pattern: string | undefined): RegExp {
  if (!pattern) return UPLINK_PATTERN;
  try {
    return new RegExp(pattern);
  } catch {
    return UPLINK_PATTERN;
  }
}

function encapsulations(all: readonly AnyResource[]): Set<Encapsulation> {
  const enabled = new Set<Encapsulation>();
  for (const { spec } of resourcesOf(all, "IPPool")) {
    const isOn = (mode: string | undefined) => (mode ?? DEFAULTS.ipPool.vxlanMode) !== "Never";
    if (isOn(spec.ipipMode)) enabled.add("ipip");
    if (isOn(spec.vxlanMode)) enabled.add(spec.cidr.includes(":") ? "vxlanV6" : "vxlan");
  }
  return enabled;
}
