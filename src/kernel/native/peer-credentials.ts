import { readFileSync } from "node:fs";
import type { Socket } from "node:net";
import { getSocketOption, SOCKET_OPTION } from "./libc.ts";
import { fdOf } from "./tcp-socket.ts";

/** Who is at the other end of a unix socket, as the kernel noted it at connect(2). */
export type PeerCredentials = { readonly pid: number; readonly uid: number; readonly gid: number };

/** SO_PEERCRED of a connected unix socket. */
export function peerCredentials(socket: Socket): PeerCredentials {
  const bytes = getSocketOption(fdOf(socket), SOCKET_OPTION.peerCredentials, 12);
  return {
    pid: bytes.readInt32LE(0),
    uid: bytes.readUInt32LE(4),
    gid: bytes.readUInt32LE(8),
  };
}

/** SO_PEERGROUPS: the supplementary group ids that the peer had at connect(2). */
export function peerGroups(socket: Socket): readonly number[] {
  const bytes = getSocketOption(fdOf(socket), SOCKET_OPTION.peerGroups, MAX_GROUPS * 4);
  return Array.from({ length: bytes.length / 4 }, (_, i) => bytes.readUInt32LE(4 * i));
}

/** True when the peer is in the named group by its primary or a supplementary group, or by /etc/group. */
export function peerIsInGroup(socket: Socket, group: string): boolean {
  const credentials = peerCredentials(socket);
  const entry = groupEntry(group);
  if (entry === undefined) return false;
  if (credentials.gid === entry.gid || peerGroups(socket).includes(entry.gid)) return true;
  return isUserInGroup(credentials.uid, group);
}

/** True when /etc/passwd and /etc/group put the user into the named group. */
export function isUserInGroup(uid: number, group: string): boolean {
  const entry = groupEntry(group);
  const user = databaseLines("/etc/passwd").find((fields) => Number(fields[2]) === uid);
  if (entry === undefined || user === undefined) return false;
  return Number(user[3]) === entry.gid || entry.members.includes(user[0] ?? "");
}

const MAX_GROUPS = 1024;

function groupEntry(
  group: string,
): { readonly gid: number; readonly members: readonly string[] } | undefined {
  const fields = databaseLines("/etc/group").find(([name]) => name === group);
  return fields && { gid: Number(fields[2]), members: (fields[3] ?? "").split(",") };
}

function databaseLines(path: string): string[][] {
  return readFileSync(path, "utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => line.split(":"));
}
