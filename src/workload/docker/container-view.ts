import type { WorkloadPort } from "../workload-request.ts";

/*
 * What docker's clients are told of a container. For networks of drivers other than its own bridge, docker leaves the old
 * fields of NetworkSettings and the published ports empty, although people and scripts read them.
 */

/** Published ports of a connected endpoint, by docker's EndpointID; undefined for an endpoint that is not ours. */
export type PortsOf = (endpointId: string) => readonly WorkloadPort[] | undefined;

/** The answer of `docker inspect`, with address and ports. The very same value where there is nothing to add. */
export function inspectedContainer(container: unknown, portsOf: PortsOf): unknown {
  if (!isFields(container)) return container;
  const settings = container["NetworkSettings"];
  if (!isFields(settings)) return container;
  const ours = ownNetworks(settings, portsOf);
  const [first] = ours;
  if (first === undefined) return container;
  const filled: Record<string, unknown> = { ...settings };
  for (const field of TOP_LEVEL_FIELDS) {
    if (!filled[field]) filled[field] = first.network[field] ?? filled[field];
  }
  filled["Ports"] = {
    ...(isFields(settings["Ports"]) ? settings["Ports"] : {}),
    ...inspectedPorts(container, ours),
  };
  return { ...container, NetworkSettings: filled };
}

/** The answer of `docker ps`, with ports. */
export function listedContainers(containers: unknown, portsOf: PortsOf): unknown {
  if (!Array.isArray(containers)) return containers;
  let changed = false;
  const listed = containers.map((container: unknown) => {
    if (!isFields(container) || !isFields(container["NetworkSettings"])) return container;
    const ports = ownNetworks(container["NetworkSettings"], portsOf).flatMap((own) => own.ports);
    if (ports.length === 0) return container;
    changed = true;
    const known = Array.isArray(container["Ports"]) ? container["Ports"] : [];
    const published = new Set(ports.map((port) => portKey(port)));
    const others = known.filter(
      (port) => !(isFields(port) && published.has(`${port["PrivatePort"]}/${port["Type"]}`)),
    );
    return { ...container, Ports: [...others, ...ports.map(listedPort)] };
  });
  return changed ? listed : containers;
}

type OwnNetwork = { readonly network: Fields; readonly ports: readonly WorkloadPort[] };

/** The fields that were filled for docker's only network once, and that templates of people still name. */
const TOP_LEVEL_FIELDS = [
  "EndpointID",
  "Gateway",
  "GlobalIPv6Address",
  "GlobalIPv6PrefixLen",
  "IPAddress",
  "IPPrefixLen",
  "IPv6Gateway",
  "MacAddress",
] as const;

function ownNetworks(settings: Fields, portsOf: PortsOf): readonly OwnNetwork[] {
  const networks = isFields(settings["Networks"]) ? Object.values(settings["Networks"]) : [];
  return networks.flatMap((network): OwnNetwork[] => {
    if (!isFields(network)) return [];
    const ports = portsOf(String(network["EndpointID"] ?? ""));
    return ports === undefined ? [] : [{ network, ports }];
  });
}

function inspectedPorts(container: Fields, ours: readonly OwnNetwork[]): Fields {
  const config = isFields(container["Config"]) ? container["Config"] : {};
  const exposed = isFields(config["ExposedPorts"]) ? Object.keys(config["ExposedPorts"]) : [];
  const ports: Record<string, unknown> = Object.fromEntries(exposed.map((key) => [key, null]));
  for (const port of ours.flatMap((own) => own.ports)) {
    const known = ports[portKey(port)];
    const host = { HostIp: hostIpOf(port), HostPort: String(port.hostPort) };
    ports[portKey(port)] = [...(Array.isArray(known) ? known : []), host];
  }
  return ports;
}

function listedPort(port: WorkloadPort): Fields {
  return {
    IP: hostIpOf(port),
    PrivatePort: port.port,
    PublicPort: port.hostPort,
    Type: String(port.protocol).toLowerCase(),
  };
}

function portKey({ port, protocol }: WorkloadPort): string {
  return `${port}/${String(protocol).toLowerCase()}`;
}

function hostIpOf({ hostIP }: WorkloadPort): string {
  return hostIP ?? "0.0.0.0";
}

type Fields = Readonly<Record<string, unknown>>;

function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
