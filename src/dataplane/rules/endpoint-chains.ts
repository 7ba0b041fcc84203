import type { EndpointPolicy, HostPolicy, ProfilePolicy } from "../../calc/policy-state.ts";
import type { NftChain, NftElement, NftFamily, NftRule } from "../../kernel/nftables/nft-table.ts";
import { renderPolicyRules } from "./policy-rules.ts";
import { contentName, type SetBuilder } from "./set-builder.ts";
import {
  ACCEPT,
  COUNTED_DROP,
  CT_STATE,
  CT_STATUS_DNAT,
  commentText,
  equals,
  inSet,
  interfaceKey,
  PROTOCOL,
  portKey,
  protocolIs,
  rule,
  verdict,
} from "./statements.ts";

/** Maps from interfaces to the chains that judge what comes from, and goes to, the workload behind them. */
export const FROM_WORKLOAD = "from-workload";
export const TO_WORKLOAD = "to-workload";
/** Address, protocol and port of workloads that somebody has published at the host: what NAT brings there is welcome. */
export const PUBLISHED = "published";
export const CONNECTION_STATES = "connection-states";

/**
 * The chains of endpoints and profiles, and the maps that lead to them. Chains are named after their content: endpoints with
 * equal profiles share one, and a chain that changes is another one. In each, a packet of a known connection is accepted and
 * an invalid one dropped; then the profiles are asked in their order, and where none decides, the packet is dropped. To
 * accept ends the base chain of one direction only: a packet from one workload to another is judged by both.
 */
export function renderEndpointChains(
  family: NftFamily,
  policy: HostPolicy,
  sets: SetBuilder,
): readonly NftChain[] {
  const chains = new ChainBuilder();
  const profiles = new Map(policy.profiles.map((profile) => [profile.name, profile]));
  const maps = { from: [] as NftElement[], to: [] as NftElement[] };
  // Endpoints are many and lists of profiles few.
  const rendered = new Map<string, EndpointChains>();
  for (const endpoint of policy.endpoints) {
    const list = JSON.stringify(endpoint.profiles);
    const asked = endpoint.profiles.flatMap((name) => profiles.get(name) ?? []);
    const pair = rendered.get(list) ?? endpointChains(asked, { family, policy, chains, sets });
    rendered.set(list, pair);
    const key = interfaceKey(endpoint.interface);
    maps.from.push({ key, data: { type: "goto", chain: pair.from } });
    maps.to.push({ key, data: { type: "goto", chain: pair.to } });
  }
  sets.add(connectionStates());
  sets.add({ name: FROM_WORKLOAD, key: ["iifname"], data: "verdict", elements: maps.from });
  sets.add({ name: TO_WORKLOAD, key: ["oifname"], data: "verdict", elements: maps.to });
  return chains.chains;
}

type EndpointChains = { readonly from: string; readonly to: string };

type ChainContext = {
  readonly family: NftFamily;
  readonly policy: HostPolicy;
  readonly chains: ChainBuilder;
  readonly sets: SetBuilder;
};

function endpointChains(asked: readonly ProfilePolicy[], context: ChainContext): EndpointChains {
  const { family, policy, chains } = context;
  const from = chains.add("from", [
    stateRule(),
    ...encapsulationRules(family, policy),
    ...profileRules("egress", asked, context),
    rule("no profile allows it", ...COUNTED_DROP),
  ]);
  const to = chains.add("to", [
    stateRule(),
    publishedRule(),
    ...profileRules("ingress", asked, context),
    rule("no profile allows it", ...COUNTED_DROP),
  ]);
  return { from, to };
}

/** Interfaces of endpoints that no prefix of the configuration covers. */
export function unusualInterfaces(policy: HostPolicy): readonly EndpointPolicy[] {
  return policy.endpoints.filter(
    (endpoint) => !policy.interfacePrefixes.some((prefix) => endpoint.interface.startsWith(prefix)),
  );
}

class ChainBuilder {
  readonly #chains = new Map<string, NftChain>();

  /** The chain with these rules, made if there is none. */
  add(kind: "from" | "to" | "profile", rules: readonly NftRule[]): string {
    const name = `${kind}-${contentName(rules.map(plain))}`;
    this.#chains.set(name, { name, rules });
    return name;
  }

  get chains(): readonly NftChain[] {
    return [...this.#chains.values()].toSorted((a, b) => (a.name < b.name ? -1 : 1));
  }
}

/** Octets as lists of numbers, so that a rule has one text. */
function plain(rule: NftRule): unknown {
  return JSON.parse(
    JSON.stringify(rule, (_key, value) => (value instanceof Uint8Array ? [...value] : value)),
  );
}

function profileRules(
  direction: "ingress" | "egress",
  asked: readonly ProfilePolicy[],
  { family, chains, sets }: ChainContext,
): readonly NftRule[] {
  return asked.flatMap((profile) => {
    const rules = renderPolicyRules(family, profile[direction], sets);
    if (rules.length === 0) return [];
    const chain = chains.add("profile", rules);
    return [rule(`profile ${commentText(profile.name)}`, verdict({ type: "jump", chain }))];
  });
}

function stateRule(): NftRule {
  return {
    statements: [{ type: "dispatch", fields: ["ctState"], map: CONNECTION_STATES }],
  };
}

function connectionStates() {
  return {
    name: CONNECTION_STATES,
    key: ["ctState"],
    data: "verdict",
    elements: [
      { key: CT_STATE.invalid, data: { type: "drop" } },
      { key: CT_STATE.established, data: { type: "accept" } },
      { key: CT_STATE.related, data: { type: "accept" } },
    ],
  } as const;
}

/** A workload that encapsulates could put packets past the rules of other hosts, which take them for their peers'. */
function encapsulationRules(family: NftFamily, { tunnels }: HostPolicy): readonly NftRule[] {
  const { ipip, vxlanPorts, fromWorkloads } = tunnels;
  return [
    ...(ipip && !fromWorkloads.ipip && family === "ip"
      ? [rule("IPIP from a workload", protocolIs(PROTOCOL.ipip), ...COUNTED_DROP)]
      : []),
    ...(fromWorkloads.vxlan ? [] : vxlanPorts).map((port) =>
      rule(
        "VXLAN from a workload",
        protocolIs(PROTOCOL.udp),
        equals("dport", portKey(port)),
        ...COUNTED_DROP,
      ),
    ),
  ];
}

/** To publish a port is to allow it, after all policy and before profiles are asked. */
function publishedRule(): NftRule {
  return rule(
    "published port",
    { type: "anyBit", field: "ctStatus", mask: CT_STATUS_DNAT },
    inSet(["daddr", "l4proto", "dport"], PUBLISHED),
    ACCEPT,
  );
}
