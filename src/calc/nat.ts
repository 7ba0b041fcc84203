import { ipVersion, parseIpAddress } from "../../protocol/types/ip-address.ts";
import { hostPrefix, parsePrefix } from "../../protocol/types/prefix.ts";
import { DEFAULTS } from "../resources/defaults.ts";
import type { FelixSettings } from "../resources/felix-settings.ts";
import { parsePortRange } from "../resources/field.ts";
import type { ResourceOf } from "../resources/schemas.ts";
import type { Cluster } from "./cluster.ts";
import type { Table, Value } from "./derive/derivation.ts";
import type { HostStateProblem } from "./host-state.ts";
import type { HostNat, HostPort, NatOutgoing } from "./nat-state.ts";
import { addressesOf } from "./node-view.ts";
import { protocolNumber } from "./policy-rules.ts";
import type { HostTunnels } from "./tunnel-state.ts";
import { insideOf } from "./tunnels.ts";
import type { LocalWorkload } from "./workloads.ts";

export type Nat = {
  readonly nat: Value<HostNat>;
  readonly problems: readonly Table<{ readonly problems: readonly HostStateProblem[] }>[];
};

/** What translations are made of besides the resources. */
export type NatInputs = {
  readonly workloads: Table<LocalWorkload>;
  readonly felix: Value<FelixSettings>;
  readonly tunnels: Value<HostTunnels>;
};

/** The translations of this host: out of the pools, and from its ports to workloads. */
export function deriveNat(cluster: Cluster, { workloads, felix, tunnels }: NatInputs): Nat {
  const { derivation, resources } = cluster;
  const outgoing = deriveOutgoing(cluster, felix);
  const claimed = derivation.table("claimed host ports", workloads, ({ state }, key, read) => {
    const ports = read.at(resources.WorkloadEndpoint, key)?.spec.ports ?? [];
    return ports.flatMap((port) => hostPortsOf(port, state.addresses));
  });
  const claims = derivation.group("claims to host ports", [claimed], (ports, key) =>
    ports.map((port) => [placeOf(port), { key, port }] as const),
  );
  // The first by name has the port, on every look: nothing depends on who came first.
  const given = derivation.table("host ports", claims, ([first]) => first?.port);
  const refused = derivation.table("refused host ports", claims, ([first, ...others]) => ({
    problems: others.flatMap(({ key, port }) =>
      key === first?.key
        ? []
        : [
            {
              resource: `WorkloadEndpoint/${key}`,
              message: `port ${port.hostPort} of the host belongs to WorkloadEndpoint/${first?.key}`,
            },
          ],
    ),
  }));
  const hostPorts = derivation.list(given);
  const tunnelDevices = derivation.value("tunnel devices", (read) =>
    read.value(tunnels).devices.map(({ name, tunnel }) => ({ name, version: insideOf(tunnel) })),
  );
  return {
    nat: derivation.value("nat", (read) => ({
      outgoing: read.value(outgoing),
      hostPorts: read.value(hostPorts),
      tunnelDevices: read.value(tunnelDevices),
    })),
    problems: [refused],
  };
}

function deriveOutgoing(
  { derivation, resources, nodes }: Cluster,
  felix: Value<FelixSettings>,
): Value<NatOutgoing> {
  const pools = derivation.list(
    derivation.table("pools by translation", resources.IPPool, ({ spec }) => {
      const cidr = parsePrefix(spec.cidr);
      return cidr && { cidr, translated: spec.natOutgoing ?? DEFAULTS.ipPool.natOutgoing };
    }),
  );
  const hosts = derivation.list(
    derivation.table("untranslated hosts", nodes, (node) => addressesOf(node).map(hostPrefix)),
  );
  return derivation.value("outgoing nat", (read): NatOutgoing => {
    const settings = read.value(felix);
    const all = read.value(pools);
    const sparesHosts = settings.natOutgoingExclusions === "IPPoolsAndHostIPs";
    const ports = parsePortRange(settings.natPortRange ?? "");
    const outputInterface = outputFilter(settings.iptablesNATOutgoingInterfaceFilter);
    return {
      sources: all.filter(({ translated }) => translated).map(({ cidr }) => cidr),
      exempt: [...all.map(({ cidr }) => cidr), ...(sparesHosts ? read.value(hosts).flat() : [])],
      addresses: sourceAddresses(settings),
      ...(ports && "min" in ports && { ports: { first: ports.min, last: ports.max } }),
      ...(outputInterface !== undefined && { outputInterface }),
    };
  });
}

/** One address of each family at most; Felix knows of one field only, and takes IPv4 there. */
function sourceAddresses(settings: FelixSettings): NatOutgoing["addresses"] {
  const given = parseIpAddress(settings.natOutgoingAddress ?? "");
  const ipv4 = given && ipVersion(given) === 4 ? given : undefined;
  const ipv6 = parseIpAddress(settings.natOutgoingAddressIPv6 ?? "") ?? (ipv4 ? undefined : given);
  return { ...(ipv4 && { ipv4 }), ...(ipv6 && { ipv6 }) };
}

/** iptables' notation: a final "+" stands for any end. */
function outputFilter(written: string | undefined): string | undefined {
  if (!written || !/^[!-.0-~]{1,15}$/.test(written)) return undefined;
  return written.endsWith("+") ? `${written.slice(0, -1)}*` : written;
}

type WrittenPort = NonNullable<ResourceOf<"WorkloadEndpoint">["spec"]["ports"]>[number];

/** One of each family that the workload and the address on the host have both. 0.0.0.0 and :: are any address of a family. */
function hostPortsOf(written: WrittenPort, addresses: readonly HostPort["address"][]): HostPort[] {
  const { hostPort, hostIP, port } = written;
  const protocol = protocolNumber(written.protocol);
  if (!hostPort || protocol === undefined || port === 0) return [];
  const at = parseIpAddress(hostIP ?? "");
  const any = hostIP === undefined || hostIP === "" || at === "0.0.0.0" || at === "::";
  if (!any && at === undefined) return [];
  return ([4, 6] as const).flatMap((version) => {
    const address = addresses.find((one) => ipVersion(one) === version);
    if (address === undefined || (at !== undefined && ipVersion(at) !== version)) return [];
    return [{ protocol, hostPort, address, port, ...(!any && at && { hostAddress: at }) }];
  });
}

/** What only one workload can have. */
function placeOf({ protocol, hostAddress, hostPort, address }: HostPort): string {
  return `${hostAddress ?? `any IPv${ipVersion(address)}`} ${protocol} ${hostPort}`;
}
