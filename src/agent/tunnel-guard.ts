import type { TunnelGuard, TunnelPolicy } from "../calc/policy-state.ts";
import type { InterfaceState } from "../dataplane/route-worker-messages.ts";

/** No tunnel device is there. */
export const NO_DEVICES: TunnelGuard = { ipip: false, vxlanPorts: [] };

/** What the tunnel devices of ours would take from whoever sends it. */
export function guardOfDevices(interfaces: readonly InterfaceState[]): TunnelGuard {
  const tunnels = interfaces.flatMap(({ tunnel }) => tunnel ?? []);
  return {
    ipip: tunnels.some(({ type }) => type === "ipip"),
    vxlanPorts: distinct(tunnels.flatMap((tunnel) => (tunnel.type === "vxlan" ? tunnel.port : []))),
  };
}

/** The filter for what pools want and for what is there. Where no node is known yet, nobody may send. */
export function guardedTunnels(
  wanted: TunnelPolicy | undefined,
  present: TunnelGuard,
): TunnelPolicy {
  const { nodes = [], fromWorkloads = { ipip: false, vxlan: false } } = wanted ?? {};
  return {
    nodes,
    fromWorkloads,
    ipip: (wanted?.ipip ?? false) || present.ipip,
    vxlanPorts: distinct([...(wanted?.vxlanPorts ?? []), ...present.vxlanPorts]),
  };
}

function distinct(ports: readonly number[]): readonly number[] {
  return [...new Set(ports)].toSorted((a, b) => a - b);
}
