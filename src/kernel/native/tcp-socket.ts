/*
 * TCP sockets with what Node cannot set: the fd is made and dressed here with system calls, then handed to net.Socket or
 * net.Server, which own it from then on. Key material never leaves this file: no error, no property holds it.
 */
import { Server, Socket } from "node:net";
import {
  type IpAddress,
  ipVersion,
  IpAddress as parseAddress,
} from "../../../protocol/types/ip-address.ts";
import {
  AF_INET,
  AF_INET6,
  check,
  getSocketOption,
  libc,
  openSocket,
  SOCK_STREAM,
  SOCKET_OPTION,
  SystemCallError,
  setSocketOption,
  setSocketOptionInt,
} from "./libc.ts";
import { findPortOwner } from "./port-owner.ts";
import { encodeSocketAddress } from "./socket-address.ts";
import { md5Signature } from "./tcp-md5.ts";
import type { ConnectTarget, ListenerKey, TcpOptions } from "./tcp-options.ts";

/** The kernel cuts it down to net.core.somaxconn; a route reflector's clients may all come back at once. */
export const LISTEN_BACKLOG = 4096;

/** DSCP CS6, network control. RFC 2474 §4.2.2.2, RFC 4271 has no word on it; all other speakers use it. */
export const DSCP_CS6 = 48;

/** Starts an active connection. All errors, those of socket options too, come as the socket's "error" event. */
export function connectTcp(target: ConnectTarget): Socket {
  try {
    const fd = withFd(openTcpSocket(target.address), (fd) => dressConnector(fd, target));
    // `manualStart` keeps Node from reading before the connection stands; its types do not know it.
    const init = { fd, readable: true, writable: true, manualStart: true };
    const socket = new Socket(init);
    socket.connect(target.port, scopedAddress(target));
    return socket;
  } catch (error) {
    const socket = new Socket();
    setImmediate(() => socket.destroy(error as Error));
    return socket;
  }
}

/** Where and how to listen. */
export type ListenTarget = {
  readonly address: IpAddress | "any4" | "any6";
  readonly port: number;
  /** Send TTL 255, so that peers who use GTSM accept the SYN-ACK. RFC 5082 §3. */
  readonly ttlSecurity: boolean;
  readonly dscp: number;
  readonly keys: readonly ListenerKey[];
};

/** Opens a listener. Rejects with PortTakenError, which names the owner, when the port is taken. */
export async function listenTcp(target: ListenTarget): Promise<TcpListener> {
  const address = listenAddress(target.address);
  const fd = openTcpSocket(address);
  try {
    withFd(fd, () => dressListener(fd, target, address));
  } catch (error) {
    if (error instanceof SystemCallError && error.code === "EADDRINUSE") {
      throw new PortTakenError({ address, port: target.port }, { cause: error });
    }
    throw error;
  }
  return new TcpListener(fd, target.keys);
}

/** A port that another process holds, with its pid and command where /proc tells them. */
export class PortTakenError extends Error {
  readonly code = "EADDRINUSE";

  constructor(
    { address, port }: { readonly address: IpAddress; readonly port: number },
    options: ErrorOptions,
  ) {
    const owner = findPortOwner(address, port);
    const who = owner
      ? `${owner.command} (pid ${owner.pid})`
      : "a process that /proc does not show";
    super(`port ${port} on ${address} is taken by ${who}`, options);
    this.name = "PortTakenError";
  }
}

/** A listening socket whose MD5 keys can be changed while it lives. */
export class TcpListener {
  readonly #server: Server;
  readonly #fd: number;
  #keys: readonly ListenerKey[];
  #closed = false;
  #onConnection: (socket: Socket) => void = (socket) => socket.destroy();

  constructor(fd: number, keys: readonly ListenerKey[]) {
    this.#fd = fd;
    this.#keys = keys;
    this.#server = new Server({ pauseOnConnect: false, noDelay: true }, (socket) =>
      this.#onConnection(socket),
    );
    this.#server.listen({ fd, backlog: LISTEN_BACKLOG });
  }

  /** Accepted connections go to the last callback given; without one they are closed. */
  on(event: "connection", callback: (socket: Socket) => void): this;
  on(event: "error", callback: (error: Error) => void): this;
  on(event: "connection" | "error", callback: (argument: never) => void): this {
    if (event === "connection") this.#onConnection = callback as (socket: Socket) => void;
    else this.#server.on("error", callback as (error: Error) => void);
    return this;
  }

  /** The port in use: the kernel's choice if 0 was asked for. */
  get port(): number {
    const address = this.#server.address();
    return address !== null && typeof address === "object" ? address.port : 0;
  }

  /** The whole desired set of keys: adds, replaces and removes what differs. Established connections keep theirs. */
  setKeys(keys: readonly ListenerKey[]): void {
    // The number of a closed descriptor may be somebody else's by now.
    if (this.#closed) return;
    const wanted = new Map(keys.map((key) => [keyName(key), key]));
    for (const old of this.#keys) {
      if (!wanted.has(keyName(old))) setMd5Key(this.#fd, { ...old, md5Key: "" });
    }
    const known = new Map(this.#keys.map((key) => [keyName(key), key.md5Key]));
    for (const [name, key] of wanted) {
      if (known.get(name) !== key.md5Key) setMd5Key(this.#fd, key);
    }
    this.#keys = keys;
  }

  /** Stops to listen; accepted connections live on. */
  close(): Promise<void> {
    this.#closed = true;
    // Its callback would wait for all accepted connections, which is not what is meant here.
    this.#server.close();
    return Promise.resolve();
  }
}

/**
 * Gives an accepted socket its peer's options: GTSM, user timeout. Returns false when GTSM forbids the connection
 * because its SYN came from too far away; the caller then destroys it. RFC 5082 §3.
 */
export function applyToAccepted(socket: Socket, options: TcpOptions): boolean {
  const fd = fdOf(socket);
  const version = socket.remoteFamily === "IPv6" ? 6 : 4;
  if (options.ttlSecurityHops !== undefined) {
    const minimum = minimumTtl(options.ttlSecurityHops);
    if (savedSynTtl(fd) < minimum) return false;
    setSocketOptionInt(
      fd,
      version === 4 ? SOCKET_OPTION.ipMinTtl : SOCKET_OPTION.ipv6MinHopCount,
      minimum,
    );
  }
  setCommonOptions(fd, version, options);
  return true;
}

/**
 * Gives a connection that stands another MD5 key. TCP repeats what is dropped meanwhile, so the session lives if the other
 * end has the key before the hold time is over. RFC 2385 §4.5.
 */
export function changePeerKey(
  socket: Socket,
  { address, md5Key }: { readonly address: IpAddress; readonly md5Key: string },
): void {
  setPeerKey(fdOf(socket), address, md5Key);
}

/** The file descriptor behind a socket of Node's. Throws when it is closed. */
export function fdOf(socket: Socket): number {
  const fd = (socket as unknown as { readonly _handle?: { readonly fd: number } })._handle?.fd;
  if (fd === undefined || fd < 0) throw new SystemCallError("socket", 9);
  return fd;
}

function openTcpSocket(address: IpAddress): number {
  return openSocket({ domain: ipVersion(address) === 4 ? AF_INET : AF_INET6, type: SOCK_STREAM });
}

/** Closes the fd when the section throws, so that a refused option leaks nothing. */
function withFd(fd: number, section: (fd: number) => void): number {
  try {
    section(fd);
    return fd;
  } catch (error) {
    libc().close(fd);
    throw error;
  }
}

function dressConnector(fd: number, { address, options }: ConnectTarget): void {
  const version = ipVersion(address);
  if (options.interface !== undefined) {
    setSocketOption(fd, SOCKET_OPTION.bindToDevice, Buffer.from(`${options.interface}\0`));
  }
  if (options.md5Key !== undefined) setPeerKey(fd, address, options.md5Key);
  if (options.ttlSecurityHops !== undefined) {
    setTtl(fd, version);
    const option = version === 4 ? SOCKET_OPTION.ipMinTtl : SOCKET_OPTION.ipv6MinHopCount;
    setSocketOptionInt(fd, option, minimumTtl(options.ttlSecurityHops));
  }
  setCommonOptions(fd, version, options);
  if (options.localAddress !== undefined) {
    const local = encodeSocketAddress(options.localAddress, 0);
    check(`bind ${options.localAddress}`, libc().bind(fd, local, local.length));
  }
}

function dressListener(fd: number, target: ListenTarget, address: IpAddress): void {
  const version = ipVersion(address);
  setSocketOptionInt(fd, SOCKET_OPTION.reuseAddress, 1);
  if (version === 6) setSocketOptionInt(fd, SOCKET_OPTION.ipv6Only, 1);
  if (target.ttlSecurity) setTtl(fd, version);
  setSocketOptionInt(fd, SOCKET_OPTION.tcpSaveSyn, 1);
  setCommonOptions(fd, version, { dscp: target.dscp });
  for (const key of target.keys) setMd5Key(fd, key);
  const local = encodeSocketAddress(address, target.port);
  check("bind", libc().bind(fd, local, local.length));
  check("listen", libc().listen(fd, LISTEN_BACKLOG));
}

function setCommonOptions(fd: number, version: 4 | 6, options: TcpOptions): void {
  const tos = version === 4 ? SOCKET_OPTION.ipTos : SOCKET_OPTION.ipv6TrafficClass;
  setSocketOptionInt(fd, tos, options.dscp << 2);
  setSocketOptionInt(fd, SOCKET_OPTION.tcpNoDelay, 1);
  if (options.userTimeoutMilliseconds !== undefined) {
    setSocketOptionInt(fd, SOCKET_OPTION.tcpUserTimeout, options.userTimeoutMilliseconds);
  }
}

function setTtl(fd: number, version: 4 | 6): void {
  setSocketOptionInt(fd, version === 4 ? SOCKET_OPTION.ipTtl : SOCKET_OPTION.ipv6UnicastHops, 255);
}

/** GTSM: one hop means that only 255 is accepted. RFC 5082 §3. */
function minimumTtl(hops: number): number {
  return 256 - Math.min(Math.max(hops, 1), 255);
}

/**
 * The TTL or hop limit of the SYN that opened an accepted connection, from the headers that TCP_SAVE_SYN kept. They can be
 * read once, and are not there for connections made of SYN cookies: then the minimum TTL alone, set after this, protects.
 */
function savedSynTtl(fd: number): number {
  const headers = getSocketOption(fd, SOCKET_OPTION.tcpSavedSyn, 256);
  if (headers.length === 0) return 255;
  return (headers[0] as number) >> 4 === 4 ? (headers[8] as number) : (headers[7] as number);
}

function setPeerKey(fd: number, address: IpAddress, md5Key: string): void {
  setSocketOption(fd, SOCKET_OPTION.tcpMd5, md5Signature({ address, md5Key }));
}

function setMd5Key(fd: number, key: ListenerKey): void {
  const whole = key.prefixLength === (ipVersion(key.address) === 4 ? 32 : 128);
  const option = whole ? SOCKET_OPTION.tcpMd5 : SOCKET_OPTION.tcpMd5Extended;
  const signature = whole ? { address: key.address, md5Key: key.md5Key } : key;
  const result = libc().setsockopt(fd, option.level, option.name, md5Signature(signature), 216);
  // Removing a key that the kernel does not have is no error: the wanted state is reached.
  if (result < 0 && key.md5Key === "" && libc().errno() === 2) return;
  check(`setsockopt ${option.text} for ${key.address}/${key.prefixLength}`, result);
}

function keyName(key: ListenerKey): string {
  return `${key.address}/${key.prefixLength}`;
}

function listenAddress(address: ListenTarget["address"]): IpAddress {
  if (address === "any4") return parseAddress("0.0.0.0");
  return address === "any6" ? parseAddress("::") : address;
}

/** A link-local peer needs its interface beside the address. RFC 4007 §11. */
function scopedAddress({ address, options }: ConnectTarget): string {
  const linkLocal = address.startsWith("fe80:") && options.interface !== undefined;
  return linkLocal ? `${address}%${options.interface}` : address;
}
