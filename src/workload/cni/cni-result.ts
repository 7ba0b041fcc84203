import { notJson } from "./cni-error.ts";
import type { CniVersion } from "./cni-request.ts";

/** What a container got, before it is written in the words of one version. */
export type Connection = {
  readonly hostInterface: string;
  readonly interfaceName: string;
  readonly netns: string;
  readonly mac: string;
  readonly mtu: number;
  readonly addresses: readonly string[];
  readonly dns: unknown;
};

/** The host's end has this MAC address in every container's eyes. */
const HOST_SIDE_MAC = "ee:ee:ee:ee:ee:ee";

/** The success result of ADD in the words of a version. Until 0.2.0 there was one address a family, and no interfaces. */
export function resultOf(connection: Connection, version: CniVersion): object {
  const dns = connection.dns === undefined ? {} : { dns: connection.dns };
  if (version === "0.1.0" || version === "0.2.0") {
    return { cniVersion: version, ...oldAddresses(connection), ...dns };
  }
  const tellsVersion = version.startsWith("0.");
  return {
    cniVersion: version,
    interfaces: interfacesOf(connection, version),
    ips: connection.addresses.map((address) => ({
      ...(tellsVersion && { version: isIpv6(address) ? "6" : "4" }),
      interface: 1,
      address: networkOf(address),
      gateway: gatewayOf(address),
    })),
    routes: defaultRoutes(connection.addresses),
    ...dns,
  };
}

function interfacesOf(
  { hostInterface, interfaceName, netns, mac, mtu }: Connection,
  version: CniVersion,
) {
  const size = version === "1.1.0" ? { mtu } : {};
  return [
    { name: hostInterface, mac: HOST_SIDE_MAC, ...size },
    { name: interfaceName, mac, sandbox: netns, ...size },
  ];
}

function oldAddresses({ addresses }: Connection): object {
  const [ip4, ip6] = [false, true].map((wanted) => {
    const address = addresses.find((each) => isIpv6(each) === wanted);
    return (
      address && {
        ip: networkOf(address),
        gateway: gatewayOf(address),
        routes: defaultRoutes([address]),
      }
    );
  });
  return { ...(ip4 && { ip4 }), ...(ip6 && { ip6 }) };
}

function defaultRoutes(addresses: readonly string[]) {
  return [false, true].flatMap((wanted) => {
    const address = addresses.find((each) => isIpv6(each) === wanted);
    if (address === undefined) return [];
    return [{ dst: wanted ? "::/0" : "0.0.0.0/0", gw: gatewayOf(address) }];
  });
}

function isIpv6(address: string): boolean {
  return address.includes(":");
}

function networkOf(address: string): string {
  return `${address}/${isIpv6(address) ? 128 : 32}`;
}

function gatewayOf(address: string): string {
  return isIpv6(address) ? "fe80::1" : "169.254.1.1";
}

/** The addresses of an IPAM plugin's result, whatever its version, and its dns. */
export function readIpamResult(text: string): {
  readonly addresses: readonly string[];
  readonly dns: unknown;
} {
  const value = parse(text);
  const listed = Array.isArray(value["ips"]) ? value["ips"] : [value["ip4"], value["ip6"]];
  const addresses = listed.flatMap(
    (each: { readonly address?: unknown; readonly ip?: unknown } | undefined) => {
      const network = each?.address ?? each?.ip;
      return typeof network === "string" ? [network.split("/")[0] ?? ""] : [];
    },
  );
  return { addresses, dns: value["dns"] };
}

/** The addresses that a runtime says a container has: prevResult of CHECK. */
export function addressesOfResult(result: unknown): readonly string[] {
  return readIpamResult(JSON.stringify(result ?? {})).addresses;
}

function parse(text: string): { readonly [field: string]: unknown } {
  try {
    return JSON.parse(text) as { readonly [field: string]: unknown };
  } catch (error) {
    return notJson("the IPAM plugin's answer is not JSON", error);
  }
}
