import { createHash } from "node:crypto";

/**
 * The MAC address of a node's VXLAN device where its Node names none, as Calico derives it, so that both agree without
 * having spoken: "f" and the first five octets of the SHA-1 of the node's name, which for IPv6 ends in "-v6".
 */
export function vtepMacAddress(nodeName: string, version: 4 | 6): string {
  const hash = createHash("sha1").update(version === 6 ? `${nodeName}-v6` : nodeName);
  const octets = Buffer.concat([Buffer.from("f"), hash.digest().subarray(0, 5)]);
  return Array.from(octets, (octet) => octet.toString(16).padStart(2, "0")).join(":");
}
