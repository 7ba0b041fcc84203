import { setImmediate as nextTurn } from "node:timers/promises";
import type { IpAddress } from "../../protocol/types/ip-address.ts";
import type { HostState } from "../calc/host-state.ts";
import { formatKey, keyOf } from "../resources/resource.ts";
import { type AnyResource, resourcesOf } from "../resources/schemas.ts";
import { addressesOfNetworks } from "../workload/workload-addresses.ts";
import type { Delivery, EndpointState, WorkloadHost } from "../workload/workload-host.ts";
import { type SizedInterface, workloadMtu } from "../workload/workload-mtu.ts";
import { INTERFACE_PREFIX } from "../workload/workload-names.ts";
import type { WorkloadEndpoint } from "../workload/workload-request.ts";

/** A workload that this host does not deliver to by then is given up, and undone. */
const DELIVERY_MILLISECONDS = 10_000;

/** The daemon, as far as workloads go. */
export type WorkloadServiceOptions = {
  readonly nodeName: string;
  readonly host: () => HostState | undefined;
  readonly resources: () => ReadonlyMap<string, AnyResource>;
  readonly kernel: () => {
    readonly interfaces: readonly SizedInterface[] | undefined;
    readonly ready: ReadonlySet<string> | undefined;
  };
  /** Tells the speaker what this host announces, without what is withdrawn here. */
  readonly originate: () => void;
  readonly log: WorkloadHost["log"];
};

/** The daemon as workloads see it: waits for what follows from a resource, and withdraws before one goes. */
export class WorkloadService implements WorkloadHost {
  readonly nodeName: string;
  readonly #options: WorkloadServiceOptions;
  readonly #waiting = new Set<() => void>();
  readonly #withdrawn = new Set<string>();

  constructor(options: WorkloadServiceOptions) {
    this.nodeName = options.nodeName;
    this.#options = options;
  }

  /** Interfaces whose workloads are on their way out: nothing of them is announced. */
  get withdrawn(): ReadonlySet<string> {
    return this.#withdrawn;
  }

  /** The host's state, the resources or the kernel changed. */
  changed(): void {
    const host = this.#options.host();
    if (host !== undefined && this.#withdrawn.size > 0) {
      const present = new Set(host.workloads.map((workload) => workload.interface));
      for (const name of this.#withdrawn) if (!present.has(name)) this.#withdrawn.delete(name);
    }
    for (const look of this.#waiting) look();
  }

  mtu(): number {
    const { kernel, resources } = this.#options;
    return workloadMtu({
      nodeName: this.nodeName,
      interfaces: kernel().interfaces ?? [],
      resources: resources().values(),
    });
  }

  poolVersions(): ReadonlySet<4 | 6> {
    const pools = resourcesOf(this.#options.resources().values(), "IPPool");
    const enabled = pools.filter(
      ({ spec }) => !spec.disabled && (spec.allowedUses ?? ["Workload"]).includes("Workload"),
    );
    return new Set(enabled.map(({ spec }) => (spec.cidr.includes(":") ? 6 : 4)));
  }

  endpoints(): readonly WorkloadEndpoint[] {
    const all = resourcesOf(this.#options.resources().values(), "WorkloadEndpoint");
    return all.filter(({ spec }) => spec.node === this.nodeName);
  }

  delivered(endpoint: WorkloadEndpoint): Promise<Delivery> {
    const { promise, resolve } = Promise.withResolvers<Delivery>();
    const expected = {
      endpoint,
      key: formatKey(keyOf(endpoint)),
      addresses: addressesOfNetworks(endpoint.spec.ipNetworks),
    };
    const look = () => {
      const delivery = this.#deliveryOf(expected);
      if (delivery !== undefined) end(delivery);
    };
    const timer = setTimeout(() => {
      const { state, problems } = this.stateOf(endpoint);
      const message = problems.join("; ") || `its route is not in the kernel (${state})`;
      end({ type: "failed", conflict: false, message });
    }, DELIVERY_MILLISECONDS);
    const end = (delivery: Delivery) => {
      clearTimeout(timer);
      this.#waiting.delete(look);
      resolve(delivery);
    };
    this.announceAgain(endpoint.spec.interfaceName ?? "");
    this.#waiting.add(look);
    look();
    return promise;
  }

  async withdraw(hostInterface: string): Promise<void> {
    this.#withdrawn.add(hostInterface);
    this.#options.originate();
    // The speaker takes the withdrawal in one turn of the loop and has sent it by the next.
    await nextTurn();
    await nextTurn();
  }

  announceAgain(hostInterface: string): void {
    if (this.#withdrawn.delete(hostInterface)) this.#options.originate();
  }

  stateOf(endpoint: WorkloadEndpoint): EndpointState {
    const { kernel, host } = this.#options;
    const { interfaces, ready } = kernel();
    const name = endpoint.spec.interfaceName ?? "";
    const link = interfaces?.find((each) => each.name === name);
    const key = formatKey(keyOf(endpoint));
    const problems = (host()?.problems ?? [])
      .filter(({ resource }) => resource === key)
      .map(({ message }) => message);
    const fitting = this.mtu();
    if (link?.name.startsWith(INTERFACE_PREFIX) && link.mtu !== fitting) {
      problems.push(`its MTU is ${link.mtu}, and what fits now is ${fitting}: start it anew`);
    }
    const state = link === undefined ? "no-interface" : ready?.has(name) ? "ready" : "waiting";
    return { state, problems };
  }

  log(name: string, fields: { readonly [field: string]: unknown }): void {
    this.#options.log(name, fields);
  }

  /** Undefined while it may still come. Asked after every change for each that waits, so what is cheap comes first. */
  #deliveryOf({ endpoint, key, addresses }: Expected): Delivery | undefined {
    const { host: hostNow, kernel, resources } = this.#options;
    const isReady = kernel().ready?.has(endpoint.spec.interfaceName ?? "") ?? false;
    // What an older state of the resources says is no verdict on this one.
    const known = resources().get(key)?.metadata.resourceVersion;
    const isKnown = known === endpoint.metadata.resourceVersion;
    if (!isReady && !isKnown) return undefined;
    const workload = hostNow()?.workloads.find(({ name }) => `WorkloadEndpoint/${name}` === key);
    const hasAll =
      workload !== undefined && addresses.every((address) => workload.addresses.includes(address));
    if (hasAll) return isReady ? { type: "delivered" } : undefined;
    if (!isKnown) return undefined;
    const { problems } = this.stateOf(endpoint);
    return {
      type: "failed",
      conflict: true,
      message: problems.join("; ") || "it was passed over",
    };
  }
}

/** An endpoint that is waited for, and what is compared of it. */
type Expected = {
  readonly endpoint: WorkloadEndpoint;
  readonly key: string;
  readonly addresses: readonly IpAddress[];
};
