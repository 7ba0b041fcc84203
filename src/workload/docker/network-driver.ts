/*
 * Docker's network driver: docker asks for an interface before a container's first process runs, moves it into the container
 * and gives it addresses and routes. An endpoint is either one of the proxy's (its driver option holds a token), or one of a
 * network that somebody made with `docker network create -d tortie --ipam-driver tortie`.
 */
import { randomBytes } from "node:crypto";
import { type IpAddress, ipVersion, parseIpAddress } from "../../../protocol/types/ip-address.ts";
import { addressesOfNetworks, networkOf } from "../workload-addresses.ts";
import { gatewaysFor } from "../workload-gateways.ts";
import type { ConnectedWorkload, WorkloadEndpoint, WorkloadPort } from "../workload-request.ts";
import { DRIVER_OPTION, TOKEN_LABEL } from "./container-request.ts";
import type { DockerClient } from "./docker-client.ts";
import type { DockerLog } from "./docker-log.ts";
import type { FormerAddresses } from "./former-addresses.ts";
import {
  ENDPOINT_ID_ANNOTATION,
  FRONT_DOOR_ORCHESTRATOR,
  type FrontDoorEndpoints,
  type FrontDoorOptions,
  TOKEN,
} from "./front-door-endpoints.ts";
import { ADDRESS_SPACES } from "./ipam-driver.ts";
import { networkProfile } from "./network-profile.ts";
import type { PluginCall, PluginMethods } from "./plugin-server.ts";
import {
  assignHostPorts,
  listeningPorts,
  readPortMap,
  storePorts,
  type UsedPort,
} from "./published-ports.ts";
import { Sandboxes } from "./sandboxes.ts";

export type NetworkDriverOptions = FrontDoorOptions & {
  readonly log: DockerLog;
  readonly docker: DockerClient;
  readonly frontDoor: FrontDoorEndpoints;
  readonly former: FormerAddresses;
};

/** The orchestrator of endpoints in networks that people made; its workload is called the same, as Calico's plugin has it. */
export const LIBNETWORK = "libnetwork";

/** The address space of docker's "null" IPAM driver, which gives no addresses: the proxy's network has it. */
const NULL_SPACE = "null";
/** A container's id is good to have, but nothing to wait for. */
const CONTAINER_MILLISECONDS = 2_000;
const PORT_MAP = "com.docker.network.portmap";

/** What is known of an endpoint that docker asked for. */
type Endpoint = {
  /** Of the proxy's endpoints only. */
  readonly token: string | undefined;
  readonly connected: ConnectedWorkload;
  readonly ports: readonly WorkloadPort[];
};

/** Answers docker's calls, and knows the endpoints that it asked for. */
export class NetworkDriver {
  readonly #options: NetworkDriverOptions;
  readonly #endpoints = new Map<string, Endpoint>();
  /** Endpoints that docker has asked for since it was last lost. */
  readonly #asked = new Set<string>();
  /** Host ports that are about to be stored: two containers at once must not get the same. */
  readonly #reserved = new Map<string, readonly UsedPort[]>();
  readonly #sandboxes: Sandboxes;

  constructor(options: NetworkDriverOptions) {
    this.#options = options;
    this.#sandboxes = new Sandboxes(options.log);
  }

  /** The methods of docker's NetworkDriver interface. */
  get methods(): PluginMethods {
    const nothingToDo = async () => ({});
    return {
      "NetworkDriver.GetCapabilities": async () => ({
        Scope: "local",
        ConnectivityScope: "global",
      }),
      "NetworkDriver.CreateNetwork": async (call) => checkNetwork(call),
      "NetworkDriver.DeleteNetwork": nothingToDo,
      "NetworkDriver.CreateEndpoint": (call) => this.#createEndpoint(call),
      "NetworkDriver.DeleteEndpoint": (call) => this.#deleteEndpoint(call),
      "NetworkDriver.EndpointOperInfo": async () => ({ Value: {} }),
      "NetworkDriver.Join": async (call) => this.#join(call),
      "NetworkDriver.Leave": async (call) => {
        const id = textOf(call, "EndpointID");
        this.#sandboxes.leave(id, this.#endpoints.get(id)?.connected);
        return {};
      },
      "NetworkDriver.ProgramExternalConnectivity": (call) => this.#publish(call),
      "NetworkDriver.RevokeExternalConnectivity": (call) => this.#unpublish(call),
      "NetworkDriver.DiscoverNew": nothingToDo,
      "NetworkDriver.DiscoverDelete": nothingToDo,
    };
  }

  /** Published ports of an endpoint of ours; undefined for others. */
  portsOf(endpointId: string): readonly WorkloadPort[] | undefined {
    return this.#endpoints.get(endpointId)?.ports;
  }

  /** Endpoints that docker has asked for: it lists one only when its container runs. */
  asked(): ReadonlySet<string> {
    return new Set(this.#asked);
  }

  /** Docker has died: what it asked for does not come any more, unless it lists it. */
  dockerIsLost(): void {
    this.#asked.clear();
  }

  /** Takes up the endpoints that an earlier process connected. */
  adopt(endpoints: Iterable<readonly [string, Endpoint]>): void {
    for (const [id, endpoint] of endpoints) {
      if (!this.#endpoints.has(id)) this.#endpoints.set(id, endpoint);
    }
  }

  /** Forgets an endpoint that docker no longer has. */
  forget(endpointId: string): void {
    this.#endpoints.delete(endpointId);
    this.#sandboxes.forget(endpointId);
    this.#asked.delete(endpointId);
  }

  async #createEndpoint(call: PluginCall): Promise<object> {
    const id = textOf(call, "EndpointID");
    const options = fieldsOf(call, "Options");
    const given = readInterface(fieldsOf(call, "Interface"));
    const optionOfToken = options[DRIVER_OPTION.token];
    const token = optionOfToken === undefined ? undefined : String(optionOfToken);
    this.#asked.add(id);
    try {
      const connected =
        token === undefined
          ? await this.#connectLibnetwork({ id, given, networkId: textOf(call, "NetworkID") })
          : await this.#connectFrontDoor({ id, given, options, token });
      this.#endpoints.set(id, { token, connected, ports: [] });
      return { Interface: interfaceAnswer(given, connected) };
    } catch (error) {
      this.#asked.delete(id);
      throw error;
    }
  }

  async #connectFrontDoor(endpoint: {
    readonly id: string;
    readonly given: GivenInterface;
    readonly options: PluginCall;
    readonly token: string;
  }): Promise<ConnectedWorkload> {
    const { id, given, options, token } = endpoint;
    if (!TOKEN.test(token)) throw new Error(`${token} is no endpoint of tortie's`);
    return this.#options.frontDoor.connect({
      token,
      endpointId: id,
      findContainerId: () => this.#containerOf(token),
      peerName: peerName(id),
      mac: given.mac ?? newMac(),
      driverOptions: options,
    });
  }

  async #connectLibnetwork(endpoint: {
    readonly id: string;
    readonly given: GivenInterface;
    readonly networkId: string;
  }): Promise<ConnectedWorkload> {
    const { id, given, networkId } = endpoint;
    if (given.addresses.length === 0) {
      throw new Error(
        "this network is for containers that are created with CALICO_IP through tortie's port: " +
          "make one of your own with 'docker network create -d tortie --ipam-driver tortie NAME'",
      );
    }
    const profile = await networkProfile(networkId, this.#options);
    return this.#options.workloads.add({
      ...libnetworkIdentity(id),
      attachment: { type: "pair", peerName: peerName(id) },
      addresses: { from: "elsewhere", addresses: given.addresses },
      profiles: [profile],
      mac: given.mac ?? newMac(),
      annotations: { [ENDPOINT_ID_ANNOTATION]: id },
    });
  }

  async #deleteEndpoint(call: PluginCall): Promise<object> {
    const id = textOf(call, "EndpointID");
    const known = this.#endpoints.get(id);
    const stored = await this.#stored(id);
    const isFrontDoor = stored?.spec.orchestrator === FRONT_DOOR_ORCHESTRATOR;
    const token = known?.token ?? (isFrontDoor ? stored.spec.workload : undefined);
    if (token !== undefined) await this.#options.frontDoor.rest(token);
    else {
      await this.#options.workloads.remove(libnetworkIdentity(id));
      const { containerID, ipNetworks } = stored?.spec ?? {};
      if (containerID !== undefined) {
        this.#options.former.left(containerID, addressesOfNetworks(ipNetworks));
      }
    }
    this.forget(id);
    return {};
  }

  /** After a restart of ours the endpoints themselves know which docker endpoint they are. */
  async #stored(endpointId: string): Promise<WorkloadEndpoint | undefined> {
    const listed = await this.#options.workloads.list();
    return listed.find(
      ({ endpoint }) => endpoint.metadata.annotations?.[ENDPOINT_ID_ANNOTATION] === endpointId,
    )?.endpoint;
  }

  #join(call: PluginCall): object {
    const id = textOf(call, "EndpointID");
    const sandbox = textOf(call, "SandboxKey");
    const { connected } = this.#known(id);
    const place = this.#sandboxes.join(id, { sandbox, end: connected });
    const gateways = place === "first" ? connected.gateways : [];
    const gateway4 = gateways.find((gateway) => ipVersion(gateway) === 4);
    const gateway6 = gateways.find((gateway) => ipVersion(gateway) === 6);
    return {
      InterfaceName: { SrcName: peerName(id), DstPrefix: "eth" },
      ...(gateway4 !== undefined && {
        Gateway: gateway4,
        // The gateway is on no subnet of the container's: this route says that it is on the link.
        StaticRoutes: [{ Destination: networkOf(gateway4), RouteType: ON_LINK }],
      }),
      ...(gateway6 !== undefined && { GatewayIPv6: gateway6 }),
      // Else docker would add an interface of its own, on a bridge.
      DisableGatewayService: true,
    };
  }

  /** Docker says which endpoint of a container the world comes in by; only that one gets the published ports. */
  async #publish(call: PluginCall): Promise<object> {
    const id = textOf(call, "EndpointID");
    const mappings = readPortMap(fieldsOf(call, "Options")[PORT_MAP]);
    if (mappings.length === 0) return {};
    const endpoint = this.#known(id);
    const listed = await this.#options.workloads.list();
    const published = listed.flatMap((row) => usedPorts(row.endpoint.spec.ports));
    const reserved = [...this.#reserved.values()].flat();
    const ports = assignHostPorts(mappings, [...published, ...reserved, ...listeningPorts()]);
    this.#reserved.set(id, usedPorts(ports));
    try {
      await storePorts(this.#options.datastore, endpoint.connected.endpoint, ports);
    } finally {
      this.#reserved.delete(id);
    }
    this.#endpoints.set(id, { ...endpoint, ports });
    return {};
  }

  async #unpublish(call: PluginCall): Promise<object> {
    const id = textOf(call, "EndpointID");
    const endpoint = this.#endpoints.get(id);
    if (endpoint === undefined || endpoint.ports.length === 0) return {};
    await storePorts(this.#options.datastore, endpoint.connected.endpoint, []);
    this.#endpoints.set(id, { ...endpoint, ports: [] });
    return {};
  }

  #known(id: string): Endpoint {
    const endpoint = this.#endpoints.get(id);
    if (endpoint === undefined) throw new Error(`docker never asked tortie for endpoint ${id}`);
    return endpoint;
  }

  /** Docker that is starting does not answer before we have. */
  async #containerOf(token: string): Promise<string | undefined> {
    const filters = JSON.stringify({ label: [`${TOKEN_LABEL}=${token}`] });
    const path = `/containers/json?all=1&filters=${encodeURIComponent(filters)}`;
    const milliseconds = CONTAINER_MILLISECONDS;
    const answer = await this.#options.docker.exchange({ method: "GET", path, milliseconds });
    const found: unknown = JSON.parse(answer.body.toString("utf8"));
    const [container] = Array.isArray(found) ? found : [];
    return typeof container?.Id === "string" ? container.Id : undefined;
  }
}

/** An endpoint of a network that a person made. */
export function libnetworkIdentity(endpointId: string) {
  return { orchestrator: LIBNETWORK, workload: LIBNETWORK, endpoint: endpointId };
}

/** An endpoint as a fresh process finds it in the datastore. */
export function adoptedEndpoint(listed: ConnectedWorkload["endpoint"]): Endpoint {
  const addresses = addressesOfNetworks(listed.spec.ipNetworks);
  return {
    token: listed.spec.orchestrator === FRONT_DOOR_ORCHESTRATOR ? listed.spec.workload : undefined,
    connected: {
      endpoint: listed,
      addresses,
      gateways: gatewaysFor(addresses),
      hostInterface: listed.spec.interfaceName ?? "",
      ...(listed.spec.mac !== undefined && { mac: listed.spec.mac }),
      mtu: 0,
    },
    ports: (listed.spec.ports ?? []).filter(({ hostPort }) => hostPort !== undefined),
  };
}

/** In the API of remote drivers: a route that has no next hop. */
const ON_LINK = 1;

/** Addresses of networks with another IPAM driver belong to no pool, and no host would route them. */
function checkNetwork(call: PluginCall): object {
  const data = [call["IPv4Data"], call["IPv6Data"]].flatMap((list) =>
    Array.isArray(list) ? list : [],
  );
  const ours: readonly unknown[] = [...Object.values(ADDRESS_SPACES), NULL_SPACE];
  if (data.every((entry) => ours.includes(entry?.AddressSpace))) return {};
  throw new Error("a network of tortie's needs addresses from its pools: add --ipam-driver tortie");
}

type GivenInterface = {
  readonly addresses: readonly IpAddress[];
  readonly mac: string | undefined;
};

function readInterface(given: PluginCall): GivenInterface {
  const addresses = ["Address", "AddressIPv6"].flatMap(
    (field) => parseIpAddress(textOf(given, field).split("/")[0] ?? "") ?? [],
  );
  const mac = textOf(given, "MacAddress");
  return { addresses, mac: mac === "" ? undefined : mac };
}

/** Only what docker has not said itself: it refuses to be told again. */
function interfaceAnswer(given: GivenInterface, { addresses, mac }: ConnectedWorkload): object {
  const told = given.addresses.length > 0 ? [] : addresses;
  const ipv4 = told.find((address) => ipVersion(address) === 4);
  const ipv6 = told.find((address) => ipVersion(address) === 6);
  return {
    ...(ipv4 !== undefined && { Address: networkOf(ipv4) }),
    ...(ipv6 !== undefined && { AddressIPv6: networkOf(ipv6) }),
    ...(given.mac === undefined && mac !== undefined && { MacAddress: mac }),
  };
}

/** The container's end before docker moves it; the name follows from the endpoint, so that a fresh process knows it. */
function peerName(endpointId: string): string {
  return `ttd${endpointId.slice(0, 12)}`;
}

/** A locally administered unicast address. IEEE 802 §8.4. */
function newMac(): string {
  const octets = [...randomBytes(6)];
  octets[0] = 0x02;
  return octets.map((octet) => octet.toString(16).padStart(2, "0")).join(":");
}

function usedPorts(ports: readonly WorkloadPort[] | undefined): readonly UsedPort[] {
  return (ports ?? []).flatMap(({ protocol, hostPort, hostIP }) =>
    hostPort === undefined ? [] : [{ protocol: String(protocol), hostPort, hostIp: hostIP }],
  );
}

function textOf(fields: PluginCall, name: string): string {
  const value = fields[name];
  return typeof value === "string" ? value : "";
}

function fieldsOf(fields: PluginCall, name: string): PluginCall {
  const value = fields[name];
  return typeof value === "object" && value !== null ? (value as PluginCall) : {};
}
