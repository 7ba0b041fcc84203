import t from "tap";
import { desiredSysctls, type SysctlHost } from "../../../src/dataplane/sysctls.ts";

const HOST: SysctlHost = {
  interfaces: ["lo", "eth0", "eth1", "cali1"],
  workloads: ["cali1"],
  uplinks: ["eth0"],
  forwarding: { ipv4: true, ipv6: true },
};

/** Applies the settings in order to a kernel that starts with these values (0 where nothing is said), as the driver would. */
function settle(host: SysctlHost, values: { readonly [path: string]: string }) {
  const kernel = new Map(Object.entries(values));
  const read = (path: string) => kernel.get(path) ?? "0";
  const order = desiredSysctls(host, read).filter(({ path, value }) => {
    const differs = read(path) !== value;
    kernel.set(path, value);
    return differs;
  });
  return { kernel, order: order.map(({ path, value }) => `${path}=${value}`) };
}

/** What the kernel does with a packet from this interface. */
function effectiveReversePath(kernel: ReadonlyMap<string, string>, name: string): number {
  const value = (which: string) => Number(kernel.get(`net/ipv4/conf/${which}/rp_filter`) ?? 0);
  return Math.max(value("all"), value(name));
}

for (const all of ["0", "1", "2"]) {
  t.test(
    `with all.rp_filter=${all}: strict on workloads, loose on uplinks, others as they were`,
    async (t) => {
      const before = new Map([["net/ipv4/conf/all/rp_filter", all]]);
      const { kernel } = settle(HOST, Object.fromEntries(before));
      t.equal(effectiveReversePath(kernel, "cali1"), 1);
      t.equal(effectiveReversePath(kernel, "eth0"), 2);
      t.equal(effectiveReversePath(kernel, "eth1"), effectiveReversePath(before, "eth1"));
      t.equal(effectiveReversePath(kernel, "default"), effectiveReversePath(before, "default"));
      t.same(settle(HOST, Object.fromEntries(kernel)).order, [], "a second look changes nothing");
    },
  );
}

t.test("at no step is an interface left without the filter that it had", async (t) => {
  const { order } = settle(HOST, { "net/ipv4/conf/all/rp_filter": "2" });
  const filters = order.filter((line) => line.includes("rp_filter"));
  t.equal(filters.at(-1), "net/ipv4/conf/all/rp_filter=0");
});

t.test(
  "an uplink with accept_ra=1 keeps its advertisements: 2 before forwarding is on",
  async (t) => {
    const { order } = settle(HOST, {
      "net/ipv6/conf/eth0/accept_ra": "1",
      "net/ipv6/conf/eth1/accept_ra": "1",
    });
    const at = (line: string) => order.indexOf(line);
    t.ok(at("net/ipv6/conf/eth0/accept_ra=2") >= 0);
    t.ok(at("net/ipv6/conf/all/forwarding=1") > at("net/ipv6/conf/eth0/accept_ra=2"));
    t.equal(at("net/ipv6/conf/eth1/accept_ra=2"), -1, "no uplink");
    t.notOk(
      settle(HOST, {}).order.some((line) => line.includes("accept_ra=2")),
      "0 stays 0",
    );
  },
);

t.test(
  "a workload interface answers at once, forwards, and gives the host no router",
  async (t) => {
    const { kernel } = settle(HOST, {
      "net/ipv6/conf/cali1/accept_ra": "1",
      "net/ipv4/neigh/cali1/proxy_delay": "80",
    });
    t.equal(kernel.get("net/ipv4/conf/cali1/proxy_arp"), "1");
    t.equal(kernel.get("net/ipv4/neigh/cali1/proxy_delay"), "0");
    t.equal(kernel.get("net/ipv4/conf/cali1/forwarding"), "1");
    t.equal(kernel.get("net/ipv6/conf/cali1/forwarding"), "1");
    t.equal(kernel.get("net/ipv6/conf/cali1/accept_ra"), "0");
  },
);

t.test(
  "route_localnet is never touched, and a host without workloads does not forward",
  async (t) => {
    t.notOk(settle(HOST, {}).order.some((line) => line.includes("route_localnet")));
    const idle = { ...HOST, workloads: [], forwarding: { ipv4: false, ipv6: false } };
    t.same(settle(idle, { "net/ipv4/conf/all/rp_filter": "2" }).order, [
      "net/ipv4/conf/eth0/rp_filter=2",
    ]);
  },
);
