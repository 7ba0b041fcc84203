import type { Lab } from "./lab.ts";

/** A workload: a namespace with one interface, eth0, one address a family, and its host as the only gateway. */
export type WorkloadPlan = {
  readonly name: string;
  readonly host: string;
  /** The host's end of the interface. */
  readonly hostInterface: string;
  readonly ipv4: string;
  readonly ipv6: string;
};

/** The gateways that every workload uses, whatever its host: the host's end answers for them. */
export const WORKLOAD_GATEWAYS = { ipv4: "169.254.1.1", ipv6: "fe80::1" } as const;

/** Attaches workloads to their hosts. The host's end is left bare: what it needs is the work of the routing daemon there. */
export async function addWorkloads(lab: Lab, plans: readonly WorkloadPlan[]): Promise<void> {
  await lab.build({
    nodes: plans.map((plan) => plan.name),
    links: plans.map((plan) => [
      { node: plan.host, interface: plan.hostInterface },
      { node: plan.name, interface: "eth0", addresses: [`${plan.ipv4}/32`, `${plan.ipv6}/128`] },
    ]),
  });
  await Promise.all(
    plans.map((plan) =>
      lab.ip(
        plan.name,
        `route add ${WORKLOAD_GATEWAYS.ipv4} dev eth0 scope link`,
        `route add default via ${WORKLOAD_GATEWAYS.ipv4} dev eth0`,
        `route add default via ${WORKLOAD_GATEWAYS.ipv6} dev eth0`,
      ),
    ),
  );
}

/** Does by hand what tortied does for a workload, for hosts that run another daemon. */
export async function prepareHostSide(lab: Lab, plans: readonly WorkloadPlan[]): Promise<void> {
  for (const { host, hostInterface: name, ipv4, ipv6 } of plans) {
    await lab.sysctl(host, "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1");
    await lab.ip(
      host,
      `addr add ${WORKLOAD_GATEWAYS.ipv4}/32 dev ${name} scope link`,
      `addr add ${WORKLOAD_GATEWAYS.ipv6}/64 dev ${name} nodad`,
      `route add ${ipv4}/32 dev ${name} scope link`,
      `route add ${ipv6}/128 dev ${name}`,
    );
  }
}
