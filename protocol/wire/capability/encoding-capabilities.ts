import { Asn } from "../../types/asn.ts";
import { afiOf, Family, safiOf } from "../../types/family.ts";
import type { AddPathFamily, AddPathMode, ExtendedNextHop } from "../capability.ts";
import { fixedLayout } from "../fixed-layout.ts";
import type { CapabilityDefinition, CapabilityOf } from "./capability-definition.ts";

/*
 * Capabilities that decide how the octets of later messages are read.
 */
const FAMILY = fixedLayout([
  ["afi", 16],
  ["reserved", 8],
  ["safi", 8],
]);
const NEXT_HOP_ENTRY = fixedLayout([
  ["afi", 16],
  ["safi", 16],
  ["nextHopAfi", 16],
]);
const ADD_PATH_ENTRY = fixedLayout([
  ["afi", 16],
  ["safi", 8],
  ["mode", 8],
]);
const ASN = fixedLayout([["asn", 32]]);

/** AFI, a reserved octet and SAFI. RFC 4760 §8. */
export const MULTIPROTOCOL: CapabilityDefinition<CapabilityOf<"multiprotocol">> = {
  code: 1,
  name: "multiprotocol",
  type: "multiprotocol",
  malformed: "refuse",
  decode(value) {
    const entry = value.length === FAMILY.octets ? FAMILY.read(value, 0) : undefined;
    return entry && { type: "multiprotocol", family: Family(entry.afi, entry.safi) };
  },
  encode(value, writer) {
    writer.putU16(afiOf(value.family));
    writer.putU8(0);
    writer.putU8(safiOf(value.family));
  },
};

/** Entries of AFI, SAFI in two octets, and the AFI of the next hop. RFC 8950 §4. */
export const EXTENDED_NEXT_HOP: CapabilityDefinition<CapabilityOf<"extendedNextHop">> = {
  code: 5,
  name: "extended next hop",
  type: "extendedNextHop",
  malformed: "refuse",
  decode(value) {
    if (value.length % NEXT_HOP_ENTRY.octets !== 0) return undefined;
    const entries: ExtendedNextHop[] = [];
    for (let at = 0; at < value.length; at += NEXT_HOP_ENTRY.octets) {
      const entry = NEXT_HOP_ENTRY.read(value, at);
      if (entry === undefined || entry.safi > 0xff) return undefined;
      entries.push({ family: Family(entry.afi, entry.safi), nextHopAfi: entry.nextHopAfi });
    }
    return { type: "extendedNextHop", entries };
  },
  encode(value, writer) {
    for (const { family, nextHopAfi } of value.entries) {
      writer.putU16(afiOf(family));
      writer.putU16(safiOf(family));
      writer.putU16(nextHopAfi);
    }
  },
};

/** No value. RFC 8654 §3. */
export const EXTENDED_MESSAGE: CapabilityDefinition<CapabilityOf<"extendedMessage">> = {
  code: 6,
  name: "extended message",
  type: "extendedMessage",
  malformed: "refuse",
  decode(value) {
    return value.length === 0 ? { type: "extendedMessage" } : undefined;
  },
  encode() {
    // Its presence is all that it says.
  },
};

/** The speaker's AS number; 0 is for the decoder of the OPEN to refuse. RFC 6793 §3. */
export const FOUR_OCTET_ASN: CapabilityDefinition<CapabilityOf<"fourOctetAsn">> = {
  code: 65,
  name: "four-octet AS numbers",
  type: "fourOctetAsn",
  malformed: "refuse",
  decode(value) {
    const entry = value.length === ASN.octets ? ASN.read(value, 0) : undefined;
    return entry && { type: "fourOctetAsn", asn: entry.asn === 0 ? 0 : Asn(entry.asn) };
  },
  encode(value, writer) {
    writer.putU32(value.asn);
  },
};

const ADD_PATH_MODES: readonly (AddPathMode | undefined)[] = [undefined, "receive", "send", "both"];

/** Entries of AFI, SAFI and Send/Receive. A mode that is none of the three makes it as if not understood. RFC 7911 §4. */
export const ADD_PATH: CapabilityDefinition<CapabilityOf<"addPath">> = {
  code: 69,
  name: "ADD-PATH",
  type: "addPath",
  malformed: "keep",
  decode(value) {
    if (value.length % ADD_PATH_ENTRY.octets !== 0) return undefined;
    const families: AddPathFamily[] = [];
    for (let at = 0; at < value.length; at += ADD_PATH_ENTRY.octets) {
      const entry = ADD_PATH_ENTRY.read(value, at);
      const mode = entry && ADD_PATH_MODES[entry.mode];
      if (entry === undefined || mode === undefined) return undefined;
      families.push({ family: Family(entry.afi, entry.safi), mode });
    }
    return { type: "addPath", families };
  },
  encode(value, writer) {
    for (const { family, mode } of value.families) {
      writer.putU16(afiOf(family));
      writer.putU8(safiOf(family));
      writer.putU8(ADD_PATH_MODES.indexOf(mode));
    }
  },
};
