import type { Socket } from "node:net";
import { libc } from "./libc.ts";

/** Neither waits nor raises SIGPIPE. */
const MSG_DONTWAIT_NOSIGNAL = 0x40 | 0x4000;

/**
 * Writes to a connected socket at once, past Node's stream, whose bookkeeping costs more than a small write itself. Answers
 * how many octets the kernel took: 0 when it takes none now, or when something is wrong, which writing to the stream then
 * finds out and reports. Only for a stream that has nothing left to write, or the order would be lost.
 */
export function sendNow(socket: Socket, bytes: Uint8Array): number {
  const fd = openFdOf(socket);
  if (fd < 0) return 0;
  return Math.max(0, Number(libc().send(fd, bytes, bytes.length, MSG_DONTWAIT_NOSIGNAL)));
}

/** The file descriptor behind a socket of Node's, -1 when it is closed. */
export function openFdOf(socket: Socket): number {
  const { _handle: handle } = socket as unknown as { readonly _handle?: { readonly fd?: number } };
  return handle?.fd ?? -1;
}
