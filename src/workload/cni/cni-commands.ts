import { unreachable } from "../../../protocol/types/never.ts";
import { CNI_ERROR, CniError } from "./cni-error.ts";
import { CNI_VERSIONS, type CniRequest, usesOwnIpam } from "./cni-request.ts";
import { addressesOfResult, resultOf } from "./cni-result.ts";
import { callDaemon } from "./daemon-call.ts";
import { delegate, delegatedAddresses } from "./delegated-ipam.ts";

/** Which network a container was attached by: GC looks only at its own. */
const NETWORK_ANNOTATION = "tortie.dev/cni-network";
/** Without policy of its own a container may talk to everybody, as with other plugins. */
const DEFAULT_PROFILES = ["projectcalico-default-allow"];

type Command = "ADD" | "DEL" | "CHECK" | "STATUS" | "GC" | "VERSION";

/** Carries a call out; answers what goes to standard output, undefined for nothing. */
export async function run(request: CniRequest): Promise<object | undefined> {
  const command = request.command as Command;
  switch (command) {
    case "ADD":
      return add(request);
    case "DEL":
      return remove(request);
    case "CHECK":
      return check(request);
    case "STATUS":
      return status(request);
    case "GC":
      return collectGarbage(request);
    case "VERSION":
      return { cniVersion: request.version, supportedVersions: CNI_VERSIONS };
    default:
      return unreachable(command);
  }
}

async function add(request: CniRequest): Promise<object> {
  const { config, netns, interfaceName, version } = request;
  const own = usesOwnIpam(config);
  const delegated = own ? undefined : await delegatedAddresses(request);
  const { mtu } = config;
  const mac = config.runtime.mac ?? request.args.get("MAC");
  const ports = portsOf(request);
  try {
    const connected = await callDaemon(config.socket, {
      method: "POST",
      path: "/v1/workloads",
      body: {
        ...identityOf(request),
        containerId: request.containerId,
        ...podOf(request),
        attachment: { type: "namespace", netns, interfaceName },
        addresses: delegated
          ? { from: "elsewhere", addresses: delegated.addresses }
          : ownAddresses(request),
        ...(own && { handle: handleOf(request) }),
        profiles: config.profiles ?? DEFAULT_PROFILES,
        ...(config.labels && { labels: config.labels }),
        annotations: { [NETWORK_ANNOTATION]: config.name },
        ...(ports.length > 0 && { ports }),
        ...(mac !== undefined && { mac }),
        ...(mtu !== undefined && { mtu }),
      },
    });
    return resultOf(
      {
        hostInterface: String(connected["hostInterface"]),
        mac: String(connected["mac"]),
        mtu: Number(connected["mtu"]),
        addresses: connected["addresses"] as readonly string[],
        interfaceName,
        netns,
        dns: delegated?.dns ?? config.dns,
      },
      version,
    );
  } catch (error) {
    // What the plugin assigned goes back; the first failure is the one to tell.
    if (!own) await delegate(request, "DEL").catch(() => {});
    throw error;
  }
}

/** What is gone already is no error: a runtime asks again until it is told that nothing is left. */
async function remove(request: CniRequest): Promise<undefined> {
  const { config, containerId } = request;
  const own = usesOwnIpam(config);
  await callDaemon(config.socket, {
    method: "POST",
    path: "/v1/workloads/remove",
    body: { ...identityOf(request), containerId, ...(own && { handle: handleOf(request) }) },
  });
  if (!own) await delegate(request, "DEL");
}

async function check(request: CniRequest): Promise<undefined> {
  const { config, netns, interfaceName, version } = request;
  if (["0.1.0", "0.2.0", "0.3.0", "0.3.1"].includes(version)) {
    throw new CniError(CNI_ERROR.incompatibleVersion, `CHECK does not exist in version ${version}`);
  }
  if (config.prevResult === undefined) {
    throw new CniError(CNI_ERROR.invalidConfiguration, "prevResult is missing");
  }
  if (!usesOwnIpam(config)) await delegate(request, "CHECK");
  const answer = await callDaemon(config.socket, {
    method: "POST",
    path: "/v1/workloads/check",
    body: {
      ...identityOf(request),
      inside: { netns, interfaceName, addresses: addressesOfResult(config.prevResult) },
    },
  });
  const problems = answer["problems"] as readonly string[];
  if (problems.length > 0) throw new CniError(CNI_ERROR.checkFailed, problems.join("; "));
}

async function status(request: CniRequest): Promise<undefined> {
  const health = await callDaemon(request.config.socket, {
    method: "GET",
    path: "/v1/status",
  }).then(
    (report) => report["health"],
    (error: Error) => {
      throw new CniError(CNI_ERROR.notAvailable, error.message);
    },
  );
  if (health === "starting" || health === "stopping") {
    throw new CniError(CNI_ERROR.notAvailable, `tortied is ${String(health)}`);
  }
  if (!usesOwnIpam(request.config)) await delegate(request, "STATUS");
}

async function collectGarbage(request: CniRequest): Promise<undefined> {
  const { config } = request;
  if (config.validAttachments === undefined) {
    throw new CniError(CNI_ERROR.invalidConfiguration, "cni.dev/valid-attachments is missing");
  }
  await callDaemon(config.socket, {
    method: "POST",
    path: "/v1/workloads/gc",
    body: {
      orchestrators: ["cni", "k8s"],
      annotation: { name: NETWORK_ANNOTATION, value: config.name },
      valid: config.validAttachments.map(({ containerID, ifname }) => ({
        containerId: containerID,
        endpoint: ifname,
      })),
    },
  });
  if (!usesOwnIpam(config)) await delegate(request, "GC");
}

/** A pod is itself whatever container it has; anything else is its container. */
function identityOf(request: CniRequest) {
  const { containerId, interfaceName } = request;
  const pod = podOf(request);
  return pod === undefined
    ? { orchestrator: "cni", workload: containerId, endpoint: interfaceName }
    : {
        orchestrator: "k8s",
        workload: pod.pod,
        endpoint: interfaceName,
        namespace: request.args.get("K8S_POD_NAMESPACE"),
      };
}

/** Podman gives its containers' names as pods' names, but no namespace. */
function podOf({ args }: CniRequest): { readonly pod: string } | undefined {
  const pod = args.get("K8S_POD_NAME");
  return pod && args.get("K8S_POD_NAMESPACE") ? { pod } : undefined;
}

/** "network.container", as Calico's plugin names its handles; a second interface has one of its own. */
function handleOf({ config, containerId, interfaceName }: CniRequest): string {
  const handle = `${config.name}.${containerId}`;
  return interfaceName === "eth0" ? handle : `${handle}.${interfaceName}`;
}

/** What the runtime asks for by address, else as many as the configuration says. */
function ownAddresses({ config, args }: CniRequest): object {
  const fromArgs = (args.get("IP") ?? "").split(",").filter((each) => each !== "");
  const asked = config.runtime.ips.length > 0 ? config.runtime.ips : fromArgs;
  if (asked.length > 0) {
    return { from: "claim", addresses: asked.map((each) => each.split("/")[0]) };
  }
  const { assignIpv4, assignIpv6, pools } = config.ipam;
  return {
    from: "auto",
    ...(assignIpv4 !== undefined && { ipv4: Number(assignIpv4) }),
    ...(assignIpv6 !== undefined && { ipv6: Number(assignIpv6) }),
    ...(pools && { pools }),
  };
}

function portsOf({ config }: CniRequest): readonly object[] {
  return config.runtime.portMappings.map(({ hostPort, containerPort, protocol, hostIP }) => ({
    protocol: protocol.toUpperCase(),
    port: containerPort,
    hostPort,
    ...(hostIP !== undefined && { hostIP }),
  }));
}
