import { hostPrefix } from "../../protocol/types/prefix.ts";
import { DEFAULTS } from "../resources/defaults.ts";
import type { FelixSettings } from "../resources/felix-settings.ts";
import { parseNet } from "../resources/field.ts";
import type { ResourceOf } from "../resources/schemas.ts";
import type { Cluster } from "./cluster.ts";
import { compareText, type Table, type Value } from "./derive/derivation.ts";
import type { HostState, HostStateProblem } from "./host-state.ts";
import { addressesOf } from "./node-view.ts";
import { deriveMembers } from "./policy-members.ts";
import { type NamedSelector, readRules } from "./policy-rules.ts";
import type { EndpointPolicy, HostPolicy, ProfilePolicy, TunnelPolicy } from "./policy-state.ts";
import type { PeeringAddresses } from "./workload-peerings.ts";
import type { Workloads } from "./workloads.ts";

export type Policy = {
  readonly policy: Value<HostPolicy>;
  readonly problems: readonly Table<{ readonly problems: readonly HostStateProblem[] }>[];
};

/** What policy is made of besides the resources. */
export type PolicyInputs = {
  readonly workloads: Workloads;
  readonly felix: Value<FelixSettings>;
  readonly peeringAddresses: Table<PeeringAddresses>;
  readonly listen: Value<HostState["listen"]>;
};

/** A profile that every cluster has without anybody writing it: Calico's own, for endpoints that need no rules. */
export const ALLOW_ALL_PROFILE = "projectcalico-default-allow";

/**
 * Who may talk to this host's workloads. Profiles are in force; an endpoint without any is denied everything, as Calico does
 * where neither policy nor profile speaks.
 */
export function derivePolicy(cluster: Cluster, inputs: PolicyInputs): Policy {
  const { derivation, resources } = cluster;
  const { workloads, felix, peeringAddresses, listen } = inputs;
  const endpoints = derivation.table("policed endpoints", workloads.local, ({ state }, key, read) =>
    endpointPolicy(key, {
      interface: state.interface,
      profiles: read.at(resources.WorkloadEndpoint, key)?.spec.profiles ?? [],
      isKnown: (name) =>
        name === ALLOW_ALL_PROFILE || read.at(resources.Profile, name) !== undefined,
    }),
  );
  const inUse = derivation.group("profiles in use", [endpoints], ({ endpoint }) =>
    (endpoint?.profiles ?? []).map((name) => [name, name] as const),
  );
  const profiles = derivation.table("profiles", inUse, (_users, name, read) => {
    const written = name === ALLOW_ALL_PROFILE ? ALLOW_ALL : read.at(resources.Profile, name)?.spec;
    return written && readProfile(name, written);
  });
  const listed = derivation.list(profiles);
  const selectors = derivation.value("selectors in use", (read) =>
    distinct(read.value(listed).flatMap((profile) => profile.selectors)),
  );
  const sets = deriveMembers(cluster, { selectors, owners: workloads.owners });
  const tunnels = deriveTunnels(cluster, felix);
  const here = derivation.list(endpoints);
  const sessions = derivation.list(
    derivation.table("sessions of endpoints", endpoints, ({ endpoint }, key, read) => {
      const addresses = read.at(peeringAddresses, key)?.addresses;
      return endpoint && addresses && { interface: endpoint.interface, addresses };
    }),
  );
  const policy = derivation.value("policy", (read): HostPolicy => {
    const { interfacePrefix, defaultEndpointToHostAction = "Drop" } = read.value(felix);
    return {
      interfacePrefixes: prefixesOf(interfacePrefix),
      endpointToHost: /^drop$/i.test(defaultEndpointToHostAction) ? "drop" : "accept",
      endpoints: read.value(here).flatMap(({ endpoint }) => endpoint ?? []),
      bgpSessions: { port: read.value(listen).port, from: read.value(sessions) },
      profiles: read.value(listed).map(({ policy }) => policy),
      sets: read.value(sets),
      tunnels: read.value(tunnels),
    };
  });
  return { policy, problems: [endpoints, profiles] };
}

const ALLOW_ALL: ResourceOf<"Profile">["spec"] = {
  ingress: [{ action: "Allow" }],
  egress: [{ action: "Allow" }],
};

/** IFNAMSIZ less the final zero: a name that has more octets can be no interface's. */
const INTERFACE_OCTETS = 15;

function fitsInterface(name: string): boolean {
  return new TextEncoder().encode(name).length <= INTERFACE_OCTETS;
}

function prefixesOf(written: string | undefined): readonly string[] {
  const prefixes = (written ?? "").split(",").filter((each) => each !== "" && fitsInterface(each));
  return prefixes.length > 0 ? prefixes : [DEFAULTS.felixConfiguration.interfacePrefix];
}

type PolicedEndpoint = {
  /** Absent for what cannot be an interface: it is no reason to police the others less. */
  readonly endpoint?: EndpointPolicy;
  readonly problems: readonly HostStateProblem[];
};

function endpointPolicy(
  key: string,
  given: {
    readonly interface: string;
    readonly profiles: readonly string[];
    readonly isKnown: (profile: string) => boolean;
  },
): PolicedEndpoint {
  const resource = `WorkloadEndpoint/${key}`;
  if (!fitsInterface(given.interface)) {
    const message = `${given.interface} has more than ${INTERFACE_OCTETS} octets: no interface can be called so`;
    return { problems: [{ resource, message }] };
  }
  const messages = given.profiles
    .filter((name) => !given.isKnown(name))
    .map((name) => `profile ${name} does not exist: it allows nothing`);
  if (given.profiles.length === 0)
    messages.push("has no profiles: nobody may talk to it, nor it to anybody");
  return {
    endpoint: { name: key, interface: given.interface, profiles: given.profiles },
    problems: messages.map((message) => ({ resource, message })),
  };
}

type ReadProfile = {
  readonly policy: ProfilePolicy;
  readonly selectors: readonly NamedSelector[];
  readonly problems: readonly HostStateProblem[];
};

function readProfile(name: string, spec: ResourceOf<"Profile">["spec"]): ReadProfile {
  const ingress = readRules(spec.ingress, "ingress");
  const egress = readRules(spec.egress, "egress");
  const complaints = [...ingress.complaints, ...egress.complaints];
  return {
    policy: { name, ingress: ingress.rules, egress: egress.rules },
    selectors: [...ingress.selectors, ...egress.selectors],
    problems: complaints.map((message) => ({ resource: `Profile/${name}`, message })),
  };
}

/** Each once, by id. */
function distinct(selectors: readonly NamedSelector[]): readonly NamedSelector[] {
  const byId = new Map(selectors.map((each) => [each.id, each]));
  return [...byId.values()].toSorted((a, b) => compareText(a.id, b.id));
}

/** Pools say whether there are tunnels; all nodes, and whom the configuration adds, are their ends. */
function deriveTunnels(
  { derivation, resources, nodes }: Cluster,
  felix: Value<FelixSettings>,
): Value<TunnelPolicy> {
  const modes = derivation.list(
    derivation.table("tunnels of pools", resources.IPPool, ({ spec }) => ({
      ipip: (spec.ipipMode || "Never") !== "Never",
      vxlan: (spec.vxlanMode || "Never") !== "Never",
    })),
  );
  const ends = derivation.list(
    derivation.table("tunnel ends", nodes, (node) => addressesOf(node).map(hostPrefix)),
  );
  return derivation.value("tunnel policy", (read) => {
    const pools = read.value(modes);
    const settings = read.value(felix);
    const others = (settings.externalNodesList ?? []).flatMap((net) => parseNet(net) ?? []);
    const vxlan = pools.some((pool) => pool.vxlan);
    return {
      ipip: pools.some((pool) => pool.ipip),
      vxlanPorts: vxlan ? [settings.vxlanPort ?? DEFAULTS.felixConfiguration.vxlanPort] : [],
      nodes: [...read.value(ends).flat(), ...others],
      fromWorkloads: {
        ipip: settings.allowIPIPPacketsFromWorkloads ?? false,
        vxlan: settings.allowVXLANPacketsFromWorkloads ?? false,
      },
    };
  });
}
