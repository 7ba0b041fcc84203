import { type Family, IPV4_UNICAST } from "../types/family.ts";
import type { UpdateMessage } from "./message.ts";

/** The family whose End-of-RIB marker this UPDATE is; undefined for any other UPDATE. RFC 4724 §2. */
export function endOfRibFamily(update: UpdateMessage): Family | undefined {
  const { withdrawn, nlri, attributes, faults } = update;
  if (withdrawn.length + nlri.length + faults.length > 0 || attributes.length > 1) return undefined;
  const only = attributes[0];
  if (only === undefined) return IPV4_UNICAST;
  if (only.type !== "mpUnreach" || only.withdrawn.length > 0) return undefined;
  return only.raw === undefined || only.raw.length === 0 ? only.family : undefined;
}

/** The UPDATE that ends the initial exchange of a family. RFC 4724 §2. */
export function endOfRibUpdate(family: Family): UpdateMessage {
  const attributes =
    family === IPV4_UNICAST
      ? []
      : [{ type: "mpUnreach", family, withdrawn: [], flags: 0x80 } as const];
  return { type: "update", withdrawn: [], attributes, nlri: [], faults: [] };
}
