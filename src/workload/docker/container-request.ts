import { type IpAddress, ipVersion, parseIpAddress } from "../../../protocol/types/ip-address.ts";
import { whyNotATag } from "../../resources/legacy-profile.ts";

/** What a new container's environment asks of us. */
export type WantedNetworking = {
  readonly addresses:
    | { readonly from: "auto" }
    | { readonly from: "value"; readonly addresses: readonly IpAddress[] };
  /** As typed. */
  readonly profile: string | undefined;
};

export type ReadRequest =
  /** No CALICO_IP: none of our business. */
  | { readonly type: "none" }
  | { readonly type: "wanted"; readonly wanted: WantedNetworking }
  | { readonly type: "refused"; readonly message: string };

/** Reads CALICO_IP and CALICO_PROFILE out of the body of POST /containers/create, of which nothing is known yet. */
export function readContainerRequest(request: unknown): ReadRequest {
  if (!isFields(request)) return { type: "none" };
  const environment = environmentOf(request["Env"]);
  const text = environment.get("CALICO_IP");
  if (text === undefined) return { type: "none" };
  const complaint = networkComplaint(request);
  if (complaint !== undefined) return { type: "refused", message: complaint };
  const addresses = readAddresses(text);
  if (typeof addresses === "string") return { type: "refused", message: addresses };
  const profile = environment.get("CALICO_PROFILE");
  const why = profile === undefined ? undefined : whyNotATag(profile);
  if (why !== undefined) {
    return { type: "refused", message: `CALICO_PROFILE ${JSON.stringify(profile)} ${why}` };
  }
  return { type: "wanted", wanted: { addresses, profile } };
}

/** How the container shall be connected. */
export type FrontDoorNetwork = {
  readonly network: string;
  readonly token: string;
  readonly addresses: readonly IpAddress[];
  readonly profiles: readonly string[];
};

/** On the container: finds it again by docker's filters, and in the event that says it is gone. */
export const TOKEN_LABEL = "org.tortie.endpoint";
/** On its endpoint, where docker keeps them for the container's life and tells our driver at each start. */
export const DRIVER_OPTION = {
  token: "org.tortie.endpoint",
  addresses: "org.tortie.addresses",
  profiles: "org.tortie.profiles",
} as const;

/** The same request, for a container that our network connects. */
export function withFrontDoorNetwork(
  request: unknown,
  { network, token, addresses, profiles }: FrontDoorNetwork,
): unknown {
  const given = isFields(request) ? request : {};
  const labels = isFields(given["Labels"]) ? given["Labels"] : {};
  const hostConfig = isFields(given["HostConfig"]) ? given["HostConfig"] : {};
  return {
    ...given,
    Labels: { ...labels, [TOKEN_LABEL]: token },
    HostConfig: { ...hostConfig, NetworkMode: network },
    NetworkingConfig: {
      EndpointsConfig: {
        [network]: {
          DriverOpts: {
            [DRIVER_OPTION.token]: token,
            [DRIVER_OPTION.addresses]: addresses.join(","),
            [DRIVER_OPTION.profiles]: profiles.join(","),
          },
        },
      },
    },
  };
}

function environmentOf(given: unknown): ReadonlyMap<string, string> {
  const environment = new Map<string, string>();
  for (const entry of Array.isArray(given) ? given : []) {
    const [, name, value] = /^([^=]+)=(.*)$/s.exec(String(entry)) ?? [];
    // Of two values of one name, a process sees the later one.
    if (name !== undefined && value !== undefined) environment.set(name, value.trim());
  }
  return environment;
}

/** A container has one way to be connected: a network of docker's that was asked for as well would be a second one. */
const NETWORKS_IN_PLACE_OF_WHICH_OURS_COMES = new Set(["", "default", "bridge", "none"]);

function networkComplaint(request: Fields): string | undefined {
  const hostConfig = isFields(request["HostConfig"]) ? request["HostConfig"] : {};
  const mode = typeof hostConfig["NetworkMode"] === "string" ? hostConfig["NetworkMode"] : "";
  if (request["NetworkDisabled"] === true) return "CALICO_IP needs a container with a network";
  if (NETWORKS_IN_PLACE_OF_WHICH_OURS_COMES.has(mode)) return undefined;
  return `CALICO_IP cannot be used together with --network ${mode}: leave one of the two out`;
}

function readAddresses(text: string): WantedNetworking["addresses"] | string {
  if (text === "auto") return { from: "auto" };
  const addresses: IpAddress[] = [];
  for (const word of text.split(",").map((word) => word.trim())) {
    const address = parseIpAddress(word);
    if (address === undefined) {
      return `CALICO_IP ${JSON.stringify(text)} is not an IP address: give one, or auto`;
    }
    if (addresses.some((other) => ipVersion(other) === ipVersion(address))) {
      return `CALICO_IP ${text} has two IPv${ipVersion(address)} addresses: give one of each family`;
    }
    addresses.push(address);
  }
  return { from: "value", addresses };
}

type Fields = Readonly<Record<string, unknown>>;

function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
