import type { IpAddress } from "../../protocol/types/ip-address.ts";
import { API_VERSION } from "../api/api-types.ts";
import type { TunnelDeviceReport, TunnelsReport, TunnelTestReport } from "../api/tunnel-report.ts";
import type { TunnelDevice, TunnelRemote } from "../calc/tunnel-state.ts";
import { TUNNEL_DEVICE_NAMES } from "../calc/tunnels.ts";
import { ENCAPSULATION_OCTETS } from "../kernel/encapsulation-octets.ts";
import { probePathMtu } from "../kernel/native/path-mtu.ts";
import type { Agent } from "./agent.ts";

/** The FelixConfiguration field that sets a device's MTU. */
const MTU_FIELD = { ipip: "ipipMTU", vxlan: "vxlanMTU", vxlanV6: "vxlanMTUV6" } as const;
const PROBES_AT_ONCE = 8;

/** The tunnels as the API shows them. */
export function tunnelsReport(agent: Agent): TunnelsReport {
  const tunnels = agent.host?.tunnels;
  return {
    apiVersion: API_VERSION,
    kind: "Tunnels",
    devices: (tunnels?.devices ?? []).map((device) => deviceReport(device, agent)),
    pools: (tunnels?.pools ?? []).map(({ cidr, tunnel, crossSubnet }) => ({
      cidr,
      device: TUNNEL_DEVICE_NAMES[tunnel],
      mode: crossSubnet ? "CrossSubnet" : "Always",
    })),
  };
}

function deviceReport(device: TunnelDevice, agent: Agent): TunnelDeviceReport {
  const { name, tunnel, local, address, vxlan, remotes } = device;
  const link = linkOf(agent, name);
  const ready = new Set(remotes.map(({ node }) => node));
  return {
    name,
    type: tunnel === "ipip" ? "ipip" : "vxlan",
    local,
    ...(address && { address }),
    up: link?.up ?? false,
    ...(link && { mtu: link.mtu }),
    ...vxlan,
    remotes: remotes.map(({ node, underlay, address: end, macAddress }) => ({
      node,
      underlay,
      address: end,
      ...(macAddress && { macAddress }),
    })),
    notReady: nodesOf(agent).filter((node) => node !== agent.config.nodeName && !ready.has(node)),
  };
}

/** Tries the way to each far end, or to one. */
export async function testTunnels(
  agent: Agent,
  { node }: { readonly node: string | undefined },
): Promise<TunnelTestReport> {
  const ways = (agent.host?.tunnels.devices ?? []).flatMap((device) =>
    device.remotes
      .filter((remote) => node === undefined || remote.node === node)
      .map((remote) => ({ device, remote })),
  );
  const items: TunnelTestReport["items"][number][] = [];
  for (let at = 0; at < ways.length; at += PROBES_AT_ONCE) {
    const some = ways.slice(at, at + PROBES_AT_ONCE);
    items.push(...(await Promise.all(some.map((way) => testWay(agent, way)))));
  }
  return { apiVersion: API_VERSION, kind: "TunnelTest", items };
}

async function testWay(
  agent: Agent,
  { device, remote }: { readonly device: TunnelDevice; readonly remote: TunnelRemote },
): Promise<TunnelTestReport["items"][number]> {
  const { tunnel, local, name } = device;
  const { networkNamespace } = agent.config;
  const below = mtuBelow(agent, local);
  const needed =
    (linkOf(agent, name)?.mtu ?? below - ENCAPSULATION_OCTETS[tunnel]) +
    ENCAPSULATION_OCTETS[tunnel];
  const { mtu } = await probePathMtu({
    from: local,
    to: remote.underlay,
    largest: Math.max(below, needed),
    ...(networkNamespace !== undefined && { networkNamespace }),
  });
  const way = { device: name, node: remote.node, underlay: remote.underlay, needed };
  if (mtu === undefined) {
    const advice = `${remote.underlay} answers no echo request: is it up, and is ICMP let through?`;
    return { ...way, verdict: "no answer", advice };
  }
  const workingMtu = mtu - ENCAPSULATION_OCTETS[tunnel];
  if (mtu >= needed) return { ...way, pathMtu: mtu, workingMtu, verdict: "ok" };
  const advice = `packets above ${workingMtu} octets are lost on the way: set ${MTU_FIELD[tunnel]}: ${workingMtu} in FelixConfiguration default`;
  return { ...way, pathMtu: mtu, workingMtu, verdict: "too small", advice };
}

function mtuBelow(agent: Agent, local: IpAddress): number {
  const link = (agent.kernel.interfaces ?? []).find(({ addresses }) =>
    addresses.some((text) => text.split("/")[0] === local),
  );
  return link?.mtu ?? 1500;
}

function linkOf(agent: Agent, wanted: string) {
  return (agent.kernel.interfaces ?? []).find(({ name }) => name === wanted);
}

function nodesOf(agent: Agent): string[] {
  return [...agent.report.resources.values()].flatMap((resource) =>
    resource.kind === "Node" && resource.spec.bgp ? [resource.metadata.name] : [],
  );
}
