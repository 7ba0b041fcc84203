import { createSocket } from "node:dgram";
import { parseMacAddress } from "../../src/kernel/netlink/address-bytes.ts";

/** A datagram inside of VXLAN, by which a sender could pass for any workload. RFC 7348 §5. */
export type ForgedPacket = {
  /** The host that is to unpack it, and its device. */
  readonly host: string;
  readonly port: number;
  readonly vni: number;
  readonly macAddress: string;
  /** Inside. */
  readonly source: string;
  readonly destination: string;
};

export const FORGED_PORT = 5000;

/** Ethernet, IPv4 and UDP around one octet. */
export function forgedPacket({ vni, macAddress, source, destination }: ForgedPacket): Buffer {
  const vxlan = Buffer.from([8, 0, 0, 0, vni >>> 16, (vni >>> 8) & 255, vni & 255, 0]);
  const ethernet = Buffer.from([...parseMacAddress(macAddress), 2, 0, 0, 0, 0, 1, 8, 0]);
  const ipv4 = Buffer.from([
    0x45,
    0,
    0,
    29,
    0,
    0,
    0,
    0,
    64,
    17,
    0,
    0,
    ...octets(source),
    ...octets(destination),
  ]);
  ipv4.writeUInt16BE(checksum(ipv4), 10);
  const udp = Buffer.alloc(9);
  udp.writeUInt16BE(FORGED_PORT, 0);
  udp.writeUInt16BE(FORGED_PORT, 2);
  udp.writeUInt16BE(9, 4);
  return Buffer.concat([vxlan, ethernet, ipv4, udp]);
}

function octets(address: string): number[] {
  return address.split(".").map(Number);
}

/** The complement of the sum of words. RFC 1071. */
function checksum(header: Buffer): number {
  let sum = 0;
  for (let at = 0; at < header.length; at += 2) sum += header.readUInt16BE(at);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

// As a program, in the namespace of whoever sends: one packet as its argument says.
if (import.meta.main) {
  const packet = JSON.parse(process.argv[2] ?? "") as ForgedPacket;
  const socket = createSocket("udp4");
  socket.send(forgedPacket(packet), packet.port, packet.host, () => socket.close());
}
