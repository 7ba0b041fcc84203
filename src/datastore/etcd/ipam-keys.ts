import { ipVersion } from "../../../protocol/types/ip-address.ts";
import { type Prefix, parsePrefix, prefixAddress } from "../../../protocol/types/prefix.ts";
import {
  affinityName,
  blockName,
  IPAM_CONFIGURATION_NAME,
  parseAffinityName,
  parseBlockName,
} from "../../resources/ipam-names.ts";
import type { ResourceKey } from "../../resources/resource.ts";

/**
 * Where Calico keeps what IPAM knows. The keys are older than its resources: they hold address ranges and owners, and no names.
 *
 *     /calico/ipam/v2/assignment/ipv4/block/192.168.0.0-26
 *     /calico/ipam/v2/host/node-1/ipv4/block/192.168.0.0-26     (virtual/… for owners that are no hosts)
 *     /calico/ipam/v2/handle/k8s-pod-network.4a7b…
 *     /calico/ipam/v2/config
 */
export const IPAM_PREFIX = "/calico/ipam/v2/";

const BLOCKS = `${IPAM_PREFIX}assignment/`;
const HANDLES = `${IPAM_PREFIX}handle/`;
const CONFIG = `${IPAM_PREFIX}config`;

/** What the keys of each kind begin with. */
const PREFIXES: ReadonlyMap<string, readonly string[]> = new Map([
  ["IPAMBlock", [BLOCKS]],
  ["BlockAffinity", [`${IPAM_PREFIX}host/`, `${IPAM_PREFIX}virtual/`]],
  ["IPAMHandle", [HANDLES]],
  ["IPAMConfiguration", [CONFIG]],
]);

export const IPAM_KINDS: readonly string[] = [...PREFIXES.keys()];

export function isIpamKind(kind: string): boolean {
  return PREFIXES.has(kind);
}

/** What the keys of a kind begin with; of affinities, perhaps only those of one host. */
export function ipamPrefixes(kind: string, affinitiesOf?: string): readonly string[] {
  if (kind === "BlockAffinity" && affinitiesOf !== undefined) {
    return [`${IPAM_PREFIX}host/${affinitiesOf}/`];
  }
  return PREFIXES.get(kind) ?? [];
}

/** The key of one of IPAM's objects; undefined when its name leads to none. */
export function ipamKeyOf({ kind, namespace, name }: ResourceKey): string | undefined {
  if (namespace !== undefined) return undefined;
  switch (kind) {
    case "IPAMBlock": {
      const cidr = parseBlockName(name);
      return cidr && `${BLOCKS}${blockPath(cidr)}`;
    }
    case "BlockAffinity": {
      const named = parseAffinityName(name);
      return named && `${IPAM_PREFIX}${named.type}/${named.node}/${blockPath(named.cidr)}`;
    }
    case "IPAMHandle":
      return name === "" || name.includes("/") ? undefined : `${HANDLES}${name}`;
    case "IPAMConfiguration":
      return name === IPAM_CONFIGURATION_NAME ? CONFIG : undefined;
    default:
      return undefined;
  }
}

/** Which of IPAM's objects a key names; undefined for a key of something else. */
export function ipamObjectOf(etcdKey: string): ResourceKey | undefined {
  if (!etcdKey.startsWith(IPAM_PREFIX)) return undefined;
  if (etcdKey === CONFIG) return { kind: "IPAMConfiguration", name: IPAM_CONFIGURATION_NAME };
  const parts = etcdKey.slice(IPAM_PREFIX.length).split("/");
  const [folder, first = ""] = parts;
  if (folder === "handle" && first !== "" && parts.length === 2) {
    return { kind: "IPAMHandle", name: first };
  }
  if (folder === "assignment" && parts.length === 4) {
    const cidr = blockAt(parts.slice(1));
    return cidr && { kind: "IPAMBlock", name: blockName(cidr) };
  }
  if ((folder === "host" || folder === "virtual") && first !== "" && parts.length === 5) {
    const cidr = blockAt(parts.slice(2));
    const name = cidr && affinityName({ type: folder, node: first, cidr });
    return name === undefined ? undefined : { kind: "BlockAffinity", name };
  }
  return undefined;
}

/** "ipv4/block/192.168.0.0-26". */
function blockPath(cidr: Prefix): string {
  return `ipv${ipVersion(prefixAddress(cidr))}/block/${cidr.replace("/", "-")}`;
}

/** Another spelling of the same range would be another key, which could not be written back. */
function blockAt(parts: readonly string[]): Prefix | undefined {
  const cidr = parsePrefix((parts.at(-1) ?? "").replace("-", "/"));
  return cidr !== undefined && blockPath(cidr) === parts.join("/") ? cidr : undefined;
}
