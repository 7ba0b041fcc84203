import { AF_UNIX, check, libc, SOCK_CLOEXEC, SOCK_NONBLOCK, SOCK_STREAM } from "./libc.ts";

/** Two connected stream sockets of this process: what one writes, the other reads. */
export function openSocketPair(): [number, number] {
  const ends = new Int32Array(2);
  const type = SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK;
  check("socketpair", libc().socketpair(AF_UNIX, type, 0, ends));
  return [ends[0] as number, ends[1] as number];
}
