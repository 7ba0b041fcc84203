/*
 * What this host enforces, as tables of nftables: one of ours a family, from computed policy and nothing else. A packet that is
 * forwarded meets two base chains, one that judges what a workload sends and one that judges what a workload gets; each ends
 * with a verdict, and only what both accept goes on to other tables. More stages (policies in tiers, host endpoints) are more
 * chains between a dispatch and the profiles, or base chains of their own: nothing here stands in their way.
 *
 *   prerouting -300   loopback addresses from outside, IPv6 sources that cannot be
 *   forward      -1   from-workload: interface -> from-CHAIN -> profile-CHAIN ... -> drop
 *   forward       0   to-workload: interface -> to-CHAIN -> profile-CHAIN ... -> drop
 *   input         0   tunnels from others than nodes; workload-to-host
 *   nat               published ports, hairpin, outgoing
 */

import { ipAddressToBytes, ipVersion } from "../../../protocol/types/ip-address.ts";
import type { HostNat } from "../../calc/nat-state.ts";
import type { HostPolicy, TunnelPolicy, WorkloadSessions } from "../../calc/policy-state.ts";
import type {
  NftChain,
  NftFamily,
  NftHook,
  NftRule,
  NftTable,
} from "../../kernel/nftables/nft-table.ts";
import {
  CONNECTION_STATES,
  FROM_WORKLOAD,
  renderEndpointChains,
  TO_WORKLOAD,
  unusualInterfaces,
} from "./endpoint-chains.ts";
import { loopbackOf, renderNatChains } from "./nat-chains.ts";
import { SetBuilder } from "./set-builder.ts";
import {
  ACCEPT,
  COUNTED_DROP,
  concatenate,
  differs,
  equals,
  inSet,
  interfaceIs,
  interfaceKey,
  notInSet,
  PROTOCOL,
  portKey,
  protocolIs,
  ROUTE_TYPE_LOCAL,
  rule,
  verdict,
  versionOf,
} from "./statements.ts";

/** Every table of this name is tortie's: a fresh process makes it what it should be, or removes it. */
export const TABLE_NAME = "tortie";

/** Policy and translations of this host. Plain data. */
export type HostRules = { readonly policy: HostPolicy; readonly nat: HostNat };

/** Renders the tables of both families. Equal rules give equal tables. */
export function renderTables(rules: HostRules): readonly NftTable[] {
  return (["ip", "ip6"] as const).map((family) => renderTable(family, rules));
}

/** What a host enforces that does not know yet what it should: workloads can talk to nobody, tunnels take what nodes send. */
export function rulesBeforeSync(
  interfacePrefixes: readonly string[],
  tunnels: TunnelPolicy = NO_TUNNELS,
): HostRules {
  return {
    policy: {
      interfacePrefixes,
      endpointToHost: "drop",
      endpoints: [],
      bgpSessions: { port: 179, from: [] },
      profiles: [],
      sets: [],
      tunnels,
    },
    nat: { outgoing: { sources: [], exempt: [], addresses: {} }, hostPorts: [], tunnelDevices: [] },
  };
}

const NO_TUNNELS: TunnelPolicy = {
  ipip: false,
  vxlanPorts: [],
  nodes: [],
  fromWorkloads: { ipip: false, vxlan: false },
};

function renderTable(family: NftFamily, { policy, nat }: HostRules): NftTable {
  const sets = new SetBuilder(family, policy.sets);
  const chains = [
    base("raw-prerouting", { hook: "prerouting", priority: -300 }, sourceRules(family, policy)),
    base("forward-from", { hook: "forward", priority: -1 }, forwardRules("from", policy)),
    base("forward-to", { hook: "forward", priority: 0 }, forwardRules("to", policy)),
    base("input", { hook: "input", priority: 0 }, [
      ...tunnelRules(family, policy, sets),
      ...workloadInterfaces(policy).map((match) =>
        rule("workload to host", match, verdict({ type: "goto", chain: WORKLOAD_TO_HOST })),
      ),
    ]),
    { name: WORKLOAD_TO_HOST, rules: workloadToHostRules(family, policy, sets) },
    ...renderEndpointChains(family, policy, sets),
    ...renderNatChains(family, nat, sets),
  ];
  const unusual = unusualInterfaces(policy);
  if (unusual.length > 0) {
    const elements = unusual.map((endpoint) => ({ key: interfaceKey(endpoint.interface) }));
    sets.add({ name: UNUSUAL_INTERFACES, key: ["iifname"], elements });
  }
  return { family, name: TABLE_NAME, sets: sets.sets, chains };
}

const WORKLOAD_TO_HOST = "workload-to-host";
const UNUSUAL_INTERFACES = "unusual-interfaces";
const BGP_SESSIONS = "bgp-sessions";
const NODES = "nodes";
const ND_AND_MLD = "nd-and-mld";

function base(
  name: string,
  place: Pick<NftHook, "hook" | "priority">,
  rules: readonly NftRule[],
): NftChain {
  return { name, hook: { type: "filter", policy: "accept", ...place }, rules };
}

/** One match for each way of knowing that a packet comes from a workload. */
function workloadInterfaces(policy: HostPolicy) {
  const prefixes = policy.interfacePrefixes.map((prefix) => interfaceIs("iifname", `${prefix}*`));
  return unusualInterfaces(policy).length === 0
    ? prefixes
    : [...prefixes, inSet("iifname", UNUSUAL_INTERFACES)];
}

/**
 * Nobody outside can speak of the host's loopback, whatever route_localnet says. IPv6 has no rp_filter: a source to which the
 * host would not answer by the same interface is not the workload's own.
 */
function sourceRules(family: NftFamily, policy: HostPolicy): readonly NftRule[] {
  const fromOutside = differs("iifname", interfaceKey("lo"));
  const loopback = rule(
    "loopback from outside",
    fromOutside,
    equals("daddr", loopbackOf(family)),
    ...COUNTED_DROP,
  );
  if (family === "ip") return [loopback];
  const noReturnPath = equals("saddrHasReturnPath", Uint8Array.of(0, 0, 0, 0));
  const spoofed = workloadInterfaces(policy).map((match) =>
    rule("source of somebody else", match, noReturnPath, ...COUNTED_DROP),
  );
  return [loopback, ...spoofed];
}

/** An interface that looks like a workload's and belongs to none is shut. */
function forwardRules(direction: "from" | "to", policy: HostPolicy): readonly NftRule[] {
  const field = direction === "from" ? "iifname" : "oifname";
  const map = direction === "from" ? FROM_WORKLOAD : TO_WORKLOAD;
  return [
    rule("by interface", { type: "dispatch", fields: [field], map }),
    ...policy.interfacePrefixes.map((prefix) =>
      rule("unknown workload interface", interfaceIs(field, `${prefix}*`), ...COUNTED_DROP),
    ),
  ];
}

/** Decapsulated packets look as if they came from a peer: only peers may send them. */
function tunnelRules(
  family: NftFamily,
  { tunnels }: HostPolicy,
  sets: SetBuilder,
): readonly NftRule[] {
  const { ipip, vxlanPorts, nodes } = tunnels;
  const rules: NftRule[] = [];
  const stranger = notInSet("saddr", NODES);
  if (ipip && family === "ip") {
    rules.push(rule("IPIP from a stranger", protocolIs(PROTOCOL.ipip), stranger, ...COUNTED_DROP));
  }
  for (const port of vxlanPorts) {
    rules.push(
      rule(
        "VXLAN from a stranger",
        protocolIs(PROTOCOL.udp),
        equals("dport", portKey(port)),
        equals("daddrType", ROUTE_TYPE_LOCAL),
        stranger,
        ...COUNTED_DROP,
      ),
    );
  }
  if (rules.length === 0) return [];
  sets.prefixes(NODES, nodes);
  return rules;
}

/** A workload needs its gateway's MAC address, and answers what the host asks; more it gets where it is configured. */
function workloadToHostRules(
  family: NftFamily,
  { endpointToHost, bgpSessions }: HostPolicy,
  sets: SetBuilder,
): readonly NftRule[] {
  const rules: NftRule[] = [];
  if (family === "ip6") {
    const elements = ND_AND_MLD_TYPES.map((type) => ({ key: Uint8Array.of(type) }));
    const set = sets.add({ name: ND_AND_MLD, key: ["icmpType"], elements });
    rules.push(rule("ND and MLD", protocolIs(PROTOCOL.icmpv6), inSet("icmpType", set), ACCEPT));
  }
  rules.push({
    statements: [{ type: "dispatch", fields: ["ctState"], map: CONNECTION_STATES }],
  });
  rules.push(...sessionRules(family, bgpSessions, sets));
  if (endpointToHost === "accept") {
    rules.push(rule("by interface", { type: "dispatch", fields: ["iifname"], map: FROM_WORKLOAD }));
  }
  rules.push(rule("workloads do not speak to the host", ...COUNTED_DROP));
  return rules;
}

/** A workload that is a peer of this host opens its session, whatever its profiles say: who made it a peer has asked for that. */
function sessionRules(
  family: NftFamily,
  { port, from }: WorkloadSessions,
  sets: SetBuilder,
): readonly NftRule[] {
  const elements = from.flatMap(({ interface: name, addresses }) =>
    addresses
      .filter((address) => ipVersion(address) === versionOf(family))
      .map((address) => ({ key: concatenate(interfaceKey(name), ipAddressToBytes(address)) })),
  );
  if (elements.length === 0) return [];
  const fields = ["iifname", "daddr"] as const;
  const set = sets.add({ name: BGP_SESSIONS, key: fields, elements });
  const toPort = [protocolIs(PROTOCOL.tcp), equals("dport", portKey(port))];
  return [rule("BGP of a workload", ...toPort, inSet(fields, set), ACCEPT)];
}

/** MLD's query, report and done, router and neighbor solicitation, neighbor advertisement, MLDv2's report. RFC 4861, 3810. */
const ND_AND_MLD_TYPES = [130, 131, 132, 133, 135, 136, 143];
