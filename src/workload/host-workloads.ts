/*
 * Workloads come and go in this order, whoever asks:
 *
 *   add:     addresses (IPAM) → veth pair → resource (datastore) → host route (kernel worker) → announcement (speaker)
 *   remove:  withdrawal → resource → veth pair, and with it the host route → addresses
 *
 * The last two steps of add are the daemon's doing when it hears of the resource; here they are waited for. A step that
 * fails takes all before it back. Between two steps the process may die: the identity names everything, so that the same
 * add or remove, by the next process, finds what is there.
 */
import type { IpAddress } from "../../protocol/types/ip-address.ts";
import { unreachable } from "../../protocol/types/never.ts";
import type { Datastore } from "../datastore/datastore.ts";
import { KeyedQueue } from "../lib/keyed-queue.ts";
import { keyOf } from "../resources/resource.ts";
import {
  ATTACHMENT_ANNOTATION,
  endpointOf,
  HANDLE_ANNOTATION,
  storeEndpoint,
} from "./endpoint-store.ts";
import type { LinkFacts, LinkRefusal, LinkRequest } from "./link-requests.ts";
import type { LinkPort } from "./link-worker-client.ts";
import { UndoStack } from "./undo-stack.ts";
import { addressesOfNetworks, obtainAddresses, type WorkloadIpam } from "./workload-addresses.ts";
import { asWorkloadError, workloadErrorOf } from "./workload-failure.ts";
import { gatewaysFor } from "./workload-gateways.ts";
import type { WorkloadHost } from "./workload-host.ts";
import { type WorkloadNames, workloadNames } from "./workload-names.ts";
import {
  type ConnectedWorkload,
  type WorkloadEndpoint,
  WorkloadError,
  type WorkloadErrorCode,
  type WorkloadIdentity,
  type WorkloadRequest,
} from "./workload-request.ts";
import type { ListedWorkload, Workloads } from "./workloads.ts";

/** What HostWorkloads works with. */
export type HostWorkloadsOptions = {
  readonly host: WorkloadHost;
  readonly datastore: Datastore;
  readonly ipam: WorkloadIpam;
  readonly links: LinkPort;
  readonly now?: () => Date;
};

/** The workloads of the host that this daemon runs on. */
export class HostWorkloads implements Workloads {
  readonly #host: WorkloadHost;
  readonly #datastore: Datastore;
  readonly #ipam: WorkloadIpam;
  readonly #links: LinkPort;
  readonly #now: () => Date;
  readonly #queue = new KeyedQueue();

  constructor(options: HostWorkloadsOptions) {
    this.#host = options.host;
    this.#datastore = options.datastore;
    this.#ipam = options.ipam;
    this.#links = options.links;
    this.#now = options.now ?? (() => new Date());
  }

  add(request: WorkloadRequest): Promise<ConnectedWorkload> {
    const names = this.#names(request);
    return this.#queue.run(names.resource, () => this.#add(request, names));
  }

  remove(
    identity: Parameters<Workloads["remove"]>[0],
    options: Parameters<Workloads["remove"]>[1] = {},
  ): Promise<{ readonly existed: boolean }> {
    const names = this.#names(identity);
    return this.#queue.run(names.resource, () =>
      asWorkloadError(() => this.#remove(identity, names, options)),
    );
  }

  async check(
    identity: WorkloadIdentity,
    inside?: Parameters<Workloads["check"]>[1],
  ): Promise<readonly string[]> {
    const names = this.#names(identity);
    const endpoint = await asWorkloadError(() => this.#stored(names));
    if (endpoint === undefined) return [`there is no WorkloadEndpoint ${names.resource}`];
    const { state, problems } = this.#host.stateOf(endpoint);
    const found = state === "ready" ? [...problems] : [`its state is "${state}"`, ...problems];
    if (inside === undefined) return found;
    const own = addressesOfNetworks(endpoint.spec.ipNetworks);
    const { addresses = own } = inside;
    for (const address of addresses) {
      if (!own.includes(address)) found.push(`${address} is not its address`);
    }
    const answer = await this.#links.ask({
      type: "check",
      hostInterface: names.hostInterface,
      inside: { ...inside, addresses },
    });
    if (answer.type === "refused") return [...found, answer.message];
    return answer.type === "checked" ? [...found, ...answer.problems] : found;
  }

  async list(): Promise<readonly ListedWorkload[]> {
    return this.#host
      .endpoints()
      .map((endpoint) => ({ endpoint, ...this.#host.stateOf(endpoint) }))
      .toSorted((a, b) => (a.endpoint.metadata.name < b.endpoint.metadata.name ? -1 : 1));
  }

  async gc({
    orchestrators,
    isValid,
  }: Parameters<Workloads["gc"]>[0]): Promise<readonly WorkloadEndpoint[]> {
    const stale = this.#host
      .endpoints()
      .filter(({ spec }) => orchestrators.includes(spec.orchestrator ?? ""))
      .filter((endpoint) => !isValid(endpoint));
    for (const endpoint of stale) await this.remove(identityOf(endpoint));
    return stale;
  }

  #names(identity: WorkloadIdentity): WorkloadNames {
    return workloadNames(identity, this.#host.nodeName);
  }

  async #add(request: WorkloadRequest, names: WorkloadNames): Promise<ConnectedWorkload> {
    const undo = new UndoStack();
    try {
      return await this.#connect({ request, names, undo });
    } catch (error) {
      await undo.run((what, failure) =>
        this.#host.log("workload.undo-failed", {
          workload: names.resource,
          what,
          error: failure.message,
        }),
      );
      throw workloadErrorOf(error);
    }
  }

  async #connect({ request, names, undo }: Connecting): Promise<ConnectedWorkload> {
    const startedAt = performance.now();
    const stages: { [stage: string]: number } = {};
    const stage = (name: string) => {
      stages[name] = Math.round((performance.now() - startedAt) * 10) / 10;
    };
    const owner = { host: this.#host.nodeName, handle: request.handle ?? names.handle };
    const poolVersions = this.#host.poolVersions();
    const { addresses, settle } = await obtainAddresses(
      { ipam: this.#ipam, owner, undo, poolVersions },
      request,
    );
    stage("addresses");
    const hostInterface = hostInterfaceOf(request, names);
    const mtu = request.mtu ?? this.#host.mtu();
    const link = await this.#attach({ request, names, undo }, { addresses, mtu });
    stage("link");
    const mac = request.attachment.type === "host" ? request.mac : link.mac;
    const { nodeName } = this.#host;
    const createdAt = this.#now();
    const parts = { names, nodeName, hostInterface, addresses, mac, createdAt };
    const endpoint = await storeEndpoint(endpointOf(request, parts), {
      datastore: this.#datastore,
      undo,
      onRestored: () => this.#host.announceAgain(hostInterface),
    });
    stage("stored");
    await this.#deliver(endpoint, undo);
    stage("announced");
    await settle();
    this.#host.log("workload.added", { workload: names.resource, addresses, milliseconds: stages });
    return {
      endpoint,
      addresses,
      gateways: gatewaysFor(addresses),
      hostInterface,
      ...(mac !== undefined && { mac }),
      mtu: link.mtu,
    };
  }

  /** An interface that somebody else made is only looked at; a pair goes with all that hangs on it. */
  async #attach(
    { request, names, undo }: Connecting,
    { addresses, mtu }: { readonly addresses: readonly IpAddress[]; readonly mtu: number },
  ): Promise<LinkFacts> {
    const { attachment } = request;
    if (attachment.type === "host") {
      return this.#link({ type: "look", interfaceName: attachment.interfaceName });
    }
    const { hostInterface } = names;
    const pair = {
      hostInterface,
      alias: `tortie ${names.namespace}/${names.resource}`,
      mtu,
      ...(request.mac !== undefined && { mac: request.mac }),
    };
    undo.push("veth pair", () => this.#link({ type: "detach", hostInterface }));
    if (attachment.type === "pair") {
      return this.#link({ type: "pair", peerName: attachment.peerName, ...pair });
    }
    const { netns, interfaceName } = attachment;
    return this.#link({ type: "attach", inside: { netns, interfaceName, addresses }, ...pair });
  }

  async #deliver(endpoint: WorkloadEndpoint, undo: UndoStack): Promise<void> {
    const name = endpoint.spec.interfaceName ?? "";
    undo.push("announcement", () => this.#host.withdraw(name));
    const delivery = await this.#host.delivered(endpoint);
    if (delivery.type === "delivered") return;
    throw new WorkloadError(delivery.conflict ? "taken" : "kernel", delivery.message);
  }

  async #remove(
    identity: Parameters<Workloads["remove"]>[0],
    names: WorkloadNames,
    { keepAddresses = false }: { readonly keepAddresses?: boolean },
  ): Promise<{ readonly existed: boolean }> {
    const endpoint = await this.#stored(names);
    const another = identity.containerId !== undefined && endpoint?.spec.containerID !== undefined;
    if (another && endpoint.spec.containerID !== identity.containerId) {
      await this.#releaseFormer(identity.handle, endpoint);
      return { existed: false };
    }
    const hostInterface = endpoint?.spec.interfaceName ?? names.hostInterface;
    if (endpoint !== undefined) await this.#withdraw(endpoint, hostInterface);
    // Interfaces that were not made here stay; a pair goes also when a process that died has left nothing else of it.
    if (endpoint?.metadata.annotations?.[ATTACHMENT_ANNOTATION] !== "host") {
      await this.#link({ type: "detach", hostInterface: names.hostInterface });
    }
    if (!keepAddresses) await this.#release(identity.handle, endpoint, names);
    this.#host.log("workload.removed", {
      workload: names.resource,
      existed: endpoint !== undefined,
    });
    return { existed: endpoint !== undefined };
  }

  async #withdraw(endpoint: WorkloadEndpoint, hostInterface: string): Promise<void> {
    await this.#host.withdraw(hostInterface);
    try {
      await this.#datastore.delete(keyOf(endpoint));
    } catch (error) {
      this.#host.announceAgain(hostInterface);
      throw error;
    }
  }

  /** The addresses of an incarnation that another one has replaced. */
  async #releaseFormer(handle: string | undefined, endpoint: WorkloadEndpoint): Promise<void> {
    if (handle === undefined) return;
    if (handle === endpoint.metadata.annotations?.[HANDLE_ANNOTATION]) return;
    await this.#ipam.release({ handle });
  }

  /** Under each handle that the addresses may have been assigned to. */
  async #release(
    given: string | undefined,
    endpoint: WorkloadEndpoint | undefined,
    { handle }: WorkloadNames,
  ): Promise<void> {
    const stored = endpoint?.metadata.annotations?.[HANDLE_ANNOTATION];
    for (const each of new Set([given, stored, stored === undefined ? handle : undefined])) {
      if (each !== undefined) await this.#ipam.release({ handle: each });
    }
  }

  async #stored({ namespace, resource }: WorkloadNames): Promise<WorkloadEndpoint | undefined> {
    const key = { kind: "WorkloadEndpoint", namespace, name: resource };
    return (await this.#datastore.get(key)) as WorkloadEndpoint | undefined;
  }

  async #link(request: LinkRequest): Promise<LinkFacts> {
    const answer = await this.#links.ask(request);
    switch (answer.type) {
      case "link":
        return answer.link;
      case "done":
        return { mtu: 0, up: false };
      case "checked":
        throw new Error("checks are asked for elsewhere");
      case "refused":
        throw new WorkloadError(LINK_CODES[answer.reason], answer.message);
      default:
        return unreachable(answer);
    }
  }
}

type Connecting = {
  readonly request: WorkloadRequest;
  readonly names: WorkloadNames;
  readonly undo: UndoStack;
};

const LINK_CODES: { readonly [reason in LinkRefusal["reason"]]: WorkloadErrorCode } = {
  noNamespace: "not-found",
  noInterface: "not-found",
  taken: "taken",
  invalid: "invalid",
  kernel: "kernel",
};

/** A pair's host side follows from the identity; another interface has its name already. */
function hostInterfaceOf(
  { attachment }: WorkloadRequest,
  { hostInterface }: WorkloadNames,
): string {
  return attachment.type === "host" ? attachment.interfaceName : hostInterface;
}

/** The identity that an endpoint was made from. */
function identityOf({ metadata, spec }: WorkloadEndpoint): WorkloadIdentity {
  return {
    orchestrator: spec.orchestrator ?? "",
    workload: spec.workload ?? "",
    endpoint: spec.endpoint ?? "",
    ...(metadata.namespace !== undefined && { namespace: metadata.namespace }),
  };
}
