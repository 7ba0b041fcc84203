import { type IpAddress, ipAddressToBytes, ipVersion } from "../../../protocol/types/ip-address.ts";
import { addressAttribute } from "./address-bytes.ts";
import { readAttributes, u8Attribute, u32Attribute } from "./netlink-reader.ts";
import type { NetlinkWriter } from "./netlink-writer.ts";

/** What makes one VXLAN device different from another; it cannot be changed while the device lives. RFC 7348 §5. */
export type VxlanSettings = {
  /** VXLAN network identifier. */
  readonly vni: number;
  /** UDP port that it listens on and sends to. */
  readonly port: number;
  /** Source address of what it sends. */
  readonly local?: IpAddress;
  /** The interface that it sends over. */
  readonly linkIndex?: number;
  /** Whether it learns far ends from what comes in. */
  readonly learning: boolean;
};

/** IFLA_VXLAN_*. linux/if_link.h. */
const ATTRIBUTE = {
  id: 1,
  link: 3,
  local: 4,
  learning: 7,
  port: 15,
  local6: 17,
} as const;

/** Reads IFLA_INFO_DATA of a link of kind "vxlan". */
export function readVxlanSettings(data: Buffer): VxlanSettings {
  const attributes = readAttributes(data);
  const local =
    addressAttribute(attributes, ATTRIBUTE.local) ?? addressAttribute(attributes, ATTRIBUTE.local6);
  const linkIndex = u32Attribute(attributes, ATTRIBUTE.link);
  return {
    vni: u32Attribute(attributes, ATTRIBUTE.id) ?? 0,
    port: attributes.get(ATTRIBUTE.port)?.readUInt16BE(0) ?? 0,
    ...(local !== undefined && { local }),
    ...(linkIndex !== undefined && linkIndex !== 0 && { linkIndex }),
    learning: (u8Attribute(attributes, ATTRIBUTE.learning) ?? 0) !== 0,
  };
}

/** The attributes inside IFLA_INFO_DATA, in the order of `ip`. The port alone is in network order. */
export function writeVxlanSettings(writer: NetlinkWriter, settings: VxlanSettings): void {
  const { vni, port, local, linkIndex, learning } = settings;
  if (linkIndex !== undefined) writer.attributeU32(ATTRIBUTE.link, linkIndex);
  writer.attributeU32(ATTRIBUTE.id, vni);
  if (local !== undefined) {
    const type = ipVersion(local) === 4 ? ATTRIBUTE.local : ATTRIBUTE.local6;
    writer.attribute(type, ipAddressToBytes(local));
  }
  writer.attributeU8(ATTRIBUTE.learning, learning ? 1 : 0);
  writer.attribute(ATTRIBUTE.port, Uint8Array.of(port >>> 8, port & 255));
}
