import { ipAddressToBytes, ipVersion } from "../../../protocol/types/ip-address.ts";
import type { HostNat, HostPort, NatOutgoing } from "../../calc/nat-state.ts";
import type {
  NftChain,
  NftElement,
  NftFamily,
  NftHook,
  NftRule,
  NftStatement,
} from "../../kernel/nftables/nft-table.ts";
import { PUBLISHED } from "./endpoint-chains.ts";
import type { SetBuilder } from "./set-builder.ts";
import {
  CT_STATUS_DNAT,
  concatenate,
  differs,
  equals,
  inSet,
  interfaceIs,
  notInSet,
  PROTOCOL,
  portKey,
  protocolIs,
  ROUTE_TYPE_LOCAL,
  rule,
  versionOf,
} from "./statements.ts";

const HOST_PORTS = "host-ports";
const HOST_PORTS_AT = "host-ports-at";
const HAIRPIN = "hairpin";
const NAT_SOURCES = "nat-sources";
const NAT_EXEMPT = "nat-exempt";

/** NF_IP_PRI_NAT_DST and NF_IP_PRI_NAT_SRC. */
const PRIORITY = { destination: -100, source: 100 } as const;

/** The translations of one family; chains that would do nothing are left out. */
export function renderNatChains(
  family: NftFamily,
  nat: HostNat,
  sets: SetBuilder,
): readonly NftChain[] {
  const version = versionOf(family);
  const ports = nat.hostPorts.filter(({ address }) => ipVersion(address) === version);
  addPublished(ports, sets);
  const publish = publishRules(ports, sets);
  const source = [
    ...hairpinRules(ports, sets),
    ...outgoingRules(family, nat.outgoing, sets),
    ...nat.tunnelDevices
      .filter((device) => device.version === version)
      .map(({ name }) => tunnelSourceRule(name)),
  ];
  return [
    ...chain("nat-prerouting", { hook: "prerouting", priority: PRIORITY.destination }, publish),
    // The host's own connections are translated too, but for those to loopback addresses: they could not leave the host.
    ...chain(
      "nat-output",
      { hook: "output", priority: PRIORITY.destination },
      publish.map(({ comment = "", statements }) =>
        rule(comment, differs("daddr", loopbackOf(family)), ...statements),
      ),
    ),
    ...chain("nat-postrouting", { hook: "postrouting", priority: PRIORITY.source }, source),
  ];
}

/** 127.0.0.0/8 by its first octet, or ::1. */
export function loopbackOf(family: NftFamily): Uint8Array {
  return family === "ip"
    ? Uint8Array.of(127)
    : Uint8Array.from({ length: 16 }, (_, i) => +(i === 15));
}

function chain(
  name: string,
  place: Pick<NftHook, "hook" | "priority">,
  rules: readonly NftRule[],
): readonly NftChain[] {
  if (rules.length === 0) return [];
  return [{ name, hook: { type: "nat", policy: "accept", ...place }, rules }];
}

/** Always there, because the chains of endpoints look into it. */
function addPublished(ports: readonly HostPort[], sets: SetBuilder): void {
  const elements = ports.map(({ address, protocol, port }) => ({
    key: concatenate(ipAddressToBytes(address), Uint8Array.of(protocol), portKey(port)),
  }));
  sets.add({ name: PUBLISHED, key: ["daddr", "l4proto", "dport"], elements });
}

function publishRules(ports: readonly HostPort[], sets: SetBuilder): readonly NftRule[] {
  const anywhere: NftElement[] = [];
  const somewhere: NftElement[] = [];
  for (const { protocol, hostAddress, hostPort, address, port } of ports) {
    const key = concatenate(Uint8Array.of(protocol), portKey(hostPort));
    const data = concatenate(ipAddressToBytes(address), portKey(port));
    if (hostAddress === undefined) anywhere.push({ key, data });
    else somewhere.push({ key: concatenate(ipAddressToBytes(hostAddress), key), data });
  }
  const rules: NftRule[] = [];
  if (somewhere.length > 0) {
    const map = HOST_PORTS_AT;
    const fields = ["daddr", "l4proto", "dport"] as const;
    sets.add({ name: map, key: fields, data: "addressAndPort", elements: somewhere });
    rules.push(rule("ports of one address of the host", { type: "dnat", fields, map }));
  }
  if (anywhere.length > 0) {
    const map = HOST_PORTS;
    const fields = ["l4proto", "dport"] as const;
    sets.add({ name: map, key: fields, data: "addressAndPort", elements: anywhere });
    const local = equals("daddrType", ROUTE_TYPE_LOCAL);
    rules.push(rule("ports of the host", local, { type: "dnat", fields, map }));
  }
  return rules;
}

/** A workload that calls itself by the host's address would answer itself directly: the host stays between the two. */
function hairpinRules(ports: readonly HostPort[], sets: SetBuilder): readonly NftRule[] {
  if (ports.length === 0) return [];
  const addresses = [...new Set(ports.map(({ address }) => address))].map(ipAddressToBytes);
  const elements = addresses.map((address) => ({ key: concatenate(address, address) }));
  sets.add({ name: HAIRPIN, key: ["saddr", "daddr"], elements });
  return [
    rule(
      "a workload calls its own published port",
      { type: "anyBit", field: "ctStatus", mask: CT_STATUS_DNAT },
      inSet(["saddr", "daddr"], HAIRPIN),
      { type: "masquerade" },
    ),
  ];
}

function outgoingRules(
  family: NftFamily,
  outgoing: NatOutgoing,
  sets: SetBuilder,
): readonly NftRule[] {
  if (sets.ofFamily(outgoing.sources).length === 0) return [];
  const { outputInterface, ports } = outgoing;
  const match: readonly NftStatement[] = [
    inSet("saddr", sets.prefixes(NAT_SOURCES, outgoing.sources)),
    notInSet("daddr", sets.prefixes(NAT_EXEMPT, outgoing.exempt)),
    ...(outputInterface === undefined ? [] : [interfaceIs("oifname", outputInterface)]),
  ];
  const address = family === "ip" ? outgoing.addresses.ipv4 : outgoing.addresses.ipv6;
  const translate = (range: typeof ports): NftStatement => {
    const chosen = range === undefined ? {} : { ports: range };
    if (address === undefined) return { type: "masquerade", ...chosen };
    return { type: "snat", address: ipAddressToBytes(address), ...chosen };
  };
  // Only protocols with ports can keep to a range of them.
  const ranged = ports === undefined ? [] : [PROTOCOL.tcp, PROTOCOL.udp];
  return [
    ...ranged.map((protocol) =>
      rule("out of the pools", ...match, protocolIs(protocol), translate(ports)),
    ),
    rule("out of the pools", ...match, translate(undefined)),
  ];
}

/**
 * A program of the host that speaks to another host's workload by an address of the underlay would be answered past the
 * tunnel, and networks that know no workloads drop that: the device's own address is the one that answers come back to.
 */
function tunnelSourceRule(device: string): NftRule {
  return rule(
    "source that is not of the tunnel",
    interfaceIs("oifname", device),
    equals("saddrType", ROUTE_TYPE_LOCAL),
    differs("saddrTypeAtOutput", ROUTE_TYPE_LOCAL),
    { type: "masquerade" },
  );
}
