import { libc, SOCKET_OPTION, setSocketOptionInt } from "../native/libc.ts";
import { type NetlinkProtocol, openNetlink } from "./netlink-fd.ts";

const RECEIVE_BUFFER_OCTETS = 8 << 20;

/** What carries a NetlinkSocket's datagrams: to the kernel, or to something that answers like it. */
export type NetlinkChannel = {
  /** Names this end in the notifications that its requests cause. */
  readonly portId: number;
  /** Octets sent, or minus an errno. */
  readonly send: (bytes: Uint8Array, octets: number) => number;
  /** Octets of one datagram, or minus an errno. */
  readonly receive: (into: Uint8Array) => number;
  readonly reserveSendBuffer: (octets: number) => void;
  readonly close: () => void;
};

/** A channel to the kernel of the namespace that this thread is in. */
export function openChannel(protocol: NetlinkProtocol): NetlinkChannel {
  const { fd, portId } = openNetlink({ protocol, receiveBufferOctets: RECEIVE_BUFFER_OCTETS });
  setSocketOptionInt(fd, SOCKET_OPTION.netlinkCapAck, 1);
  setSocketOptionInt(fd, SOCKET_OPTION.netlinkExtAck, 1);
  setSocketOptionInt(fd, SOCKET_OPTION.netlinkStrictCheck, 1);
  const { send, recv, close, errno } = libc();
  const outcome = (result: number) => (result < 0 ? -errno() : result);
  return {
    portId,
    send: (bytes, octets) => outcome(Number(send(fd, bytes, octets, 0))),
    receive: (into) => outcome(Number(recv(fd, into, into.length, 0))),
    reserveSendBuffer: (octets) => setSocketOptionInt(fd, SOCKET_OPTION.sendBufferForce, octets),
    close: () => {
      close(fd);
    },
  };
}
