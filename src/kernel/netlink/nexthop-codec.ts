import { type IpAddress, ipAddressToBytes } from "../../../protocol/types/ip-address.ts";
import { addressAttribute, addressFamilyOf } from "./address-bytes.ts";
import { ADDRESS_FAMILY, LEG_FLAG } from "./netlink-constants.ts";
import { MalformedNetlinkError, readAttributes, u32Attribute } from "./netlink-reader.ts";
import type { NetlinkWriter } from "./netlink-writer.ts";

/** A nexthop object (Linux 5.3 and later), which many routes can share. */
export type NexthopMessage = {
  readonly id: number;
  readonly protocol: number;
  readonly scope: number;
  readonly flags: number;
  readonly form: NexthopForm;
};

/** What a nexthop object is: a gateway or an interface, a group of others, or a blackhole. */
export type NexthopForm =
  | {
      readonly type: "leg";
      readonly version: 4 | 6;
      readonly interfaceIndex: number;
      readonly gateway?: IpAddress;
      readonly onLink: boolean;
    }
  | {
      readonly type: "group";
      readonly members: readonly { readonly id: number; readonly weight: number }[];
    }
  | { readonly type: "blackhole"; readonly version: 4 | 6 };

const ATTRIBUTE = { id: 1, group: 2, blackhole: 4, outputInterface: 5, gateway: 6 } as const;
const HEADER_OCTETS = 8;

/** Reads the payload of RTM_NEWNEXTHOP or RTM_DELNEXTHOP. */
export function readNexthop(payload: Buffer): NexthopMessage {
  if (payload.length < HEADER_OCTETS) throw new MalformedNetlinkError("short nhmsg");
  const attributes = readAttributes(payload, HEADER_OCTETS);
  const version = payload.readUInt8(0) === ADDRESS_FAMILY.ipv6 ? 6 : 4;
  const flags = payload.readUInt32LE(4);
  const group = attributes.get(ATTRIBUTE.group);
  const gateway = addressAttribute(attributes, ATTRIBUTE.gateway);
  let form: NexthopForm;
  if (group !== undefined) form = { type: "group", members: readGroup(group) };
  else if (attributes.has(ATTRIBUTE.blackhole)) form = { type: "blackhole", version };
  else {
    form = {
      type: "leg",
      version,
      interfaceIndex: u32Attribute(attributes, ATTRIBUTE.outputInterface) ?? 0,
      ...(gateway === undefined ? {} : { gateway }),
      onLink: (flags & LEG_FLAG.onLink) !== 0,
    };
  }
  return {
    id: u32Attribute(attributes, ATTRIBUTE.id) ?? 0,
    protocol: payload.readUInt8(2),
    scope: payload.readUInt8(1),
    flags,
    form,
  };
}

/** struct nexthop_grp: id, weight less one, reserved. */
function readGroup(bytes: Buffer): { readonly id: number; readonly weight: number }[] {
  return Array.from({ length: Math.floor(bytes.length / 8) }, (_, i) => ({
    id: bytes.readUInt32LE(8 * i),
    weight: bytes.readUInt8(8 * i + 4) + 1,
  }));
}

/** The payload of RTM_NEWNEXTHOP. The kernel works out the scope. */
export function writeNexthop(writer: NetlinkWriter, nexthop: NexthopMessage): void {
  const { form } = nexthop;
  const version = form.type === "group" ? undefined : form.version;
  writer.u8(familyOf(form, version));
  writer.u8(0);
  writer.u8(nexthop.protocol);
  writer.u8(0);
  writer.u32(form.type === "leg" && form.onLink ? LEG_FLAG.onLink : 0);
  writer.attributeU32(ATTRIBUTE.id, nexthop.id);
  if (form.type === "group") {
    writer.nested(ATTRIBUTE.group, () => {
      for (const { id, weight } of form.members) {
        writer.u32(id);
        writer.u32(weight - 1);
      }
    });
  } else if (form.type === "blackhole") {
    writer.attributeFlag(ATTRIBUTE.blackhole);
  } else {
    if (form.gateway !== undefined) {
      writer.attribute(ATTRIBUTE.gateway, ipAddressToBytes(form.gateway));
    }
    writer.attributeU32(ATTRIBUTE.outputInterface, form.interfaceIndex);
  }
}

function familyOf(form: NexthopForm, version: 4 | 6 | undefined): number {
  if (form.type === "leg" && form.gateway !== undefined) return addressFamilyOf(form.gateway);
  if (version === undefined) return ADDRESS_FAMILY.unspecified;
  return version === 4 ? ADDRESS_FAMILY.ipv4 : ADDRESS_FAMILY.ipv6;
}

/** RTM_DELNEXTHOP. */
export function writeNexthopId(writer: NetlinkWriter, id: number): void {
  writer.u32(0);
  writer.u32(0);
  writer.attributeU32(ATTRIBUTE.id, id);
}

/** RTM_GETNEXTHOP for all. */
export function writeNexthopDump(writer: NetlinkWriter): void {
  writer.u32(0);
  writer.u32(0);
}
