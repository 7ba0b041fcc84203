import { setTimeout as delay } from "node:timers/promises";
import { type IpAddress, ipVersion } from "../../../protocol/types/ip-address.ts";
import {
  AF_INET,
  AF_INET6,
  check,
  libc,
  openSocket,
  SOCK_RAW,
  SOCKET_OPTION,
  SystemCallError,
  setSocketOptionInt,
} from "./libc.ts";
import { inNetworkNamespace } from "./network-namespace.ts";
import { encodeSocketAddress } from "./socket-address.ts";

/** Which way to try. */
export type PathMtuTarget = {
  readonly from: IpAddress;
  readonly to: IpAddress;
  /** The largest packet that is tried. */
  readonly largest: number;
  readonly networkNamespace?: string;
};

/** IP packets in octets; undefined when not even the smallest was answered. */
export type PathMtu = { readonly mtu: number | undefined };

/** Every link carries so much. RFC 791 §3.2 (the size that every host accepts), RFC 8200 §5. */
const SMALLEST = { 4: 576, 6: 1280 } as const;
/** Sends with DF whatever is thought of the path, so that this finds out what is true. ip(7), ipv6(7). */
const PMTUDISC_PROBE = 3;
const ICMP = {
  4: { protocol: 1, request: 8, reply: 0 },
  6: { protocol: 58, request: 128, reply: 129 },
} as const;
const HEADER_OCTETS = { 4: 20, 6: 40 } as const;
const ECHO_HEADER_OCTETS = 8;
const TRIES = 3;
const WAIT_MILLISECONDS = 250;
const LOOK_MILLISECONDS = 5;

/** Finds the largest packet that is answered in one piece, by echo requests of different sizes. Needs CAP_NET_RAW. */
export async function probePathMtu(target: PathMtuTarget): Promise<PathMtu> {
  const socket = new EchoSocket(target);
  try {
    let low: number = SMALLEST[ipVersion(target.to)];
    if (!(await socket.passes(low))) return { mtu: undefined };
    if (await socket.passes(target.largest)) return { mtu: target.largest };
    let high = target.largest;
    while (high - low > 1) {
      const middle = (low + high) >>> 1;
      if (await socket.passes(middle)) low = middle;
      else high = middle;
    }
    return { mtu: low };
  } finally {
    socket.close();
  }
}

/** A raw socket that sends echo requests to one address. RFC 792, RFC 4443 §4.1. */
class EchoSocket {
  readonly #fd: number;
  readonly #version: 4 | 6;
  readonly #id = Math.floor(Math.random() * 65_536);
  #sequence = 0;

  constructor({ from, to, networkNamespace }: PathMtuTarget) {
    this.#version = ipVersion(to);
    const open = () =>
      openSocket({
        domain: this.#version === 4 ? AF_INET : AF_INET6,
        type: SOCK_RAW,
        protocol: ICMP[this.#version].protocol,
      });
    this.#fd = networkNamespace === undefined ? open() : inNetworkNamespace(networkNamespace, open);
    const { ipMtuDiscover, ipv6MtuDiscover } = SOCKET_OPTION;
    const option = this.#version === 4 ? ipMtuDiscover : ipv6MtuDiscover;
    setSocketOptionInt(this.#fd, option, PMTUDISC_PROBE);
    const [source, destination] = [encodeSocketAddress(from, 0), encodeSocketAddress(to, 0)];
    check(`bind ${from}`, libc().bind(this.#fd, source, source.length));
    check(`connect ${to}`, libc().connect(this.#fd, destination, destination.length));
  }

  /** Whether a packet of this size (IP header included) is answered. */
  async passes(size: number): Promise<boolean> {
    for (let attempt = 0; attempt < TRIES; attempt++) {
      const sequence = ++this.#sequence & 0xffff;
      if (!this.#send(size, sequence)) return false;
      const late = performance.now() + WAIT_MILLISECONDS;
      while (performance.now() < late) {
        if (this.#answered(sequence)) return true;
        await delay(LOOK_MILLISECONDS);
      }
    }
    return false;
  }

  close(): void {
    libc().close(this.#fd);
  }

  /** False when our own interface does not carry such a packet. */
  #send(size: number, sequence: number): boolean {
    const packet = Buffer.alloc(size - HEADER_OCTETS[this.#version]);
    packet[0] = ICMP[this.#version].request;
    packet.writeUInt16BE(this.#id, 4);
    packet.writeUInt16BE(sequence, 6);
    // For IPv6 the kernel fills in the checksum, which covers addresses. RFC 3542 §3.1.
    if (this.#version === 4) packet.writeUInt16BE(internetChecksum(packet), 2);
    if (libc().send(this.#fd, packet, packet.length, 0) >= 0) return true;
    const error = new SystemCallError("send", libc().errno());
    // What an earlier packet brought about (a refusal on the way) says nothing of this one: it counts as lost.
    if (error.code === "EPERM" || error.code === "EACCES") throw error;
    return error.code !== "EMSGSIZE";
  }

  #answered(sequence: number): boolean {
    const bytes = Buffer.alloc(128);
    while (libc().recv(this.#fd, bytes, bytes.length, 0) > 0) {
      // IPv4 raw sockets show the IP header, whose length is in its first octet.
      const at = this.#version === 4 ? 4 * ((bytes[0] as number) & 15) : 0;
      if (at + ECHO_HEADER_OCTETS > bytes.length || bytes[at] !== ICMP[this.#version].reply)
        continue;
      if (bytes.readUInt16BE(at + 4) !== this.#id) continue;
      if (bytes.readUInt16BE(at + 6) === sequence) return true;
    }
    return false;
  }
}

/** RFC 1071. */
function internetChecksum(bytes: Uint8Array): number {
  let sum = 0;
  for (let i = 0; i < bytes.length; i += 2)
    sum += ((bytes[i] as number) << 8) | (bytes[i + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}
