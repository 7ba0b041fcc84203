import { parsePrefix } from "../../../protocol/types/prefix.ts";
import { parseAffinityName, parseBlockName } from "../../resources/ipam-names.ts";
import type { ResourceKey } from "../../resources/resource.ts";

type Fields = Readonly<Record<string, unknown>>;

/**
 * IPAM's values between etcd and resources. In etcd a value is the bare object, without kind and metadata, and what its key
 * says is not repeated. Fields that nobody here knows pass both ways.
 */

/** The spec that a value stands for. */
export function specOfIpamValue({ kind, name }: ResourceKey, value: Fields): Fields {
  switch (kind) {
    case "IPAMBlock":
      return { ...value, cidr: blockCidr(name, value["cidr"]) };
    case "BlockAffinity": {
      const named = parseAffinityName(name);
      // An empty value was written before there were states, and means a claim that stands.
      return { state: "confirmed", ...value, ...named };
    }
    case "IPAMHandle":
      return { handleID: name, ...value };
    default:
      return settingsOf(value);
  }
}

/** The value that a spec is written as. */
export function ipamValueOf(kind: string, spec: Fields): Fields {
  switch (kind) {
    case "BlockAffinity": {
      const { node: _, type: __, cidr: ___, state, deleted, ...rest } = spec;
      return { state, deleted: deleted === true || deleted === "true", ...rest };
    }
    case "IPAMHandle": {
      const { handleID: _, ...rest } = spec;
      return rest;
    }
    case "IPAMConfiguration":
      return valueOfSettings(spec);
    default:
      return spec;
  }
}

/** The key has the last word; a cidr that Go writes in another spelling is the same one. */
function blockCidr(name: string, written: unknown): unknown {
  const cidr = parseBlockName(name);
  return typeof written === "string" && parsePrefix(written) === cidr ? written : cidr;
}

/**
 * Go leaves out what is false or 0, so that a setting that is absent is off. A resource's own default for autoAllocateBlocks
 * is on, so both are always said here.
 */
function settingsOf(value: Fields): Fields {
  const { strict_affinity, auto_allocate_blocks, ...rest } = value;
  return {
    strictAffinity: strict_affinity === true,
    autoAllocateBlocks: auto_allocate_blocks === true,
    ...rest,
  };
}

function valueOfSettings(spec: Fields): Fields {
  const { strictAffinity, autoAllocateBlocks, maxBlocksPerHost, ...rest } = spec;
  return {
    ...(strictAffinity === true && { strict_affinity: true }),
    ...(autoAllocateBlocks !== false && { auto_allocate_blocks: true }),
    ...(maxBlocksPerHost !== undefined && maxBlocksPerHost !== 0 && { maxBlocksPerHost }),
    ...rest,
  };
}
