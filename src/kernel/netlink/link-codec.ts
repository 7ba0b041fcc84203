import { formatMacAddress, parseMacAddress } from "./address-bytes.ts";
import { LINK_FLAG } from "./netlink-constants.ts";
import {
  MalformedNetlinkError,
  readAttributes,
  textAttribute,
  u32Attribute,
} from "./netlink-reader.ts";
import type { NetlinkWriter } from "./netlink-writer.ts";
import { readVxlanSettings, type VxlanSettings, writeVxlanSettings } from "./vxlan-codec.ts";

/** A network interface as rtnetlink tells it. */
export type LinkMessage = {
  readonly index: number;
  readonly name: string;
  readonly flags: number;
  /** Administratively up. */
  readonly up: boolean;
  /** Up and able to pass packets. */
  readonly carrier: boolean;
  readonly mtu: number;
  readonly macAddress?: string;
  /** "veth", "bridge", "ipip", …; absent for hardware and loopback. */
  readonly kind?: string;
  readonly masterIndex?: number;
  /** The other end of a veth pair, or the device below. */
  readonly linkIndex?: number;
  /** A text for people; on links that tortie made, whose they are. */
  readonly alias?: string;
  readonly vxlan?: VxlanSettings;
};

const ATTRIBUTE = {
  address: 1,
  name: 3,
  mtu: 4,
  link: 5,
  master: 10,
  linkInfo: 18,
  namespacePid: 19,
  alias: 20,
  namespaceFd: 28,
} as const;

const INFO_ATTRIBUTE = { kind: 1, data: 2 } as const;
const VETH_PEER = 1;
const HEADER_OCTETS = 16;

/** Reads the payload of RTM_NEWLINK or RTM_DELLINK; undefined for bridge ports' own messages (AF_BRIDGE). */
export function readLink(payload: Buffer): LinkMessage | undefined {
  if (payload.length < HEADER_OCTETS) throw new MalformedNetlinkError("short ifinfomsg");
  if (payload.readUInt8(0) !== 0) return undefined;
  const attributes = readAttributes(payload, HEADER_OCTETS);
  const flags = payload.readUInt32LE(8);
  const info = attributes.get(ATTRIBUTE.linkInfo);
  const infoAttributes = info && readAttributes(info);
  const kind = infoAttributes && textAttribute(infoAttributes, INFO_ATTRIBUTE.kind);
  const data = kind === "vxlan" ? infoAttributes?.get(INFO_ATTRIBUTE.data) : undefined;
  const mac = attributes.get(ATTRIBUTE.address);
  const masterIndex = u32Attribute(attributes, ATTRIBUTE.master);
  const linkIndex = u32Attribute(attributes, ATTRIBUTE.link);
  // Without its final zero, unlike other texts.
  const alias = attributes.get(ATTRIBUTE.alias)?.toString("utf8").replace(/\0$/, "");
  return {
    index: payload.readUInt32LE(4),
    name: textAttribute(attributes, ATTRIBUTE.name) ?? "",
    flags,
    up: (flags & LINK_FLAG.up) !== 0,
    carrier: (flags & LINK_FLAG.up) !== 0 && (flags & LINK_FLAG.lowerUp) !== 0,
    mtu: u32Attribute(attributes, ATTRIBUTE.mtu) ?? 0,
    ...(mac === undefined ? {} : { macAddress: formatMacAddress(mac) }),
    ...(kind === undefined ? {} : { kind }),
    ...(masterIndex === undefined ? {} : { masterIndex }),
    ...(linkIndex === undefined ? {} : { linkIndex }),
    ...(alias === undefined ? {} : { alias }),
    ...(data === undefined ? {} : { vxlan: readVxlanSettings(data) }),
  };
}

/** What a link shall become; what is left out stays as it is. */
export type LinkChange = {
  readonly up?: boolean;
  readonly mtu?: number;
  readonly macAddress?: string;
  readonly name?: string;
  readonly masterIndex?: number;
  readonly alias?: string;
  /** Moves the link into the namespace behind this file descriptor, or of this process. */
  readonly namespace?: { readonly fd: number } | { readonly pid: number };
};

/** RTM_NEWLINK without NLM_F_CREATE, or RTM_SETLINK. The order is that of `ip`, with which the octets are compared. */
export function writeLinkChange(writer: NetlinkWriter, index: number, change: LinkChange): void {
  writeHeader(writer, { index, up: change.up });
  if (change.macAddress !== undefined) {
    writer.attribute(ATTRIBUTE.address, parseMacAddress(change.macAddress));
  }
  if (change.mtu !== undefined) writer.attributeU32(ATTRIBUTE.mtu, change.mtu);
  if (change.name !== undefined) writer.attributeText(ATTRIBUTE.name, change.name);
  if (change.masterIndex !== undefined) writer.attributeU32(ATTRIBUTE.master, change.masterIndex);
  if (change.alias !== undefined)
    writer.attribute(ATTRIBUTE.alias, Buffer.from(change.alias, "utf8"));
  writeNamespace(writer, change.namespace);
}

/** A link to create: a veth pair, a VXLAN, or any kind that needs no data of its own ("dummy", "ipip", …). */
export type NewLink = LinkChange & {
  readonly name: string;
  readonly kind: string;
  /** Cannot be created up: the kernel would open it before its other end exists. */
  readonly peer?: Omit<LinkChange, "up"> & { readonly name: string };
  readonly vxlan?: VxlanSettings;
};

/** RTM_NEWLINK with NLM_F_CREATE | NLM_F_EXCL. */
export function writeNewLink(writer: NetlinkWriter, link: NewLink): void {
  writeLinkChange(writer, 0, link);
  writer.nested(ATTRIBUTE.linkInfo, () => {
    writer.attribute(INFO_ATTRIBUTE.kind, Buffer.from(link.kind));
    const { peer, vxlan } = link;
    if (vxlan !== undefined) {
      writer.nested(INFO_ATTRIBUTE.data, () => writeVxlanSettings(writer, vxlan));
    } else if (peer !== undefined) {
      writer.nested(INFO_ATTRIBUTE.data, () => {
        writer.nested(VETH_PEER, () => writeLinkChange(writer, 0, peer));
      });
    }
  });
}

/** RTM_DELLINK, or RTM_GETLINK for one link. */
export function writeLinkIndex(writer: NetlinkWriter, index: number): void {
  writeHeader(writer, { index, up: undefined });
}

/** RTM_GETLINK for the link of this name. */
export function writeLinkName(writer: NetlinkWriter, name: string): void {
  writeHeader(writer, { index: 0, up: undefined });
  writer.attributeText(ATTRIBUTE.name, name);
}

/** RTM_GETLINK for all. */
export function writeLinkDump(writer: NetlinkWriter): void {
  writeHeader(writer, { index: 0, up: undefined });
}

/** struct ifinfomsg: family, pad, type u16, index, flags, change mask. */
function writeHeader(
  writer: NetlinkWriter,
  { index, up }: { readonly index: number; readonly up: boolean | undefined },
): void {
  writer.u32(0);
  writer.u32(index);
  writer.u32(up ? LINK_FLAG.up : 0);
  writer.u32(up === undefined ? 0 : LINK_FLAG.up);
}

function writeNamespace(writer: NetlinkWriter, namespace: LinkChange["namespace"]): void {
  if (namespace === undefined) return;
  if ("fd" in namespace) writer.attributeU32(ATTRIBUTE.namespaceFd, namespace.fd);
  else writer.attributeU32(ATTRIBUTE.namespacePid, namespace.pid);
}
