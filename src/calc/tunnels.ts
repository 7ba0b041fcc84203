import { type IpAddress, ipVersion, parseIpAddress } from "../../protocol/types/ip-address.ts";
import { type Prefix, parsePrefix, prefixAddress, prefixOf } from "../../protocol/types/prefix.ts";
import { DEFAULTS } from "../resources/defaults.ts";
import type { FelixSettings } from "../resources/felix-settings.ts";
import { parseInterfaceAddress } from "../resources/field.ts";
import type { ResourceOf } from "../resources/schemas.ts";
import type { Cluster } from "./cluster.ts";
import type { Value } from "./derive/derivation.ts";
import type {
  HostTunnels,
  TunnelDevice,
  TunnelPool,
  TunnelRemote,
  TunnelType,
} from "./tunnel-state.ts";
import { vtepMacAddress } from "./vtep-mac.ts";

/** Names of the devices: Calico's, so that people and their tools find what they know. */
export const TUNNEL_DEVICE_NAMES = {
  ipip: "tunl0",
  vxlan: "vxlan.calico",
  vxlanV6: "vxlan-v6.calico",
} as const satisfies { readonly [type in TunnelType]: string };

const NO_TUNNELS: HostTunnels = { pools: [], ownSubnets: [], devices: [] };

/**
 * The tunnels that the pools ask for. A device is there while some pool wants it; a far end is used once its Node bears the
 * address of its device, which each node writes when its own device is up: so nobody sends what the other cannot take.
 */
export function deriveTunnels(
  { derivation, resources, nodeName }: Cluster,
  settings: Value<FelixSettings>,
): Value<HostTunnels> {
  const pools = derivation.list(derivation.table("tunnel pools", resources.IPPool, poolOf));
  const ends = derivation.list(derivation.table("tunnel ends", resources.Node, endsOf));
  const types = derivation.value("tunnel types", (read) =>
    enabledTypes(read.value(pools), read.value(settings)),
  );
  return derivation.value("tunnels", (read) => {
    const self = read.at(resources.Node, nodeName);
    const enabled = read.value(types);
    if (self === undefined || enabled.length === 0) return NO_TUNNELS;
    const own = endsOf(self);
    const others = read.value(ends).filter(({ node }) => node !== nodeName);
    return {
      pools: read.value(pools).filter(({ tunnel }) => enabled.includes(tunnel)),
      ownSubnets: own.subnets,
      devices: enabled.flatMap((type) =>
        deviceOf(type, { own, others, settings: read.value(settings) }),
      ),
    };
  });
}

/** What one node is to tunnels: as a far end, or as our own. */
type TunnelEnds = {
  readonly node: string;
  readonly nextHops: readonly IpAddress[];
  readonly subnets: readonly Prefix[];
  readonly ends: { readonly [type in TunnelType]: TunnelEnd };
};

type TunnelEnd = {
  readonly underlay?: IpAddress;
  readonly address?: IpAddress;
  readonly macAddress?: string;
};

function endsOf({ metadata, spec }: ResourceOf<"Node">): TunnelEnds {
  const ipv4 = parseInterfaceAddress(spec.bgp?.ipv4Address ?? "");
  const ipv6 = parseInterfaceAddress(spec.bgp?.ipv6Address ?? "");
  const present = [ipv4, ipv6].filter((each) => each !== undefined);
  const { name } = metadata;
  return {
    node: name,
    nextHops: present.map(({ address }) => address),
    subnets: present.map(({ address, length }) => prefixOf(address, length)),
    ends: {
      ipip: end(ipv4?.address, spec.bgp?.ipv4IPIPTunnelAddr),
      vxlan: {
        ...end(ipv4?.address, spec.ipv4VXLANTunnelAddr),
        macAddress: spec.vxlanTunnelMACAddr || vtepMacAddress(name, 4),
      },
      vxlanV6: {
        ...end(ipv6?.address, spec.ipv6VXLANTunnelAddr),
        macAddress: spec.vxlanTunnelMACAddrV6 || vtepMacAddress(name, 6),
      },
    },
  };
}

function end(underlay: IpAddress | undefined, written: string | undefined): TunnelEnd {
  const address = parseIpAddress(written ?? "");
  return { ...(underlay && { underlay }), ...(address && { address }) };
}

/** Pools that are disabled count: that stops new assignments, not the traffic of old ones. */
function poolOf({ spec }: ResourceOf<"IPPool">): TunnelPool | undefined {
  const cidr = parsePrefix(spec.cidr);
  if (cidr === undefined) return undefined;
  const ipipMode = spec.ipipMode ?? DEFAULTS.ipPool.ipipMode;
  const vxlanMode = spec.vxlanMode ?? DEFAULTS.ipPool.vxlanMode;
  if (ipipMode !== "Never") return { cidr, tunnel: "ipip", crossSubnet: ipipMode !== "Always" };
  if (vxlanMode === "Never") return undefined;
  const tunnel = ipVersion(prefixAddress(cidr)) === 4 ? "vxlan" : "vxlanV6";
  return { cidr, tunnel, crossSubnet: vxlanMode !== "Always" };
}

/** The IP version of the packets that a tunnel carries. */
export function insideOf(tunnel: TunnelType): 4 | 6 {
  return tunnel === "vxlanV6" ? 6 : 4;
}

/** FelixConfiguration can switch a tunnel off, or have its device up before any pool asks for it. */
function enabledTypes(
  pools: readonly TunnelPool[],
  { ipipEnabled, vxlanEnabled }: FelixSettings,
): readonly TunnelType[] {
  const said = { ipip: ipipEnabled, vxlan: vxlanEnabled, vxlanV6: vxlanEnabled };
  return (["ipip", "vxlan", "vxlanV6"] as const).filter(
    (type) => said[type] ?? pools.some(({ tunnel }) => tunnel === type),
  );
}

/** None where this node has no address of that version. */
function deviceOf(
  tunnel: TunnelType,
  {
    own,
    others,
    settings,
  }: {
    readonly own: TunnelEnds;
    readonly others: readonly TunnelEnds[];
    readonly settings: FelixSettings;
  },
): readonly TunnelDevice[] {
  const { underlay: local, address, macAddress } = own.ends[tunnel];
  if (local === undefined) return [];
  const mtus = { ipip: settings.ipipMTU, vxlan: settings.vxlanMTU, vxlanV6: settings.vxlanMTUV6 };
  // Zero is "find it out".
  const mtu = mtus[tunnel] || undefined;
  const defaults = DEFAULTS.felixConfiguration;
  const { vxlanPort: port = defaults.vxlanPort, vxlanVNI: vni = defaults.vxlanVNI } = settings;
  return [
    {
      name: TUNNEL_DEVICE_NAMES[tunnel],
      tunnel,
      local,
      ...(address && { address }),
      ...(mtu !== undefined && { mtu }),
      ...(macAddress && { vxlan: { vni, port, macAddress } }),
      remotes: others.flatMap((other) => remoteOf(tunnel, other)),
    },
  ];
}

function remoteOf(
  tunnel: TunnelType,
  { node, nextHops, ends }: TunnelEnds,
): readonly TunnelRemote[] {
  const { underlay, address, macAddress } = ends[tunnel];
  if (underlay === undefined || address === undefined) return [];
  return [{ node, nextHops, underlay, address, ...(macAddress && { macAddress }) }];
}
