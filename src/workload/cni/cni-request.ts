import { CNI_ERROR, CniError, notJson } from "./cni-error.ts";

/** Every version of the specification whose results we can write. */
export const CNI_VERSIONS = [
  "0.1.0",
  "0.2.0",
  "0.3.0",
  "0.3.1",
  "0.4.0",
  "1.0.0",
  "1.1.0",
] as const;

/** A version of the specification. */
export type CniVersion = (typeof CNI_VERSIONS)[number];

/** One call of the plugin: what the environment and the standard input say. */
export type CniRequest = {
  readonly command: string;
  readonly version: CniVersion;
  readonly containerId: string;
  readonly netns: string;
  readonly interfaceName: string;
  /** CNI_ARGS, "A=b;C=d". */
  readonly args: ReadonlyMap<string, string>;
  readonly path: readonly string[];
  readonly config: NetworkConfig;
  /** As it came, for a delegated plugin. */
  readonly configText: string;
};

/** The network configuration, as far as it is looked at. */
export type NetworkConfig = {
  readonly name: string;
  readonly ipam: IpamConfig;
  readonly socket: string;
  readonly mtu?: number;
  readonly profiles?: readonly string[];
  readonly labels?: Readonly<Record<string, string>>;
  readonly dns?: unknown;
  readonly runtime: RuntimeConfig;
  readonly prevResult?: unknown;
  readonly validAttachments?: readonly Attachment[];
};

export type IpamConfig = {
  /** A plugin of that name is asked when it is not ours. */
  readonly type: string;
  readonly assignIpv4?: boolean;
  readonly assignIpv6?: boolean;
  readonly pools?: readonly string[];
};

export type RuntimeConfig = {
  readonly ips: readonly string[];
  readonly mac?: string;
  readonly portMappings: readonly PortMapping[];
};

export type PortMapping = {
  readonly hostPort: number;
  readonly containerPort: number;
  readonly protocol: string;
  readonly hostIP?: string;
};

export type Attachment = { readonly containerID: string; readonly ifname: string };

/** Types of IPAM that mean the daemon's own. */
const OWN_IPAM = new Set(["", "tortie-ipam", "tortie", "calico-ipam"]);
const DEFAULT_SOCKET = "/run/tortie/tortie.sock";

/** True when the daemon assigns the addresses, and no other plugin is asked. */
export function usesOwnIpam({ ipam }: NetworkConfig): boolean {
  return OWN_IPAM.has(ipam.type);
}

/** Reads one call. Throws CniError. */
export function readRequest(
  environment: Readonly<Record<string, string | undefined>>,
  configText: string,
): CniRequest {
  const command = environment["CNI_COMMAND"] ?? "";
  if (command === "") missing("CNI_COMMAND");
  const raw = parseObject(configText, command);
  const version = versionOf(raw, command);
  const config = configOf(raw, environment["TORTIE_SOCKET"]);
  const request = {
    command,
    version,
    containerId: environment["CNI_CONTAINERID"] ?? "",
    netns: environment["CNI_NETNS"] ?? "",
    interfaceName: environment["CNI_IFNAME"] ?? "",
    args: argsOf(environment["CNI_ARGS"] ?? ""),
    path: (environment["CNI_PATH"] ?? "").split(":").filter((each) => each !== ""),
    config,
    configText,
  };
  requireEnvironment(request);
  return request;
}

const NEEDED: { readonly [command: string]: readonly (keyof CniRequest & string)[] } = {
  ADD: ["containerId", "netns", "interfaceName"],
  CHECK: ["containerId", "netns", "interfaceName"],
  DEL: ["containerId", "interfaceName"],
  GC: [],
  STATUS: [],
  VERSION: [],
};

const VARIABLES: { readonly [field: string]: string } = {
  containerId: "CNI_CONTAINERID",
  netns: "CNI_NETNS",
  interfaceName: "CNI_IFNAME",
};

function requireEnvironment(request: CniRequest): void {
  const needed = NEEDED[request.command];
  if (needed === undefined) {
    throw new CniError(CNI_ERROR.invalidEnvironment, `unknown CNI_COMMAND: ${request.command}`);
  }
  for (const field of needed) if (request[field] === "") missing(VARIABLES[field] ?? field);
  const { containerId, interfaceName, config } = request;
  if (containerId !== "" && !/^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/.test(containerId)) {
    throw new CniError(CNI_ERROR.invalidEnvironment, `invalid CNI_CONTAINERID: ${containerId}`);
  }
  if (interfaceName !== "" && !isInterfaceName(interfaceName)) {
    throw new CniError(CNI_ERROR.invalidEnvironment, `invalid CNI_IFNAME: ${interfaceName}`);
  }
  if (config.name === "" && request.command !== "VERSION") invalid("name", undefined, "a text");
}

/** As the kernel has it (dev_valid_name): up to 15 octets. */
function isInterfaceName(name: string): boolean {
  return /^[^\s/:]+$/.test(name) && !/^\.\.?$/.test(name) && Buffer.byteLength(name) <= 15;
}

function missing(variable: string): never {
  throw new CniError(
    CNI_ERROR.invalidEnvironment,
    `required environment variable ${variable} is not set`,
  );
}

type Fields = { readonly [field: string]: unknown };

function parseObject(text: string, command: string): Fields {
  // A runtime may ask for the version without saying anything.
  if (text.trim() === "" && command === "VERSION") return {};
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return notJson("the network configuration is not JSON", error);
  }
  if (!isFields(value))
    throw new CniError(CNI_ERROR.notJson, "the network configuration is no object");
  return value;
}

function versionOf(raw: Fields, command: string): CniVersion {
  const given = textOf(raw["cniVersion"]) || "0.1.0";
  const known = CNI_VERSIONS.find((version) => version === given);
  if (known !== undefined) return known;
  if (command === "VERSION") return "1.1.0";
  throw new CniError(CNI_ERROR.incompatibleVersion, `cniVersion ${given} is not supported`, {
    details: `supported are ${CNI_VERSIONS.join(", ")}`,
  });
}

/** Absent fields have a meaning of their own, so one that cannot be read must not count as absent. */
function configOf(raw: Fields, socketFromEnvironment: string | undefined): NetworkConfig {
  const ipam = ipamOf(raw["ipam"] ?? {});
  const mtu = raw["mtu"] ?? 0;
  if (!isCount(mtu)) return invalid("mtu", mtu, "a number");
  const profiles = raw["profiles"];
  const labels = raw["labels"];
  if (labels !== undefined && !isLabels(labels)) {
    return invalid("labels", labels, "an object of texts");
  }
  const valid = raw["cni.dev/valid-attachments"] ?? raw["cni.dev/attachments"];
  return {
    name: textOf(raw["name"]),
    socket: textOf(raw["socket"]) || socketFromEnvironment || DEFAULT_SOCKET,
    ipam,
    runtime: runtimeOf(raw["runtimeConfig"] ?? {}),
    ...(mtu > 0 && { mtu }),
    ...(profiles !== undefined && { profiles: textsOf("profiles", profiles) }),
    ...(labels !== undefined && { labels }),
    ...(raw["dns"] !== undefined && { dns: raw["dns"] }),
    ...(raw["prevResult"] !== undefined && { prevResult: raw["prevResult"] }),
    ...(valid !== undefined && {
      validAttachments: listOf("cni.dev/valid-attachments", valid).map((each) => ({
        containerID: textOf(each["containerID"]),
        ifname: textOf(each["ifname"]),
      })),
    }),
  };
}

/** Where host-local finds its addresses. */
const RANGES = ["subnet", "ranges"] as const;

function ipamOf(raw: unknown): IpamConfig {
  if (!isFields(raw)) return invalid("ipam", raw, "an object");
  const type = textOf(raw["type"]);
  const range = RANGES.find((field) => raw[field] !== undefined);
  if (OWN_IPAM.has(type) && range !== undefined) {
    const field = `ipam.${range}: ${JSON.stringify(raw[range])}`;
    throw new CniError(CNI_ERROR.unsupportedField, `${field} is not supported`, {
      details: "name pools in ipam.ipv4_pools and ipv6_pools, or set ipam.type to host-local",
    });
  }
  const assignIpv4 = booleanOf("ipam.assign_ipv4", raw["assign_ipv4"]);
  const assignIpv6 = booleanOf("ipam.assign_ipv6", raw["assign_ipv6"]);
  const pools = ["ipv4_pools", "ipv6_pools"].flatMap((field) =>
    textsOf(`ipam.${field}`, raw[field] ?? []),
  );
  return {
    type,
    ...(assignIpv4 !== undefined && { assignIpv4 }),
    ...(assignIpv6 !== undefined && { assignIpv6 }),
    ...(pools.length > 0 && { pools }),
  };
}

/** What the runtime says by capability. Others than these, such as bandwidth, are passed over. */
function runtimeOf(raw: unknown): RuntimeConfig {
  if (!isFields(raw)) return invalid("runtimeConfig", raw, "an object");
  const mac = textOf(raw["mac"]);
  return {
    ips: textsOf("runtimeConfig.ips", raw["ips"] ?? []),
    portMappings: listOf("runtimeConfig.portMappings", raw["portMappings"] ?? []).map(
      portMappingOf,
    ),
    ...(mac !== "" && { mac }),
  };
}

function portMappingOf(raw: Fields): PortMapping {
  const hostIP = textOf(raw["hostIP"]);
  return {
    hostPort: Number(raw["hostPort"]),
    containerPort: Number(raw["containerPort"]),
    protocol: textOf(raw["protocol"]) || "tcp",
    ...(hostIP !== "" && { hostIP }),
  };
}

function argsOf(text: string): ReadonlyMap<string, string> {
  const pairs = text.split(";").filter((pair) => pair.includes("="));
  return new Map(
    pairs.map((pair) => {
      const at = pair.indexOf("=");
      return [pair.slice(0, at), pair.slice(at + 1)] as const;
    }),
  );
}

function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isCount(value: unknown): value is number {
  return Number.isInteger(value) && Number(value) >= 0;
}

function isLabels(value: unknown): value is Readonly<Record<string, string>> {
  return isFields(value) && Object.values(value).every((each) => typeof each === "string");
}

function listOf(field: string, value: unknown): readonly Fields[] {
  if (!Array.isArray(value) || !value.every(isFields)) {
    return invalid(field, value, "a list of objects");
  }
  return value;
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function textsOf(field: string, value: unknown): readonly string[] {
  if (!Array.isArray(value) || !value.every((each) => typeof each === "string")) {
    return invalid(field, value, "a list of texts");
  }
  return value;
}

/** Calico's configurations write "true" as often as true. */
function booleanOf(field: string, value: unknown): boolean | undefined {
  if (value === undefined) return undefined;
  if (value === true || value === "true") return true;
  return value === false || value === "false" ? false : invalid(field, value, "true or false");
}

function invalid(field: string, value: unknown, expected: string): never {
  throw new CniError(
    CNI_ERROR.invalidConfiguration,
    `${field}: ${JSON.stringify(value) ?? "nothing"} is not ${expected}`,
  );
}
