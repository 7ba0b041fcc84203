import { readFileSync } from "node:fs";
import { parseIpAddress } from "../../../protocol/types/ip-address.ts";
import type { Datastore } from "../../datastore/datastore.ts";
import { DatastoreError } from "../../datastore/datastore.ts";
import { keyOf } from "../../resources/resource.ts";
import type { WorkloadEndpoint, WorkloadPort } from "../workload-request.ts";

/** One port that a person published, as docker tells a network driver: `-p 8080-8081:80` asks for a range. */
export type PortMapping = {
  readonly protocol: "TCP" | "UDP" | "SCTP";
  readonly port: number;
  readonly hostIp: string | undefined;
  /** 0: any port of the host. */
  readonly hostPort: number;
  readonly hostPortEnd: number;
};

/** A port of this host that something uses; without an address, on all of them. */
export type UsedPort = {
  readonly protocol: string;
  readonly hostPort: number;
  readonly hostIp?: string | undefined;
};

/** The host has no port left that the container could have. */
export class PortTakenError extends Error {
  override readonly name = "PortTakenError";
}

/** Reads "com.docker.network.portmap" of a driver's options; unknown protocols are left out. */
export function readPortMap(portMap: unknown): readonly PortMapping[] {
  if (!Array.isArray(portMap)) return [];
  return portMap.flatMap((entry): PortMapping[] => {
    const { Proto, Port, HostIP, HostPort, HostPortEnd } = entry as Readonly<
      Record<string, unknown>
    >;
    const protocol = PROTOCOLS[Number(Proto)];
    if (protocol === undefined || typeof Port !== "number") return [];
    const hostPort = typeof HostPort === "number" ? HostPort : 0;
    const end = typeof HostPortEnd === "number" ? HostPortEnd : hostPort;
    return [
      {
        protocol,
        port: Port,
        hostIp: addressOf(HostIP),
        hostPort,
        hostPortEnd: Math.max(end, hostPort),
      },
    ];
  });
}

/** Gives each mapping a port of the host that nobody uses. Throws PortTakenError, in docker's words, when there is none. */
export function assignHostPorts(
  mappings: readonly PortMapping[],
  used: readonly UsedPort[],
): readonly WorkloadPort[] {
  const taken = [...used];
  return mappings.map((mapping) => {
    const { protocol, port, hostIp } = mapping;
    const [first, last] =
      mapping.hostPort === 0 ? EPHEMERAL : [mapping.hostPort, mapping.hostPortEnd];
    for (let hostPort = first; hostPort <= last; hostPort++) {
      const wanted = { protocol, hostPort, hostIp };
      if (taken.some((other) => collides(other, wanted))) continue;
      taken.push(wanted);
      return { protocol, port, hostPort, ...(hostIp !== undefined && { hostIP: hostIp }) };
    }
    const where = `${hostIp ?? "0.0.0.0"}:${mapping.hostPort === 0 ? "any" : first}`;
    throw new PortTakenError(`Bind for ${where} failed: port is already allocated`);
  });
}

/** Somebody else may write in between; so often it is tried again. */
const TRIES = 5;

/** Writes the published ports of an endpoint down: the rules of its host follow from there. */
export async function storePorts(
  datastore: Datastore,
  endpoint: WorkloadEndpoint,
  ports: readonly WorkloadPort[],
): Promise<void> {
  for (let attempt = 0; attempt < TRIES; attempt++) {
    const stored = await datastore.get(keyOf(endpoint));
    if (stored === undefined) return;
    const { ports: _before, ...spec } = stored.spec;
    const changed = { ...stored, spec: ports.length === 0 ? spec : { ...spec, ports } };
    if ((await datastore.update(changed)).type === "written") return;
  }
  throw new DatastoreError(`${endpoint.metadata.name} keeps being changed by somebody else`);
}

/** Ports on which programs of this network namespace listen. proc(5). */
export function listeningPorts(): readonly UsedPort[] {
  return TABLES.flatMap(({ file, protocol, state }) => {
    let text: string;
    try {
      text = readFileSync(`/proc/net/${file}`, "latin1");
    } catch {
      return [];
    }
    return listenersIn(text, { protocol, state });
  });
}

/** The listeners in the text of /proc/net/tcp, tcp6, udp or udp6. */
export function listenersIn(
  table: string,
  { protocol, state }: { readonly protocol: string; readonly state: string },
): readonly UsedPort[] {
  return table
    .split("\n")
    .slice(1)
    .flatMap((line): UsedPort[] => {
      const [, local = "", , lineState] = line.trim().split(/\s+/);
      if (lineState !== state) return [];
      return [{ protocol, hostPort: Number.parseInt(local.split(":")[1] ?? "0", 16) }];
    });
}

/** IP protocol numbers, IANA. */
const PROTOCOLS: { readonly [number: number]: PortMapping["protocol"] } = {
  6: "TCP",
  17: "UDP",
  132: "SCTP",
};

/** Docker's range for `-P`: Linux's ephemeral ports (ip_local_port_range). */
const EPHEMERAL: readonly [number, number] = [32_768, 60_999];

/** TCP_LISTEN is 0A; a UDP socket without a peer is TCP_CLOSE, 07. */
const TABLES = [
  { file: "tcp", protocol: "TCP", state: "0A" },
  { file: "tcp6", protocol: "TCP", state: "0A" },
  { file: "udp", protocol: "UDP", state: "07" },
  { file: "udp6", protocol: "UDP", state: "07" },
] as const;

/** "0.0.0.0" and "::" mean every address, as nothing does. */
function addressOf(given: unknown): string | undefined {
  const address = typeof given === "string" ? parseIpAddress(given) : undefined;
  return address === undefined || address === "0.0.0.0" || address === "::" ? undefined : address;
}

function collides(one: UsedPort, other: UsedPort): boolean {
  if (one.protocol !== other.protocol || one.hostPort !== other.hostPort) return false;
  return one.hostIp === undefined || other.hostIp === undefined || one.hostIp === other.hostIp;
}
