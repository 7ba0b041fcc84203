import { IpAddress, ipVersion } from "../../protocol/types/ip-address.ts";

/** Every workload's IPv4 default gateway, whatever its host: the host's end of its interface answers for it. */
export const IPV4_GATEWAY = IpAddress("169.254.1.1");
/** Every workload's IPv6 default gateway. */
export const IPV6_GATEWAY = IpAddress("fe80::1");

/** The gateways of a workload with these addresses. */
export function gatewaysFor(addresses: readonly IpAddress[]): readonly IpAddress[] {
  return [IPV4_GATEWAY, IPV6_GATEWAY].filter((gateway) =>
    addresses.some((address) => ipVersion(address) === ipVersion(gateway)),
  );
}
