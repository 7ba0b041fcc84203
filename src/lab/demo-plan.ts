import type { Topology } from "./lab.ts";
import type { WorkloadPlan } from "./workload.ts";

// The demo's network: two racks behind one router, three hosts, two workloads each.
//
//      host1 .11 ─┐                                  ┌─ host3 .13
//                 ├─ rack a 10.10.1.0/24 ─ tor ─ rack b 10.10.2.0/24
//      host2 .12 ─┘     fd10:10:1::/64   .1   .1  fd10:10:2::/64
//
// Hosts are AS 64512 and peer with one another; each also peers with the router, AS 65000.

export const DEMO_ASN = 64512;
export const TOR_ASN = 65000;
export const TOR = "tor";

export type DemoHost = {
  readonly name: string;
  readonly rack: "a" | "b";
  readonly ipv4: string;
  readonly ipv6: string;
  readonly gateway: { readonly ipv4: string; readonly ipv6: string };
};

const RACKS = {
  a: { ipv4: "10.10.1", ipv6: "fd10:10:1:" },
  b: { ipv4: "10.10.2", ipv6: "fd10:10:2:" },
} as const;

export const DEMO_HOSTS: readonly DemoHost[] = [host(1, "a"), host(2, "a"), host(3, "b")];

export const DEMO_WORKLOADS: readonly WorkloadPlan[] = DEMO_HOSTS.flatMap((host, index) => [
  workload(`web${index + 1}`, host.name, index + 1, 1),
  workload(`db${index + 1}`, host.name, index + 1, 2),
]);

export const DEMO_POOLS = { ipv4: "192.168.0.0/16", ipv6: "fd80:192:168::/48" } as const;

/** Both racks are bridges inside the router's namespace. */
export function demoTopology(): Topology {
  return {
    nodes: [TOR, ...DEMO_HOSTS.map((host) => host.name)],
    bridges: (["a", "b"] as const).map((rack) => ({
      node: TOR,
      interface: `rack-${rack}`,
      addresses: [`${RACKS[rack].ipv4}.1/24`, `${RACKS[rack].ipv6}:1/64`],
    })),
    links: DEMO_HOSTS.map((host) => [
      { node: host.name, interface: "eth0", addresses: [`${host.ipv4}/24`, `${host.ipv6}/64`] },
      { node: TOR, interface: host.name, bridge: `rack-${host.rack}` },
    ]),
  };
}

function host(number: number, rack: "a" | "b"): DemoHost {
  const { ipv4, ipv6 } = RACKS[rack];
  return {
    name: `host${number}`,
    rack,
    ipv4: `${ipv4}.1${number}`,
    ipv6: `${ipv6}:1${number}`,
    gateway: { ipv4: `${ipv4}.1`, ipv6: `${ipv6}:1` },
  };
}

function workload(name: string, host: string, hostNumber: number, number: number): WorkloadPlan {
  return {
    name,
    host,
    hostInterface: `cali${name}`,
    ipv4: `192.168.${hostNumber}.${number}`,
    ipv6: `fd80:192:168:${hostNumber}::${number}`,
  };
}
