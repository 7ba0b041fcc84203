import { type IpAddress, ipAddressToBytes } from "../../../protocol/types/ip-address.ts";
import { addressAttribute, formatMacAddress, parseMacAddress } from "./address-bytes.ts";
import { NEIGHBOR_STATE } from "./netlink-constants.ts";
import { MalformedNetlinkError, readAttributes } from "./netlink-reader.ts";
import type { NetlinkWriter } from "./netlink-writer.ts";

/** An entry of a VXLAN device's forwarding database: frames to this MAC address go to that host. RFC 7348 §4. */
export type ForwardingEntry = {
  readonly interfaceIndex: number;
  readonly macAddress: string;
  readonly remote: IpAddress;
};

const ATTRIBUTE = { destination: 1, linkLayerAddress: 2 } as const;
/** AF_BRIDGE: in ndmsg it stands for entries by MAC address. */
const FAMILY_BRIDGE = 7;
/** NTF_SELF: the entry is the device's own, not that of a bridge above it. */
const FLAG_SELF = 2;
const HEADER_OCTETS = 12;

/** Reads the payload of RTM_NEWNEIGH or RTM_DELNEIGH; undefined for what is no entry by MAC address towards a host. */
export function readForwardingEntry(payload: Buffer): ForwardingEntry | undefined {
  if (payload.length < HEADER_OCTETS) throw new MalformedNetlinkError("short ndmsg");
  if (payload.readUInt8(0) !== FAMILY_BRIDGE) return undefined;
  const attributes = readAttributes(payload, HEADER_OCTETS);
  const remote = addressAttribute(attributes, ATTRIBUTE.destination);
  const mac = attributes.get(ATTRIBUTE.linkLayerAddress);
  if (remote === undefined || mac === undefined) return undefined;
  return {
    interfaceIndex: payload.readUInt32LE(4),
    macAddress: formatMacAddress(mac),
    remote,
  };
}

/** The payload of RTM_NEWNEIGH and RTM_DELNEIGH: struct ndmsg and attributes. */
export function writeForwardingEntry(writer: NetlinkWriter, entry: ForwardingEntry): void {
  writer.u32(FAMILY_BRIDGE);
  writer.u32(entry.interfaceIndex);
  writer.u16(NEIGHBOR_STATE.permanent | NEIGHBOR_STATE.noArp);
  writer.u8(FLAG_SELF);
  writer.u8(0);
  writer.attribute(ATTRIBUTE.linkLayerAddress, parseMacAddress(entry.macAddress));
  writer.attribute(ATTRIBUTE.destination, ipAddressToBytes(entry.remote));
}

/** RTM_GETNEIGH for the forwarding entries of all devices. */
export function writeForwardingDump(writer: NetlinkWriter): void {
  writer.u32(FAMILY_BRIDGE);
  writer.u32(0);
  writer.u32(0);
}
