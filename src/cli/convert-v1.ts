import { API_VERSION, type Resource } from "../resources/resource.ts";
import { ExitCode } from "./exit-code.ts";
import { CommandFailure } from "./failure.ts";

/*
 * Calico's resources of 2016 and 2017 (apiVersion: v1) in today's shape. Names were free then: addresses and prefixes become
 * names with dashes. A tag is today a label that a profile gives to its endpoints.
 */

type Old = { readonly [field: string]: unknown };

/** One old object as today's; today's comes out as it is. Throws a failure for what has no counterpart. */
export function convertV1(value: unknown): readonly Resource[] {
  if (!isObject(value)) throw cannot("an object without apiVersion and kind");
  if (value["apiVersion"] === API_VERSION) return [value as unknown as Resource];
  const kind = String(value["kind"]);
  const convert = CONVERTERS[kind];
  if (value["apiVersion"] !== "v1" || convert === undefined) {
    throw cannot(`${value["apiVersion"]} ${kind}`, `v1 of ${Object.keys(CONVERTERS).join(", ")}`);
  }
  const metadata = object(value["metadata"]);
  return [convert({ metadata, spec: object(value["spec"]) })];
}

type Input = { readonly metadata: Old; readonly spec: Old };

const CONVERTERS: { readonly [kind: string]: (old: Input) => Resource } = {
  bgpPeer: ({ metadata, spec }) => {
    const address = String(metadata["peerIP"]);
    const node = metadata["node"];
    const name = ["bgppeer", ...(node === undefined ? [] : [node]), address].map(nameOf).join("-");
    return resource(
      "BGPPeer",
      { name },
      {
        peerIP: address,
        ...(node !== undefined && { node }),
        asNumber: Number(spec["asNumber"]),
      },
    );
  },
  ipPool: ({ metadata, spec }) => {
    const ipip = object(spec["ipip"]);
    const mode = ipip["mode"] === "cross-subnet" ? "CrossSubnet" : "Always";
    return resource(
      "IPPool",
      { name: `ippool-${nameOf(metadata["cidr"])}` },
      {
        cidr: metadata["cidr"],
        ipipMode: ipip["enabled"] === true ? mode : "Never",
        natOutgoing: spec["nat-outgoing"] === true,
        ...(spec["disabled"] === true && { disabled: true }),
      },
    );
  },
  node: ({ metadata, spec }) => {
    const { asNumber, ...bgp } = object(spec["bgp"]);
    const addresses = { ...bgp, ...(asNumber !== undefined && { asNumber: Number(asNumber) }) };
    return resource("Node", named(metadata), spec["bgp"] === undefined ? {} : { bgp: addresses });
  },
  profile: ({ metadata, spec }) => {
    const tags = list(metadata["tags"]).map((tag) => [String(tag), ""]);
    return resource("Profile", named(metadata), {
      ...rulesOf(spec),
      labelsToApply: { ...object(metadata["labels"]), ...Object.fromEntries(tags) },
    });
  },
  policy: ({ metadata, spec }) =>
    resource("GlobalNetworkPolicy", named(metadata), {
      ...(spec["order"] !== undefined && { order: spec["order"] }),
      selector: spec["selector"] ?? "all()",
      ...rulesOf(spec),
    }),
  hostEndpoint: ({ metadata, spec }) =>
    resource(
      "HostEndpoint",
      { ...named(metadata), ...labels(metadata) },
      {
        node: metadata["node"],
        ...spec,
      },
    ),
};

function resource(kind: string, metadata: { readonly name: string }, spec: Old): Resource {
  return { apiVersion: API_VERSION, kind, metadata, spec };
}

function named(metadata: Old): { readonly name: string } {
  return { name: nameOf(metadata["name"]) };
}

function labels(metadata: Old): { readonly labels?: Old } {
  return metadata["labels"] === undefined ? {} : { labels: object(metadata["labels"]) };
}

function rulesOf(spec: Old): Old {
  return {
    ...(spec["ingress"] !== undefined && { ingress: list(spec["ingress"]).map(ruleOf) }),
    ...(spec["egress"] !== undefined && { egress: list(spec["egress"]).map(ruleOf) }),
  };
}

function ruleOf(rule: unknown): Old {
  const {
    action,
    source,
    destination,
    icmp,
    "!icmp": notIcmp,
    protocol,
    "!protocol": notProtocol,
    ...rest
  } = object(rule);
  return {
    ...rest,
    action: ACTIONS[String(action)] ?? action,
    ...(protocol !== undefined && { protocol: protocolOf(protocol) }),
    ...(notProtocol !== undefined && { notProtocol: protocolOf(notProtocol) }),
    ...(icmp !== undefined && { icmp }),
    ...(notIcmp !== undefined && { notICMP: notIcmp }),
    ...(source !== undefined && { source: entityOf(object(source)) }),
    ...(destination !== undefined && { destination: entityOf(object(destination)) }),
  };
}

const ACTIONS: { readonly [old: string]: string } = {
  allow: "Allow",
  deny: "Deny",
  log: "Log",
  "next-tier": "Pass",
  pass: "Pass",
};

function protocolOf(protocol: unknown): unknown {
  return typeof protocol === "string"
    ? protocol.toUpperCase().replace("UDPLITE", "UDPLite").replace("ICMPV6", "ICMPv6")
    : protocol;
}

/** A tag and a selector both had to match. */
function entityOf(entity: Old): Old {
  const {
    tag,
    "!tag": notTag,
    net,
    "!net": notNet,
    nets,
    "!nets": notNets,
    selector,
    "!selector": notSelector,
    ports,
    "!ports": notPorts,
  } = entity;
  const wanted = [
    ...(tag === undefined ? [] : [`has(${tag})`]),
    ...(selector === undefined ? [] : [`(${selector})`]),
  ];
  const unwanted = [
    ...(notTag === undefined ? [] : [`has(${notTag})`]),
    ...(notSelector === undefined ? [] : [`(${notSelector})`]),
  ];
  return {
    ...(wanted.length > 0 && { selector: wanted.join(" && ") }),
    ...(unwanted.length > 0 && { notSelector: unwanted.join(" || ") }),
    ...netsOf("nets", net, nets),
    ...netsOf("notNets", notNet, notNets),
    ...(ports !== undefined && { ports }),
    ...(notPorts !== undefined && { notPorts }),
  };
}

function netsOf(name: string, one: unknown, several: unknown): Old {
  const all = [...(one === undefined ? [] : [one]), ...list(several)];
  return all.length === 0 ? {} : { [name]: all };
}

/** "192.168.0.0/16" → "192-168-0-0-16": lower-case letters, digits and dashes. */
function nameOf(text: unknown): string {
  return String(text)
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, "-")
    .replaceAll(/^-|-$/g, "");
}

function object(value: unknown): Old {
  return isObject(value) ? value : {};
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function isObject(value: unknown): value is Old {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function cannot(what: string, fix?: string): CommandFailure {
  return new CommandFailure({
    what: `${what} cannot be converted`,
    fix,
    exitCode: ExitCode.invalidInput,
  });
}
