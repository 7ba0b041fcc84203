import type { BgpRole } from "../capability.ts";
import type { OctetWriter } from "../octet-writer.ts";
import { decodeUtf8, encodeUtf8 } from "../utf8.ts";
import type { CapabilityDefinition, CapabilityOf } from "./capability-definition.ts";

/*
 * Capabilities that say that something is understood, or who speaks.
 */

/** No value. RFC 2918 §2. */
export const ROUTE_REFRESH: CapabilityDefinition<CapabilityOf<"routeRefresh">> = {
  code: 2,
  name: "route refresh",
  type: "routeRefresh",
  malformed: "keep",
  decode(value) {
    return value.length === 0 ? { type: "routeRefresh" } : undefined;
  },
  encode() {
    // Its presence is all that it says.
  },
};

/** No value. RFC 7313 §3.1. */
export const ENHANCED_ROUTE_REFRESH: CapabilityDefinition<CapabilityOf<"enhancedRouteRefresh">> = {
  code: 70,
  name: "enhanced route refresh",
  type: "enhancedRouteRefresh",
  malformed: "keep",
  decode(value) {
    return value.length === 0 ? { type: "enhancedRouteRefresh" } : undefined;
  },
  encode() {
    // Its presence is all that it says.
  },
};

const ROLES: readonly BgpRole[] = [
  "provider",
  "routeServer",
  "routeServerClient",
  "customer",
  "peer",
];

/** One octet; a role that is not assigned stays a number. RFC 9234 §4.1. */
export const ROLE: CapabilityDefinition<CapabilityOf<"role">> = {
  code: 9,
  name: "role",
  type: "role",
  malformed: "keep",
  decode(value) {
    if (value.length !== 1) return undefined;
    const code = value[0] as number;
    return { type: "role", role: ROLES[code] ?? code };
  },
  encode({ role }, writer) {
    writer.putU8(typeof role === "number" ? role : ROLES.indexOf(role));
  },
};

/** Host name and domain name, each with its length in an octet. draft-walton-bgp-hostname-capability. */
export const FQDN: CapabilityDefinition<CapabilityOf<"fqdn">> = {
  code: 73,
  name: "FQDN",
  type: "fqdn",
  malformed: "keep",
  decode(value) {
    const host = countedTextAt(value, 0);
    const domain = host && countedTextAt(value, host.end);
    if (domain?.end !== value.length) return undefined;
    return { type: "fqdn", hostName: host?.text ?? "", domainName: domain.text };
  },
  encode(value, writer) {
    putCountedText(value.hostName, writer);
    putCountedText(value.domainName, writer);
  },
};

/** One text with its length in an octet. draft-abraitis-bgp-version-capability. */
export const SOFTWARE_VERSION: CapabilityDefinition<CapabilityOf<"softwareVersion">> = {
  code: 75,
  name: "software version",
  type: "softwareVersion",
  malformed: "keep",
  decode(value) {
    const version = countedTextAt(value, 0);
    if (version?.end !== value.length) return undefined;
    return { type: "softwareVersion", version: version.text };
  },
  encode(value, writer) {
    putCountedText(value.version, writer);
  },
};

function countedTextAt(
  value: Uint8Array,
  at: number,
): { readonly text: string; readonly end: number } | undefined {
  const octets = value[at];
  if (octets === undefined || at + 1 + octets > value.length) return undefined;
  const end = at + 1 + octets;
  const text = decodeUtf8(value.subarray(at + 1, end));
  return text === undefined ? undefined : { text, end };
}

function putCountedText(text: string, writer: OctetWriter): void {
  writer.putLengthPrefixed(1, () => writer.putBytes(encodeUtf8(text)));
}
