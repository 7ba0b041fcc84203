import { DEFAULT_DECISION } from "../../protocol/rib/decision-config.ts";
import type {
  Origination,
  PeerConfig,
  SpeakerConfig,
} from "../../protocol/speaker/speaker-config.ts";
import { Asn } from "../../protocol/types/asn.ts";
import { IpAddress } from "../../protocol/types/ip-address.ts";
import { Prefix } from "../../protocol/types/prefix.ts";
import { routerIdFromText } from "../../protocol/types/router-id.ts";
import type { SimHost } from "./sim-host.ts";
import { peering, type World } from "./world.ts";

/** "192.0.2.7" for 7, and on: the address of host number n. */
export function addressOf(n: number): IpAddress {
  return IpAddress(`10.200.${n >> 8}.${n & 255}`);
}

/** The k-th workload of host n. */
export function workload(n: number, k = 0): Prefix {
  return Prefix(`10.${n >> 8}.${n & 255}.${k}/32`);
}

export function originate(...prefixes: readonly Prefix[]): readonly Origination[] {
  return prefixes.map((prefix) => ({ prefix, kind: "workload" }));
}

export type HostFields = Partial<SpeakerConfig> & { readonly peers: readonly PeerConfig[] };

/** A speaker's configuration with sensible values: host n of AS 64512. */
export function hostConfig(n: number, fields: HostFields): SpeakerConfig {
  return {
    asn: Asn(64512),
    routerId: routerIdFromText(addressOf(n)),
    ownAddresses: [addressOf(n)],
    localWorkloads: [],
    nodeAddresses: [],
    decision: DEFAULT_DECISION,
    ...fields,
  };
}

/** An iBGP peering with host n of AS 64512. */
export function ibgp(n: number, fields: Partial<PeerConfig> = {}): PeerConfig {
  return peering({
    name: `h${n}`,
    address: addressOf(n),
    localAsn: Asn(64512),
    peerAsn: Asn(64512),
    ...fields,
  });
}

/** Hosts 1 to `count`, each peering with each, each with one workload. */
export function fullMesh(
  world: World,
  count: number,
  fields: Partial<PeerConfig> = {},
): readonly SimHost[] {
  const numbers = Array.from({ length: count }, (_, i) => i + 1);
  return numbers.map((n) => {
    const others = numbers.filter((each) => each !== n);
    const peers = others.map((each) => ibgp(each, fields));
    const host = world.add(`h${n}`, hostConfig(n, { peers }));
    host.originations = originate(workload(n));
    return host;
  });
}
