import type { RouterId } from "../types/router-id.ts";
import { decodeCapability, encodeCapability } from "./capability/capability-table.ts";
import type { Capability } from "./capability.ts";
import { fixedLayout } from "./fixed-layout.ts";
import { badMessageLength, HEADER_OCTETS } from "./header.ts";
import type { OpenMessage } from "./message.ts";
import { OctetWriter } from "./octet-writer.ts";
import { u16 } from "./octets.ts";
import { ProtocolError } from "./protocol-error.ts";

/*
 *   +-------------+------------+---------------+-------------------+-----------------------+----------------+
 *   | Version (1) | My AS (2)  | Hold Time (2) | BGP Identifier (4)| Opt Parm Length (1)   | parameters     |   RFC 4271 §4.2
 *   +-------------+------------+---------------+-------------------+-----------------------+----------------+
 * RFC 9072 §2: a length of 255 (not 0) and a first parameter type of 255 are followed by a length of two octets, and the
 * parameters behind it have lengths of two octets too.
 */
const HEAD = fixedLayout([
  ["version", 8],
  ["asn", 16],
  ["holdTimeSeconds", 16],
  ["routerId", 32],
  ["parametersLength", 8],
]);

const VERSION = 4;
const CAPABILITIES_PARAMETER = 2;
const EXTENDED = 255;

/** An OPEN, checked as far as the message alone can tell; the peer's AS is the session's question. RFC 4271 §6.2. */
export function decodeOpen(bytes: Uint8Array): OpenMessage {
  const head = HEAD.read(bytes, HEADER_OCTETS);
  if (head === undefined) throw badMessageLength(bytes.length);
  const { version, asn, holdTimeSeconds, routerId, parametersLength } = head;
  checkHead(version, asn, holdTimeSeconds, routerId);
  const capabilities = decodeParameters(bytes, HEADER_OCTETS + HEAD.octets, parametersLength);
  if (
    capabilities.some((capability) => capability.type === "fourOctetAsn" && capability.asn === 0)
  ) {
    throw openError(2, "AS number 0 in the four-octet AS capability", HEADER_OCTETS);
  }
  return {
    type: "open",
    version,
    asn,
    holdTimeSeconds,
    routerId: routerId as RouterId,
    capabilities,
  };
}

/** RFC 4271 §6.2, RFC 7607 §2 and RFC 6286 §2.2, in the order of the fields. */
function checkHead(version: number, asn: number, holdTime: number, routerId: number): void {
  if (version !== VERSION) {
    const data = Uint8Array.of(0, VERSION);
    const reason = `BGP version ${version}`;
    throw new ProtocolError({ code: 2, subcode: 1, reason, data, offset: HEADER_OCTETS });
  }
  if (asn === 0) throw openError(2, "AS number 0", 20);
  if (holdTime === 1 || holdTime === 2) throw openError(6, `hold time of ${holdTime} s`, 22);
  if (routerId === 0) throw openError(3, "BGP Identifier 0.0.0.0", 24);
}

function decodeParameters(bytes: Uint8Array, start: number, length: number): readonly Capability[] {
  const extended = length !== 0 && bytes[start] === EXTENDED;
  const lengthOctets = extended ? 2 : 1;
  let at = start;
  let end = start + length;
  if (extended) {
    if (start + 3 > bytes.length) throw openError(0, "no room for the extended length", start);
    at = start + 3;
    end = at + u16(bytes, start + 1);
  }
  if (end !== bytes.length) throw openError(0, "wrong length of optional parameters", start - 1);
  const capabilities: Capability[] = [];
  while (at < end) {
    const valueStart = at + 1 + lengthOctets;
    if (valueStart > end) throw openError(0, "optional parameter without a length", at);
    const octets = extended ? u16(bytes, at + 1) : (bytes[at + 1] as number);
    if (valueStart + octets > end)
      throw openError(0, "optional parameter overruns the message", at);
    if (bytes[at] !== CAPABILITIES_PARAMETER) {
      throw openError(4, `optional parameter of type ${bytes[at]}`, at);
    }
    decodeCapabilities(bytes, valueStart, valueStart + octets, capabilities);
    at = valueStart + octets;
  }
  return capabilities;
}

/** RFC 5492 §4: code, length, value, one after the other; repeated ones are legal. */
function decodeCapabilities(
  bytes: Uint8Array,
  start: number,
  end: number,
  capabilities: Capability[],
): void {
  let at = start;
  while (at < end) {
    const valueStart = at + 2;
    const valueEnd = valueStart + (bytes[at + 1] ?? 0);
    if (valueStart > end || valueEnd > end) {
      throw openError(0, "capability overruns its parameter", at);
    }
    const value = bytes.slice(valueStart, valueEnd);
    const capability = decodeCapability(bytes[at] as number, value);
    if (capability === undefined) throw openError(0, `malformed capability ${bytes[at]}`, at);
    capabilities.push(capability);
    at = valueEnd;
  }
}

function openError(subcode: number, reason: string, offset: number): ProtocolError {
  return new ProtocolError({ code: 2, subcode, reason, offset });
}

/** Puts all capabilities into one parameter (RFC 5492 §4), in the form of RFC 9072 only where the other is too short. */
export function encodeOpen(message: OpenMessage, writer: OctetWriter): void {
  writer.putU8(message.version);
  writer.putU16(message.asn);
  writer.putU16(message.holdTimeSeconds);
  writer.putU32(message.routerId);
  const capabilities = new OctetWriter();
  for (const capability of message.capabilities) encodeCapability(capability, capabilities);
  const octets = capabilities.length;
  if (octets === 0) writer.putU8(0);
  else if (octets + 2 <= EXTENDED) {
    writer.putU8(octets + 2);
    writer.putU8(CAPABILITIES_PARAMETER);
    writer.putU8(octets);
  } else {
    writer.putU8(EXTENDED);
    writer.putU8(EXTENDED);
    writer.putU16(octets + 3);
    writer.putU8(CAPABILITIES_PARAMETER);
    writer.putU16(octets);
  }
  writer.putBytes(capabilities.toBytes());
}
