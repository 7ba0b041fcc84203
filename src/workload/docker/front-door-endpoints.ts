/*
 * Endpoints of containers that the proxy created. Such an endpoint lives as long as its container: it is stored when the
 * container is created, connected while it runs, and rests in between without an interface, so that address and profiles
 * are the same after a stop, a restart of docker, or a reboot.
 */
import { type IpAddress, parseIpAddress } from "../../../protocol/types/ip-address.ts";
import type { Datastore } from "../../datastore/datastore.ts";
import type { Ipam } from "../../ipam/ipam.ts";
import { defaultProfile } from "../../resources/legacy-profile.ts";
import { API_VERSION, type Resource } from "../../resources/resource.ts";
import { addressesOfNetworks, networkOf } from "../workload-addresses.ts";
import { workloadNames } from "../workload-names.ts";
import type { ConnectedWorkload, WorkloadEndpoint, WorkloadIdentity } from "../workload-request.ts";
import type { Workloads } from "../workloads.ts";
import { DRIVER_OPTION } from "./container-request.ts";

export type FrontDoorOptions = {
  readonly nodeName: string;
  readonly workloads: Workloads;
  readonly ipam: Ipam;
  readonly datastore: Datastore;
};

/** On the endpoint of a running container: docker's EndpointID, by which its driver calls name it. */
export const ENDPOINT_ID_ANNOTATION = "tortie.dev/docker-endpoint";
export const FRONT_DOOR_ORCHESTRATOR = "docker";
/** What a token looks like; as a person of 2015 knew endpoint ids. */
export const TOKEN = /^[0-9a-f]{32}$/;

/** What is known of a container when docker starts it. */
export type StartingContainer = {
  readonly token: string;
  readonly endpointId: string;
  /** Asked once in the container's life: the endpoint keeps it. */
  readonly findContainerId: () => Promise<string | undefined>;
  readonly peerName: string;
  readonly mac: string | undefined;
  /** As docker kept them for the container. */
  readonly driverOptions: Readonly<Record<string, unknown>>;
};

/** Keeps those endpoints in step with their containers. */
export class FrontDoorEndpoints {
  readonly #options: FrontDoorOptions;

  constructor(options: FrontDoorOptions) {
    this.#options = options;
  }

  /** The IPAM handle of a container's addresses. */
  handleOf(token: string): string {
    return `${FRONT_DOOR_ORCHESTRATOR}.${this.#options.nodeName}.${token}`;
  }

  /** The container of such a handle; undefined for handles of anything else. */
  tokenOf(handle: string): string | undefined {
    const token = handle.slice(this.handleOf("").length);
    return TOKEN.test(token) && handle === this.handleOf(token) ? token : undefined;
  }

  /** Stores the endpoint of a container that is about to be created. */
  async reserve(
    token: string,
    {
      addresses,
      profiles,
    }: { readonly addresses: readonly IpAddress[]; readonly profiles: readonly string[] },
  ): Promise<void> {
    const names = workloadNames(identityOf(token), this.#options.nodeName);
    await this.#options.datastore.create({
      apiVersion: API_VERSION,
      kind: "WorkloadEndpoint",
      metadata: {
        name: names.resource,
        namespace: names.namespace,
        labels: {
          "projectcalico.org/namespace": names.namespace,
          "projectcalico.org/orchestrator": FRONT_DOOR_ORCHESTRATOR,
        },
      },
      spec: {
        orchestrator: FRONT_DOOR_ORCHESTRATOR,
        workload: token,
        node: this.#options.nodeName,
        endpoint: identityOf(token).endpoint,
        ipNetworks: addresses.map(networkOf),
        profiles: [...profiles],
      },
    });
  }

  /** Connects a container that docker starts, with the profiles that its endpoint has by now. */
  async connect(starting: StartingContainer): Promise<ConnectedWorkload> {
    const { token, endpointId, findContainerId, peerName, mac, driverOptions } = starting;
    const stored = await this.#stored(token);
    const containerId =
      stored?.spec.containerID ?? (await findContainerId().catch(() => undefined));
    const addresses =
      stored === undefined
        ? words(driverOptions[DRIVER_OPTION.addresses]).flatMap(
            (word) => parseIpAddress(word) ?? [],
          )
        : addressesOfNetworks(stored.spec.ipNetworks);
    const profiles = stored?.spec.profiles ?? words(driverOptions[DRIVER_OPTION.profiles]);
    return this.#options.workloads.add({
      ...identityOf(token),
      ...(containerId !== undefined && { containerId }),
      attachment: { type: "pair", peerName },
      addresses: { from: "claim", addresses },
      handle: this.handleOf(token),
      profiles,
      ...(mac !== undefined && { mac }),
      annotations: { [ENDPOINT_ID_ANNOTATION]: endpointId },
    });
  }

  /** The container has stopped: its interface goes, address and profiles stay. */
  async rest(token: string): Promise<void> {
    const before = await this.#stored(token);
    if (before === undefined || before.spec.interfaceName === undefined) return;
    await this.#options.workloads.remove(
      { ...identityOf(token), handle: this.handleOf(token) },
      { keepAddresses: true },
    );
    await this.#options.datastore.create(resting(before));
  }

  /** The container is gone: so is all that it had. */
  async remove(token: string): Promise<void> {
    const handle = this.handleOf(token);
    await this.#options.workloads.remove({ ...identityOf(token), handle });
    // An endpoint that rests has no interface, and one that was never stored may still hold an address.
    const names = workloadNames(identityOf(token), this.#options.nodeName);
    const key = { kind: "WorkloadEndpoint", namespace: names.namespace, name: names.resource };
    await this.#options.datastore.delete(key);
    await this.#options.ipam.release({ handle });
  }

  /** A profile of this name, which lets its members talk to one another, unless there is one. */
  async ensureProfile(typedName: string): Promise<string> {
    const profile = defaultProfile(typedName);
    await this.#options.datastore.create(profile as unknown as Resource);
    return profile.metadata.name;
  }

  async #stored(token: string): Promise<WorkloadEndpoint | undefined> {
    const names = workloadNames(identityOf(token), this.#options.nodeName);
    const key = { kind: "WorkloadEndpoint", namespace: names.namespace, name: names.resource };
    const found = await this.#options.datastore.get(key);
    return found as WorkloadEndpoint | undefined;
  }
}

/** A container of the front door, as workloads are named. */
export function identityOf(token: string): WorkloadIdentity {
  return { orchestrator: FRONT_DOOR_ORCHESTRATOR, workload: token, endpoint: "eth0" };
}

/** The same endpoint without what only a running container has. */
function resting({ metadata, spec, ...rest }: WorkloadEndpoint): Resource {
  const { resourceVersion: _version, annotations, ...kept } = metadata;
  const { [ENDPOINT_ID_ANNOTATION]: _endpoint, ...others } = annotations ?? {};
  const { interfaceName: _interface, mac: _mac, ports: _ports, ...fields } = spec;
  return { ...rest, metadata: { ...kept, annotations: others }, spec: fields };
}

function words(value: unknown): readonly string[] {
  return typeof value === "string" ? value.split(",").filter((word) => word !== "") : [];
}
