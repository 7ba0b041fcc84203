import type { IpAddress } from "../../protocol/types/ip-address.ts";
import {
  type Prefix,
  parsePrefix,
  prefixContains,
  prefixContainsAddress,
} from "../../protocol/types/prefix.ts";
import type { Datastore } from "../datastore/datastore.ts";
import { DEFAULTS } from "../resources/defaults.ts";
import { IPAM_CONFIGURATION_NAME } from "../resources/ipam-names.ts";
import type { Resource } from "../resources/resource.ts";
import type { Labels } from "../resources/selector.ts";
import { versionOf } from "./address-range.ts";
import type { IntendedUse } from "./assign-request.ts";

/** What people have said about addresses: pools, reservations, limits, and the labels that selectors look at. */
export type IpamSettings = {
  readonly pools: readonly Pool[];
  /** Never chosen by us; whoever asks for such an address by its value gets it. */
  readonly reserved: readonly Prefix[];
  /** No host borrows from another's blocks. */
  readonly strictAffinity: boolean;
  /** Hosts claim blocks when they need them. */
  readonly autoAllocateBlocks: boolean;
  readonly maxBlocksPerHost: number;
  readonly cooldownSeconds: number;
  /** Undefined for a host that is no Node. */
  readonly labelsOf: (host: string) => Labels | undefined;
};

/** A pool with its defaults filled in. */
export type Pool = {
  readonly name: string;
  readonly cidr: Prefix;
  readonly blockLength: number;
  readonly disabled: boolean;
  readonly automatic: boolean;
  readonly nodeSelector: string;
  readonly namespaceSelector: string;
  readonly allowedUses: readonly IntendedUse[];
};

/** The kinds that settings are made of. */
export const SETTINGS_KINDS = ["IPPool", "IPReservation", "IPAMConfiguration", "Node"] as const;

/** As they are in the datastore now. */
export async function readSettings(datastore: Datastore): Promise<IpamSettings> {
  const { resources } = await datastore.list({ kinds: SETTINGS_KINDS });
  return settingsOf(resources);
}

/** From objects of SETTINGS_KINDS; others are skipped, and so are pools that no version of ours could have accepted. */
export function settingsOf(resources: Iterable<Resource>): IpamSettings {
  const pools: Pool[] = [];
  const reserved: Prefix[] = [];
  const labels = new Map<string, Labels>();
  let configuration: Resource["spec"] = {};
  for (const resource of resources) {
    const { kind, metadata, spec } = resource;
    if (kind === "IPPool") pools.push(...poolOf(resource));
    else if (kind === "IPReservation") reserved.push(...prefixesOf(spec["reservedCIDRs"]));
    else if (kind === "Node") labels.set(metadata.name, metadata.labels ?? {});
    else if (kind === "IPAMConfiguration" && metadata.name === IPAM_CONFIGURATION_NAME)
      configuration = spec;
  }
  return {
    pools: pools.toSorted((a, b) => (a.name < b.name ? -1 : 1)),
    reserved,
    strictAffinity: configuration["strictAffinity"] === true,
    autoAllocateBlocks: configuration["autoAllocateBlocks"] !== false,
    // Zero is "nobody has said", and then Calico's own limit holds.
    maxBlocksPerHost: numberOf(configuration["maxBlocksPerHost"]) || BUILT_IN_MAX_BLOCKS,
    cooldownSeconds: numberOf(configuration["ipCooldownSeconds"]),
    labelsOf: (host) => labels.get(host),
  };
}

/** The pool that holds an address or block, disabled or not. */
export function poolHolding(
  { pools }: Pick<IpamSettings, "pools">,
  what: IpAddress | Prefix,
): Pool | undefined {
  return pools.find(({ cidr }) =>
    what.includes("/")
      ? prefixContains(cidr, what as Prefix)
      : prefixContainsAddress(cidr, what as IpAddress),
  );
}

/** Calico's limit for hosts when maxBlocksPerHost is 0. */
const BUILT_IN_MAX_BLOCKS = 20;

function poolOf({ metadata, spec }: Resource): readonly Pool[] {
  const cidr = typeof spec["cidr"] === "string" ? parsePrefix(spec["cidr"]) : undefined;
  if (cidr === undefined) return [];
  const defaults = DEFAULTS.ipPool;
  const usual = versionOf(cidr) === 4 ? defaults.ipv4BlockSize : defaults.ipv6BlockSize;
  const uses = spec["allowedUses"] as readonly IntendedUse[] | undefined;
  return [
    {
      name: metadata.name,
      cidr,
      blockLength: numberOf(spec["blockSize"]) || usual,
      disabled: spec["disabled"] === true,
      automatic: (spec["assignmentMode"] ?? defaults.assignmentMode) === "Automatic",
      nodeSelector: textOf(spec["nodeSelector"]) ?? defaults.nodeSelector,
      namespaceSelector: textOf(spec["namespaceSelector"]) ?? "",
      allowedUses: uses?.length ? uses : defaults.allowedUses,
    },
  ];
}

function prefixesOf(written: unknown): readonly Prefix[] {
  if (!Array.isArray(written)) return [];
  return written.flatMap((text) => parsePrefix(String(text)) ?? []);
}

function numberOf(value: unknown): number {
  return typeof value === "number" ? value : 0;
}

function textOf(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}
