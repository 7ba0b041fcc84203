import { IpAddress } from "../../protocol/types/ip-address.ts";
import { endpointOf } from "../../src/workload/endpoint-store.ts";
import { gatewaysFor } from "../../src/workload/workload-gateways.ts";
import { workloadNames } from "../../src/workload/workload-names.ts";
import type {
  ConnectedWorkload,
  WorkloadEndpoint,
  WorkloadError,
  WorkloadIdentity,
  WorkloadRequest,
} from "../../src/workload/workload-request.ts";
import type { ListedWorkload, Workloads } from "../../src/workload/workloads.ts";

const NODE = "core-01";

/** Workloads without a kernel or a datastore: the same answers, in memory. `failure` is told in place of the next one. */
export class FakeWorkloads implements Workloads {
  readonly #endpoints = new Map<string, WorkloadEndpoint>();
  #lastAddress = 0;
  failure: WorkloadError | undefined;

  async add(request: WorkloadRequest): Promise<ConnectedWorkload> {
    this.#failIfTold();
    const names = workloadNames(request, NODE);
    const addresses =
      request.addresses.from === "auto"
        ? [IpAddress(`192.168.0.${++this.#lastAddress}`)]
        : request.addresses.addresses;
    const hostInterface =
      request.attachment.type === "host" ? request.attachment.interfaceName : names.hostInterface;
    const mac = request.mac ?? "0a:00:00:00:00:01";
    const createdAt = new Date("2026-11-24T08:00:00Z");
    const parts = { names, nodeName: NODE, hostInterface, addresses, mac, createdAt };
    const endpoint = endpointOf(request, parts);
    this.#endpoints.set(names.resource, endpoint);
    return { endpoint, addresses, gateways: gatewaysFor(addresses), hostInterface, mac, mtu: 1500 };
  }

  async remove(identity: WorkloadIdentity): Promise<{ readonly existed: boolean }> {
    this.#failIfTold();
    return { existed: this.#endpoints.delete(workloadNames(identity, NODE).resource) };
  }

  async check(identity: WorkloadIdentity): Promise<readonly string[]> {
    this.#failIfTold();
    const { resource } = workloadNames(identity, NODE);
    return this.#endpoints.has(resource) ? [] : [`there is no WorkloadEndpoint ${resource}`];
  }

  async list(): Promise<readonly ListedWorkload[]> {
    return [...this.#endpoints.values()].map((endpoint) => ({
      endpoint,
      state: "ready",
      problems: [],
    }));
  }

  async gc({
    orchestrators,
    isValid,
  }: Parameters<Workloads["gc"]>[0]): Promise<readonly WorkloadEndpoint[]> {
    this.#failIfTold();
    const stale = [...this.#endpoints.values()].filter(
      (endpoint) => orchestrators.includes(endpoint.spec.orchestrator ?? "") && !isValid(endpoint),
    );
    for (const { metadata } of stale) this.#endpoints.delete(metadata.name);
    return stale;
  }

  #failIfTold(): void {
    const { failure } = this;
    this.failure = undefined;
    if (failure !== undefined) throw failure;
  }
}
