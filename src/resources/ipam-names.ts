import { type Prefix, parsePrefix } from "../../protocol/types/prefix.ts";

/**
 * Names of IPAM's objects. In etcd they have none: their keys hold the address range and the owner (see ipam-keys.ts). Names
 * here can be read back, so that a name leads to a key and a key to a name.
 */

/** Who owns a block: a host, or something that is no host ("load-balancer"). */
export type BlockOwner = { readonly type: "host" | "virtual"; readonly node: string };

/** "192-168-0-0-26", "fd00---122": as Calico names blocks in Kubernetes. */
export function blockName(cidr: Prefix): string {
  return cidr.replaceAll(/[.:/]/g, "-");
}

/** The reverse of blockName; undefined for what is no block's name. */
export function parseBlockName(name: string): Prefix | undefined {
  const slash = name.lastIndexOf("-");
  const [address, length] = [name.slice(0, Math.max(0, slash)), name.slice(slash + 1)];
  const isIpv4 = /^\d+-\d+-\d+-\d+$/.test(address);
  const cidr = parsePrefix(`${address.replaceAll("-", isIpv4 ? "." : ":")}/${length}`);
  return cidr !== undefined && blockName(cidr) === name ? cidr : undefined;
}

/** "host.192-168-0-0-26.node-1": the node comes last, for it may hold any number of dots. */
export function affinityName({ type, node, cidr }: BlockOwner & { readonly cidr: Prefix }): string {
  return `${type}.${blockName(cidr)}.${node}`;
}

/** The reverse of affinityName; undefined for what is no affinity's name. */
export function parseAffinityName(
  name: string,
): (BlockOwner & { readonly cidr: Prefix }) | undefined {
  const [, type, block = "", node] = /^(host|virtual)\.([^.]+)\.(.+)$/.exec(name) ?? [];
  const cidr = parseBlockName(block);
  if (cidr === undefined || node === undefined || node.includes("/")) return undefined;
  return type === "host" ? { type, node, cidr } : { type: "virtual", node, cidr };
}

/** The one IPAMConfiguration there is. */
export const IPAM_CONFIGURATION_NAME = "default";
