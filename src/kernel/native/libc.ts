/*
 * The only file that knows koffi: a handful of system calls that Node does not offer. The library is loaded at the first
 * call and not at import, because it costs 15 ms that a command line tool must not pay. x86-64 and arm64 Linux only,
 * both little-endian, so that structures are written with the LE methods of Buffer.
 */
import { createRequire } from "node:module";
import { getSystemErrorName } from "node:util";

/** A system call that failed: errno as number and as name ("EADDRINUSE" stands in `code`). */
export class SystemCallError extends Error {
  readonly errno: number;
  readonly code: string;
  readonly syscall: string;

  constructor(syscall: string, errno: number, detail?: string) {
    const code = errnoName(errno);
    super(`${syscall}: ${detail ?? code}`);
    this.name = "SystemCallError";
    this.errno = errno;
    this.code = code;
    this.syscall = syscall;
  }
}

/** "ENOENT" for 2. */
export function errnoName(errno: number): string {
  return errno > 0 ? getSystemErrorName(-errno) : `errno ${errno}`;
}

type Libc = {
  readonly socket: (domain: number, type: number, protocol: number) => number;
  readonly socketpair: (domain: number, type: number, protocol: number, ends: Int32Array) => number;
  readonly bind: (fd: number, address: Uint8Array, length: number) => number;
  readonly connect: (fd: number, address: Uint8Array, length: number) => number;
  readonly listen: (fd: number, backlog: number) => number;
  readonly getsockname: (fd: number, address: Uint8Array, length: Uint8Array) => number;
  readonly setsockopt: (
    fd: number,
    level: number,
    option: number,
    value: Uint8Array,
    length: number,
  ) => number;
  readonly getsockopt: (
    fd: number,
    level: number,
    option: number,
    value: Uint8Array,
    length: Uint8Array,
  ) => number;
  readonly send: (fd: number, bytes: Uint8Array, length: number, flags: number) => number;
  readonly recv: (fd: number, bytes: Uint8Array, length: number, flags: number) => number;
  readonly close: (fd: number) => number;
  readonly fcntl: (fd: number, command: number, argument: number) => number;
  readonly setns: (fd: number, kind: number) => number;
  readonly attachFilter: (
    fd: number,
    level: number,
    option: number,
    program: { readonly len: number; readonly filter: Uint8Array },
    length: number,
  ) => number;
  readonly ioUringSetup: (entries: number, parameters: Uint32Array) => number;
  readonly ioUringEnter: (
    fd: number,
    submit: number,
    wait: number,
    flags: number,
    signals: null,
    signalOctets: number,
  ) => number;
  /** mmap(2), as an array buffer over the mapped octets and their address. Never unmapped. */
  readonly mapMemory: (
    length: number,
    protection: number,
    flags: number,
    fd: number,
    offset: number,
  ) => SharedMemory;
  readonly clockGettime: (clock: number, time: BigInt64Array) => number;
  readonly errno: () => number;
};

/** Memory that the kernel knows by its address. */
export type SharedMemory = { readonly memory: ArrayBuffer; readonly address: number };

let loaded: Libc | undefined;

/** The bindings, loaded at the first call. */
export function libc(): Libc {
  loaded ??= load();
  return loaded;
}

function load(): Libc {
  const koffi = createRequire(import.meta.url)("koffi") as typeof import("koffi");
  const library = koffi.load("libc.so.6");
  const socketFilter = koffi.struct({ len: "uint16", filter: "void*" });
  const setup = library.func("syscall", "int64", ["int64", "uint", "void*"]);
  const enter = library.func("syscall", "int64", [
    "int64",
    "uint",
    "uint",
    "uint",
    "uint",
    "void*",
    "size_t",
  ]);
  const map = library.func("void* mmap(void*, size_t, int, int, int, int64)");
  return {
    socket: library.func("int socket(int, int, int)"),
    socketpair: library.func("int socketpair(int, int, int, void*)"),
    bind: library.func("int bind(int, void*, uint)"),
    connect: library.func("int connect(int, void*, uint)"),
    listen: library.func("int listen(int, int)"),
    getsockname: library.func("int getsockname(int, void*, void*)"),
    setsockopt: library.func("int setsockopt(int, int, int, void*, uint)"),
    getsockopt: library.func("int getsockopt(int, int, int, void*, void*)"),
    send: library.func("int64 send(int, void*, size_t, int)"),
    recv: library.func("int64 recv(int, void*, size_t, int)"),
    close: library.func("int close(int)"),
    fcntl: library.func("int fcntl(int, int, int)"),
    setns: library.func("int setns(int, int)"),
    attachFilter: library.func("setsockopt", "int", [
      "int",
      "int",
      "int",
      koffi.pointer(socketFilter),
      "uint",
    ]),
    ioUringSetup: (entries, parameters) => setup(IO_URING_SETUP, entries, parameters),
    ioUringEnter: (...parameters) => enter(IO_URING_ENTER, ...parameters),
    mapMemory: (length, protection, flags, fd, offset) => {
      const pointer = map(null, length, protection, flags, fd, offset);
      return { memory: koffi.view(pointer, length), address: Number(koffi.address(pointer)) };
    },
    clockGettime: library.func("int clock_gettime(int, void*)"),
    errno: () => koffi.errno(),
  };
}

/** The same numbers on every architecture that Linux runs on, alpha aside. */
const IO_URING_SETUP = 425;
const IO_URING_ENTER = 426;

/** Throws SystemCallError when a call returned less than zero; else gives its result back. */
export function check(syscall: string, result: number): number {
  if (result < 0) throw new SystemCallError(syscall, libc().errno());
  return result;
}

/** A new close-on-exec, non-blocking socket. */
export function openSocket(options: {
  readonly domain: number;
  readonly type: number;
  readonly protocol?: number;
}): number {
  const type = options.type | SOCK_CLOEXEC | SOCK_NONBLOCK;
  return check("socket", libc().socket(options.domain, type, options.protocol ?? 0));
}

/** A second, close-on-exec descriptor of the same open file. */
export function duplicateFd(fd: number): number {
  return check("fcntl F_DUPFD_CLOEXEC", libc().fcntl(fd, F_DUPFD_CLOEXEC, 0));
}

const F_DUPFD_CLOEXEC = 1030;

/** Memory of a ring's descriptor, or fresh memory, for as long as the process lives. */
export function shareMemory(
  length: number,
  ring?: { readonly fd: number; readonly offset: number },
): SharedMemory {
  const flags = MAP_POPULATE | (ring === undefined ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED);
  const protection = PROT_READ | PROT_WRITE;
  return libc().mapMemory(length, protection, flags, ring?.fd ?? -1, ring?.offset ?? 0);
}

const PROT_READ = 1;
const PROT_WRITE = 2;
const MAP_SHARED = 0x01;
const MAP_PRIVATE = 0x02;
const MAP_ANONYMOUS = 0x20;
const MAP_POPULATE = 0x8000;

/** setsockopt(2) with a structure. */
export function setSocketOption(fd: number, option: SocketOption, value: Uint8Array): void {
  const result = libc().setsockopt(fd, option.level, option.name, value, value.length);
  check(`setsockopt ${option.text}`, result);
}

/** setsockopt(2) with an int. */
export function setSocketOptionInt(fd: number, option: SocketOption, value: number): void {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(value);
  setSocketOption(fd, option, bytes);
}

/** getsockopt(2): the octets that the kernel filled in. */
export function getSocketOption(fd: number, option: SocketOption, maxLength: number): Buffer {
  const value = Buffer.alloc(maxLength);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(maxLength);
  const result = libc().getsockopt(fd, option.level, option.name, value, length);
  check(`getsockopt ${option.text}`, result);
  return value.subarray(0, length.readUInt32LE());
}

/** SO_ATTACH_FILTER: a classic BPF program, eight octets an instruction. */
export function attachSocketFilter(fd: number, program: Uint8Array): void {
  const { level, name, text } = SOCKET_OPTION.attachFilter;
  const result = libc().attachFilter(
    fd,
    level,
    name,
    { len: program.length / 8, filter: program },
    SOCK_FPROG_OCTETS,
  );
  check(`setsockopt ${text}`, result);
}

const SOCK_FPROG_OCTETS = 16;

/** Level and number of a socket option, and its name for error messages. */
export type SocketOption = {
  readonly level: number;
  readonly name: number;
  readonly text: string;
};

export const AF_UNIX = 1;
export const AF_INET = 2;
export const AF_INET6 = 10;
export const AF_NETLINK = 16;
export const SOCK_STREAM = 1;
export const SOCK_RAW = 3;
export const SOCK_NONBLOCK = 0o4000;
export const SOCK_CLOEXEC = 0o2000000;

const SOL_IP = 0;
const SOL_SOCKET = 1;
const SOL_TCP = 6;
const SOL_IPV6 = 41;
const SOL_NETLINK = 270;

/** The socket options that tortie uses, with the numbers of the asm-generic headers. */
export const SOCKET_OPTION = {
  reuseAddress: { level: SOL_SOCKET, name: 2, text: "SO_REUSEADDR" },
  peerCredentials: { level: SOL_SOCKET, name: 17, text: "SO_PEERCRED" },
  bindToDevice: { level: SOL_SOCKET, name: 25, text: "SO_BINDTODEVICE" },
  attachFilter: { level: SOL_SOCKET, name: 26, text: "SO_ATTACH_FILTER" },
  sendBufferForce: { level: SOL_SOCKET, name: 32, text: "SO_SNDBUFFORCE" },
  receiveBufferForce: { level: SOL_SOCKET, name: 33, text: "SO_RCVBUFFORCE" },
  receiveBuffer: { level: SOL_SOCKET, name: 8, text: "SO_RCVBUF" },
  peerGroups: { level: SOL_SOCKET, name: 59, text: "SO_PEERGROUPS" },
  ipTos: { level: SOL_IP, name: 1, text: "IP_TOS" },
  ipTtl: { level: SOL_IP, name: 2, text: "IP_TTL" },
  ipMtuDiscover: { level: SOL_IP, name: 10, text: "IP_MTU_DISCOVER" },
  ipMinTtl: { level: SOL_IP, name: 21, text: "IP_MINTTL" },
  tcpNoDelay: { level: SOL_TCP, name: 1, text: "TCP_NODELAY" },
  tcpMd5: { level: SOL_TCP, name: 14, text: "TCP_MD5SIG" },
  tcpUserTimeout: { level: SOL_TCP, name: 18, text: "TCP_USER_TIMEOUT" },
  tcpSaveSyn: { level: SOL_TCP, name: 27, text: "TCP_SAVE_SYN" },
  tcpSavedSyn: { level: SOL_TCP, name: 28, text: "TCP_SAVED_SYN" },
  tcpMd5Extended: { level: SOL_TCP, name: 32, text: "TCP_MD5SIG_EXT" },
  ipv6UnicastHops: { level: SOL_IPV6, name: 16, text: "IPV6_UNICAST_HOPS" },
  ipv6MtuDiscover: { level: SOL_IPV6, name: 23, text: "IPV6_MTU_DISCOVER" },
  ipv6Only: { level: SOL_IPV6, name: 26, text: "IPV6_V6ONLY" },
  ipv6TrafficClass: { level: SOL_IPV6, name: 67, text: "IPV6_TCLASS" },
  ipv6MinHopCount: { level: SOL_IPV6, name: 73, text: "IPV6_MINHOPCOUNT" },
  netlinkAddMembership: { level: SOL_NETLINK, name: 1, text: "NETLINK_ADD_MEMBERSHIP" },
  netlinkCapAck: { level: SOL_NETLINK, name: 10, text: "NETLINK_CAP_ACK" },
  netlinkExtAck: { level: SOL_NETLINK, name: 11, text: "NETLINK_EXT_ACK" },
  netlinkStrictCheck: { level: SOL_NETLINK, name: 12, text: "NETLINK_GET_STRICT_CHK" },
} as const satisfies { readonly [name: string]: SocketOption };
