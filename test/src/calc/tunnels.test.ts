import t from "tap";
import { vtepMacAddress } from "../../../src/calc/vtep-mac.ts";
import type { AnyResource } from "../../../src/resources/schemas.ts";
import { affinity, pool, resource, stateOf } from "./calc-support.ts";

/** A node with both families, and the addresses that its tunnel devices have. */
function tunnelNode(name: string, number: number, ends: object = {}, ipip = {}) {
  return resource("Node", name, {
    bgp: { ipv4Address: `10.0.${number}.1/24`, ipv6Address: `fd00:${number}::1/64`, ...ipip },
    ...ends,
  });
}

const self = tunnelNode("self", 1);
const ready = tunnelNode(
  "ready",
  2,
  { ipv4VXLANTunnelAddr: "192.168.2.0", ipv6VXLANTunnelAddr: "fd80::2" },
  { ipv4IPIPTunnelAddr: "192.168.2.1" },
);
const notReady = tunnelNode("not-ready", 3);

function tunnelsOf(...resources: readonly AnyResource[]) {
  return stateOf("self", ...resources).tunnels;
}

t.test("without encapsulation there is nothing", async (t) => {
  const tunnels = tunnelsOf(self, ready, pool("p", "192.168.0.0/16", {}));
  t.strictSame(tunnels, { pools: [], ownSubnets: [], devices: [] });
});

t.test(
  "IP-in-IP: one device, and only nodes that bear a tunnel address are far ends",
  async (t) => {
    const tunnels = tunnelsOf(
      self,
      ready,
      notReady,
      pool("p", "192.168.0.0/16", { ipipMode: "CrossSubnet" }),
    );
    t.strictSame(tunnels.pools, [{ cidr: "192.168.0.0/16", tunnel: "ipip", crossSubnet: true }]);
    t.strictSame(tunnels.ownSubnets, ["10.0.1.0/24", "fd00:1::/64"]);
    t.strictSame(tunnels.devices, [
      {
        name: "tunl0",
        tunnel: "ipip",
        local: "10.0.1.1",
        remotes: [
          {
            node: "ready",
            nextHops: ["10.0.2.1", "fd00:2::1"],
            underlay: "10.0.2.1",
            address: "192.168.2.1",
          },
        ],
      },
    ]);
  },
);

t.test(
  "VXLAN: a device for each IP version, with Calico's MAC addresses and settings",
  async (t) => {
    const tunnels = tunnelsOf(
      self,
      ready,
      pool("p4", "192.168.0.0/16", { vxlanMode: "Always" }),
      pool("p6", "fd80::/64", { vxlanMode: "Always" }),
      resource("FelixConfiguration", "default", { vxlanVNI: 7, vxlanMTU: 1300 }),
      resource("FelixConfiguration", "node.self", { vxlanPort: 4790 }),
    );
    t.strictSame(
      tunnels.pools.map(({ tunnel }) => tunnel),
      ["vxlan", "vxlanV6"],
    );
    const [v4, v6] = tunnels.devices;
    t.match(v4, {
      name: "vxlan.calico",
      local: "10.0.1.1",
      mtu: 1300,
      vxlan: { vni: 7, port: 4790, macAddress: vtepMacAddress("self", 4) },
      remotes: [{ address: "192.168.2.0", macAddress: vtepMacAddress("ready", 4) }],
    });
    t.match(v6, {
      name: "vxlan-v6.calico",
      local: "fd00:1::1",
      remotes: [{ underlay: "fd00:2::1", macAddress: vtepMacAddress("ready", 6) }],
    });
  },
);

t.test("FelixConfiguration switches a tunnel off, or on before a pool asks for it", async (t) => {
  const ipip = pool("p", "192.168.0.0/16", { ipipMode: "Always" });
  const off = resource("FelixConfiguration", "default", { ipipEnabled: false });
  t.strictSame(tunnelsOf(self, ipip, off).devices, []);
  t.strictSame(tunnelsOf(self, ipip, off).pools, []);
  const on = resource("FelixConfiguration", "default", { ipipEnabled: true });
  t.match(tunnelsOf(self, on), { pools: [], devices: [{ name: "tunl0" }] });
});

t.test("MAC addresses as Calico derives them from names", async (t) => {
  // By sha1sum of the names.
  t.equal(vtepMacAddress("node-1", 6), "66:24:ac:63:df:6c");
  t.equal(vtepMacAddress("node-1", 4), "66:b3:68:28:39:8e");
});

t.test(
  "the address of a device is announced where no block of this host speaks for it",
  async (t) => {
    const address = { ipv4IPIPTunnelAddr: "192.168.9.1" };
    const told = (pool: AnyResource, ...resources: readonly AnyResource[]) =>
      stateOf("self", tunnelNode("self", 1, {}, address), pool, ...resources).originations;
    const tunnelled = pool("p", "192.168.0.0/16", { ipipMode: "Always" });
    t.strictSame(told(tunnelled), [
      { prefix: "192.168.9.1/32", kind: "prefix", interface: "tunl0", localPref: 2147482623 },
    ]);
    t.match(told(tunnelled, affinity("self", "192.168.9.0/26")), [{ kind: "block" }]);
    t.equal(told(tunnelled, affinity("other", "192.168.9.0/26")).length, 1, "of another host");
    t.strictSame(told(pool("p", "192.168.0.0/16", {})), [], "no device, no address");
  },
);
