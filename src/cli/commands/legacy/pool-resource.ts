import { ipVersion } from "../../../../protocol/types/ip-address.ts";
import { type Prefix, prefixAddress } from "../../../../protocol/types/prefix.ts";
import type { Datastore, WriteResult } from "../../../datastore/datastore.ts";
import { API_VERSION } from "../../../resources/resource.ts";

/** A pool as a person of 2015 asks for one. */
export type NewPool = {
  readonly cidr: string;
  readonly name: string;
  readonly ipip?: boolean;
  readonly natOutgoing?: boolean;
};

/** Creates the resource, with every field written out as Calico does: its own clients count on that. */
export function addPool(datastore: Datastore, pool: NewPool): Promise<WriteResult> {
  const { cidr, name, ipip = false, natOutgoing = false } = pool;
  return datastore.create({
    apiVersion: API_VERSION,
    kind: "IPPool",
    metadata: { name },
    spec: {
      cidr,
      blockSize: cidr.includes(":") ? 122 : 26,
      ipipMode: ipip ? "Always" : "Never",
      vxlanMode: "Never",
      natOutgoing,
      nodeSelector: "all()",
      allowedUses: ["Workload", "Tunnel"],
    },
  });
}

/** "192.168.0.0-16", "fd80-24e2-f998-72d6---64": as Calico names pools that come from older versions. */
export function poolName(cidr: Prefix): string {
  const text = cidr.replaceAll(/[:/]/g, "-");
  // A name begins with a letter or a digit.
  return ipVersion(prefixAddress(cidr)) === 6 && text.startsWith("-") ? `0${text}` : text;
}
