import { API_VERSION } from "../../src/api/api-types.ts";
import type { TunnelsReport, TunnelTestReport } from "../../src/api/tunnel-report.ts";

/** One IP-in-IP device with one far end; a second node is not ready. */
export const FAKE_TUNNELS: TunnelsReport = {
  apiVersion: API_VERSION,
  kind: "Tunnels",
  devices: [
    {
      name: "tunl0",
      type: "ipip",
      local: "10.0.0.1",
      address: "192.168.0.64",
      up: true,
      mtu: 1480,
      remotes: [{ node: "host2", underlay: "10.0.0.2", address: "192.168.0.128" }],
      notReady: ["host3"],
    },
  ],
  pools: [{ cidr: "192.168.0.0/16", device: "tunl0", mode: "CrossSubnet" }],
};

/** The way to that far end, which carries less than the device thinks. */
export function fakeTunnelTest(node: string | undefined): TunnelTestReport {
  const item = {
    device: "tunl0",
    node: node ?? "host2",
    underlay: "10.0.0.2",
    needed: 1500,
    pathMtu: 1400,
    workingMtu: 1380,
    verdict: "too small",
    advice: "packets above 1380 octets are lost on the way: set ipipMTU: 1380",
  } as const;
  return { apiVersion: API_VERSION, kind: "TunnelTest", items: [item] };
}
