import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { type IpAddress, ipAddressToBytes, ipVersion } from "../../../protocol/types/ip-address.ts";

/** A process as /proc shows it. */
export type PortOwner = { readonly pid: number; readonly command: string };

const LISTEN_STATE = "0A";

/** The process that listens on a TCP port that clashes with `address`, or undefined when /proc does not show it. */
export function findPortOwner(address: IpAddress, port: number): PortOwner | undefined {
  const inodes = new Set([
    ...listeningInodes("/proc/thread-self/net/tcp", address, port),
    ...listeningInodes("/proc/thread-self/net/tcp6", address, port),
  ]);
  if (inodes.size === 0) return undefined;
  for (const pid of processIds()) {
    if (holdsSocket(pid, inodes)) return { pid, command: commandOf(pid) };
  }
  return undefined;
}

/** Columns of /proc/net/tcp: sl, local_address, rem_address, st, …, inode (the tenth). */
function listeningInodes(path: string, address: IpAddress, port: number): string[] {
  const wantedPort = port.toString(16).toUpperCase().padStart(4, "0");
  const inodes: string[] = [];
  for (const line of readText(path).split("\n").slice(1)) {
    const columns = line.trim().split(/\s+/);
    const [local = "", localPort] = (columns[1] ?? "").split(":");
    if (localPort !== wantedPort || columns[3] !== LISTEN_STATE) continue;
    if (clashes(local, address)) inodes.push(columns[9] ?? "");
  }
  return inodes;
}

/** The wildcard clashes with everything of its family, and "::" without IPV6_V6ONLY with IPv4 too. */
function clashes(localHex: string, address: IpAddress): boolean {
  if (/^0+$/.test(localHex) || /^[0:.]+$/.test(address)) return true;
  return localHex === procHex(address);
}

/** /proc prints each 32-bit word as the host reads it: little-endian. */
function procHex(address: IpAddress): string {
  const bytes = Buffer.from(ipAddressToBytes(address));
  for (let i = 0; i < (ipVersion(address) === 4 ? 4 : 16); i += 4)
    bytes.subarray(i, i + 4).reverse();
  return bytes.toString("hex").toUpperCase();
}

function processIds(): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
}

function holdsSocket(pid: number, inodes: ReadonlySet<string>): boolean {
  for (const fd of listDirectory(`/proc/${pid}/fd`)) {
    const inode = /^socket:\[(\d+)\]$/.exec(readLink(`/proc/${pid}/fd/${fd}`))?.[1];
    if (inode !== undefined && inodes.has(inode)) return true;
  }
  return false;
}

function commandOf(pid: number): string {
  return readText(`/proc/${pid}/comm`).trim() || "?";
}

// Processes come and go while /proc is read, and other users' are closed to us: what cannot be read is empty.

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

function listDirectory(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}

function readLink(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return "";
  }
}
