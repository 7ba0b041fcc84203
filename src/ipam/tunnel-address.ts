import { ipVersion } from "../../protocol/types/ip-address.ts";
import { type IpVersion, versionOf } from "./address-range.ts";
import type { AssignResult } from "./assign-request.ts";
import type { Ipam } from "./ipam.ts";
import type { Pool } from "./settings.ts";

/** The tunnels whose addresses come from IPAM, with the names by which Calico knows their handles and attributes. */
const TUNNELS = {
  ipip: { handle: "ipip-tunnel-addr-", type: "ipipTunnelAddress", version: 4 },
  vxlan: { handle: "vxlan-tunnel-addr-", type: "vxlanTunnelAddress", version: 4 },
  vxlanV6: { handle: "vxlan-v6-tunnel-addr-", type: "vxlanV6TunnelAddress", version: 6 },
  wireguard: { handle: "wireguard-tunnel-addr-", type: "wireguardTunnelAddress", version: 4 },
  wireguardV6: {
    handle: "wireguard-v6-tunnel-addr-",
    type: "wireguardV6TunnelAddress",
    version: 6,
  },
} as const satisfies { readonly [name: string]: TunnelNames };

export type TunnelType = keyof typeof TUNNELS;

type TunnelNames = {
  readonly handle: string;
  readonly type: string;
  readonly version: IpVersion;
};

/** The tunnel that an allocation's attribute `type` names. */
export function tunnelOfAttribute(type: string | undefined): TunnelType | undefined {
  const found = Object.entries(TUNNELS).find(([, names]) => names.type === type);
  return found?.[0] as TunnelType | undefined;
}

export function tunnelHandle(type: TunnelType, host: string): string {
  return `${TUNNELS[type].handle}${host}`;
}

/**
 * The address of a host's tunnel: the one it has, or a new one where it has none, or where none of these pools holds the
 * old one any more. The pools are those whose encapsulation and nodeSelector ask for the tunnel; with none of them the
 * address is released.
 */
export async function ensureTunnelAddress(
  ipam: Ipam,
  {
    type,
    host,
    pools,
  }: { readonly type: TunnelType; readonly host: string; readonly pools: readonly Pool[] },
): Promise<AssignResult> {
  const handle = tunnelHandle(type, host);
  const { version, type: attribute } = TUNNELS[type];
  const usable = pools.filter(({ cidr }) => versionOf(cidr) === version);
  const names = new Set(usable.map(({ name }) => name));
  const stale = (await ipam.byHandle(handle)).filter(
    ({ address, pool }) => pool === undefined || !names.has(pool) || ipVersion(address) !== version,
  );
  await ipam.release({ addresses: stale.map(({ address }) => ({ address, handle })) });
  if (usable.length === 0) return { type: "assigned", assignments: [] };
  return ipam.assign({
    host,
    handle,
    attributes: { type: attribute },
    ipv4Count: version === 4 ? 1 : 0,
    ipv6Count: version === 6 ? 1 : 0,
    intendedUse: "Tunnel",
    pools: [...names],
    reuse: true,
  });
}
