import type { Capability } from "../capability.ts";
import type { OctetWriter } from "../octet-writer.ts";
import type { CapabilityDefinition } from "./capability-definition.ts";
import {
  ADD_PATH,
  EXTENDED_MESSAGE,
  EXTENDED_NEXT_HOP,
  FOUR_OCTET_ASN,
  MULTIPROTOCOL,
} from "./encoding-capabilities.ts";
import {
  ENHANCED_ROUTE_REFRESH,
  FQDN,
  ROLE,
  ROUTE_REFRESH,
  SOFTWARE_VERSION,
} from "./plain-capabilities.ts";
import { GRACEFUL_RESTART, LONG_LIVED_GRACEFUL_RESTART } from "./restart-capabilities.ts";

/** Every capability that tortie reads. To add one: a definition, a row here, and a variant of Capability. */
export const CAPABILITY_TABLE: readonly CapabilityDefinition[] = [
  MULTIPROTOCOL,
  ROUTE_REFRESH,
  EXTENDED_NEXT_HOP,
  EXTENDED_MESSAGE,
  ROLE,
  GRACEFUL_RESTART,
  FOUR_OCTET_ASN,
  ADD_PATH,
  ENHANCED_ROUTE_REFRESH,
  LONG_LIVED_GRACEFUL_RESTART,
  FQDN,
  SOFTWARE_VERSION,
];

const BY_CODE: ReadonlyMap<number, CapabilityDefinition> = new Map(
  CAPABILITY_TABLE.map((row) => [row.code, row]),
);
const BY_TYPE: ReadonlyMap<string, CapabilityDefinition> = new Map(
  CAPABILITY_TABLE.map((row) => [row.type, row]),
);

/** One capability from its octets; undefined when it is malformed in a way that the OPEN cannot be accepted with. RFC 5492 §4. */
export function decodeCapability(code: number, value: Uint8Array): Capability | undefined {
  const definition = BY_CODE.get(code);
  const decoded = definition?.decode(value);
  if (decoded !== undefined) return decoded;
  return definition?.malformed === "refuse" ? undefined : { type: "unknown", code, value };
}

/** Puts code, length and value. Throws RangeError for a value of more than 255 octets. RFC 5492 §4. */
export function encodeCapability(capability: Capability, writer: OctetWriter): void {
  writer.putU8(capabilityCode(capability));
  writer.putLengthPrefixed(1, () => {
    if (capability.type === "unknown") writer.putBytes(capability.value);
    else BY_TYPE.get(capability.type)?.encode(capability, writer);
  });
}

/** The code under which a capability travels. */
export function capabilityCode(capability: Capability): number {
  return capability.type === "unknown"
    ? capability.code
    : (BY_TYPE.get(capability.type)?.code as number);
}

/** The name of a capability for people: "graceful restart", "capability 200". */
export function capabilityName(capability: Capability): string {
  const code = capabilityCode(capability);
  return BY_CODE.get(code)?.name ?? `capability ${code}`;
}
