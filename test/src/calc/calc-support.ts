import type { PeerConfig } from "../../../protocol/speaker/speaker-config.ts";
import { Prefix, prefixLength } from "../../../protocol/types/prefix.ts";
import { computeHostState } from "../../../src/calc/calc.ts";
import type { HostState } from "../../../src/calc/host-state.ts";
import { affinityName, blockName } from "../../../src/resources/ipam-names.ts";
import type { Kind } from "../../../src/resources/kinds.ts";
import type { AnyResource } from "../../../src/resources/schemas.ts";
import { validateResource } from "../../../src/resources/validate.ts";

/** A resource that has passed validation, so that no test computes with what could not be. */
export function resource(
  kind: Kind,
  name: string,
  spec: object,
  metadata: object = {},
): AnyResource {
  const namespace = kind === "WorkloadEndpoint" ? { namespace: "default" } : {};
  const value = {
    apiVersion: "projectcalico.org/v3",
    kind,
    metadata: { name, ...namespace, ...metadata },
    spec,
  };
  const validated = validateResource(value, { unknownFields: "error" });
  if (!validated.ok) throw new Error(JSON.stringify(validated.complaints));
  return validated.resource;
}

export function node(
  name: string,
  bgp: object,
  labels: Readonly<Record<string, string>> = {},
): AnyResource {
  return resource("Node", name, { bgp }, { labels });
}

/** Node "a" is 10.0.0.1, "b" is 10.0.0.2 and so on. */
export function nodeV4(
  name: string,
  more: object = {},
  labels: Readonly<Record<string, string>> = {},
): AnyResource {
  return node(name, { ipv4Address: `10.0.0.${name.charCodeAt(0) - 96}/24`, ...more }, labels);
}

export function peer(name: string, spec: object): AnyResource {
  return resource("BGPPeer", name, spec);
}

export function workload(name: string, spec: object, metadata: object = {}): AnyResource {
  const profiles = ["projectcalico-default-allow"];
  const whole = { node: "a", interfaceName: `cali-${name}`.slice(0, 15), profiles, ...spec };
  return resource("WorkloadEndpoint", name, whole, metadata);
}

export function stateOf(nodeName: string, ...resources: readonly AnyResource[]): HostState {
  return computeHostState({ nodeName, resources: [OPEN_PROFILE, ...resources] });
}

/** Of every workload here, so that nothing is said of a workload to which nobody may talk. */
const OPEN_PROFILE = resource("Profile", "open", {
  ingress: [{ action: "Allow" }],
  egress: [{ action: "Allow" }],
});

/** One line a peering: name, origin, address and port, AS numbers, source, who opens, families. */
export function describe(peerConfig: PeerConfig): string {
  const { name, origin, address, port, localAsn, peerAsn, localAddress, passive } = peerConfig;
  const { standbyFor } = peerConfig;
  const families = peerConfig.families.map(({ family }) => (family === 257 ? "4" : "6")).join("+");
  const client = peerConfig.routeReflectorClient ? " client" : "";
  return `${name} ${origin} ${address} ${port} ${localAsn}-${peerAsn} from ${localAddress ?? "any"} ${passive ? "passive" : "active"} v${families}${client}${standbyFor ? " standby" : ""}`;
}

export function peeringsOf(state: HostState): readonly string[] {
  return state.speaker.peers.map(describe);
}

export const config = (spec: object): AnyResource => resource("BGPConfiguration", "default", spec);

export const filter = (name: string, spec: object): AnyResource =>
  resource("BGPFilter", name, spec);

export const pool = (name: string, cidr: string, spec: object = {}): AnyResource =>
  resource("IPPool", name, { cidr, ...spec });

/** The one peer of node a with these fields, beside other resources. */
export function torWith(spec: object, ...others: readonly AnyResource[]): PeerConfig {
  const tor = peer("tor", { peerIP: "10.0.0.254", asNumber: 65001, ...spec });
  const [first] = stateOf("a", nodeV4("a"), tor, ...others).speaker.peers;
  if (first === undefined) throw new Error("no peer");
  return first;
}

/** A node with both addresses: "b" is 10.0.0.2 and fd00::2. */
export const dual = (name: string, more: object = {}, labels = {}): AnyResource => {
  const number = name.charCodeAt(0) - 96;
  return node(
    name,
    { ipv4Address: `10.0.0.${number}/24`, ipv6Address: `fd00::${number}/64`, ...more },
    labels,
  );
};

/** A host's claim to a block, named as Calico names it. */
export function affinity(host: string, cidr: string, spec: object = {}): AnyResource {
  const whole = { state: "confirmed", node: host, type: "host", cidr, ...spec };
  const type = whole.type === "virtual" ? "virtual" : "host";
  const name = affinityName({ type, node: whole.node, cidr: Prefix(cidr) });
  return resource("BlockAffinity", name, whole);
}

/** A block with nothing assigned in it. */
export function block(cidr: string, owner: string | undefined): AnyResource {
  const prefix = Prefix(cidr);
  const size = 2 ** ((cidr.includes(":") ? 128 : 32) - prefixLength(prefix));
  const ordinals = Array.from({ length: size }, (_, ordinal) => ordinal);
  return resource("IPAMBlock", blockName(prefix), {
    cidr,
    ...(owner !== undefined && { affinity: owner }),
    allocations: ordinals.map(() => null),
    unallocated: ordinals,
    attributes: [],
  });
}
