import {
  AF_NETLINK,
  check,
  libc,
  openSocket,
  SOCK_RAW,
  SOCKET_OPTION,
  SystemCallError,
  setSocketOptionInt,
} from "../native/libc.ts";

/** The protocols of netlink that tortie speaks: who answers in the kernel. linux/netlink.h. */
export const NETLINK_PROTOCOL = { route: 0, netfilter: 12 } as const;

export type NetlinkProtocol = (typeof NETLINK_PROTOCOL)[keyof typeof NETLINK_PROTOCOL];

const SOCKADDR_OCTETS = 12;

/** A bound netlink socket and its port id, by which notifications name who caused them. */
export function openNetlink(options: {
  readonly protocol: NetlinkProtocol;
  readonly receiveBufferOctets: number;
}): { readonly fd: number; readonly portId: number } {
  const fd = openSocket({ domain: AF_NETLINK, type: SOCK_RAW, protocol: options.protocol });
  try {
    setReceiveBuffer(fd, options.receiveBufferOctets);
    const address = Buffer.alloc(SOCKADDR_OCTETS);
    address.writeUInt16LE(AF_NETLINK, 0);
    check("bind", libc().bind(fd, address, address.length));
    return { fd, portId: portIdOf(fd) };
  } catch (error) {
    libc().close(fd);
    throw error;
  }
}

/** Beyond net.core.rmem_max when we may (CAP_NET_ADMIN), else as far as that goes. */
function setReceiveBuffer(fd: number, octets: number): void {
  try {
    setSocketOptionInt(fd, SOCKET_OPTION.receiveBufferForce, octets);
  } catch (error) {
    if (!(error instanceof SystemCallError && error.code === "EPERM")) throw error;
    setSocketOptionInt(fd, SOCKET_OPTION.receiveBuffer, octets);
  }
}

function portIdOf(fd: number): number {
  const address = Buffer.alloc(SOCKADDR_OCTETS);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(address.length);
  check("getsockname", libc().getsockname(fd, address, length));
  return address.readUInt32LE(4);
}
