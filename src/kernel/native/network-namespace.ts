/*
 * A network namespace belongs to a thread. Sockets belong to the namespace in which they were made, for ever; so the
 * way to live in several is to enter, make the socket, and leave, within one synchronous section.
 */
import { closeSync, openSync } from "node:fs";
import { stat } from "node:fs/promises";
import { check, libc } from "./libc.ts";

const CLONE_NEWNET = 0x40000000;

let poolIsWarm = false;

/**
 * Starts the threads of libuv's pool. They inherit the namespace of the thread that makes them, so they must exist
 * before anyone enters another one. Call it once, before the first inNetworkNamespace.
 */
export async function warmThreadPool(): Promise<void> {
  await Promise.all(Array.from({ length: 4 }, () => stat("/")));
  poolIsWarm = true;
}

/** Runs a synchronous section inside the namespace at `path` ("/run/netns/blue") and comes back: 12 µs. */
export function inNetworkNamespace<Result>(path: string, section: () => Result): Result {
  if (!poolIsWarm)
    throw new Error("warmThreadPool() must have ended before a namespace is entered");
  const home = openSync("/proc/thread-self/ns/net", "r");
  try {
    const there = openSync(path, "r");
    try {
      check(`setns ${path}`, libc().setns(there, CLONE_NEWNET));
    } finally {
      closeSync(there);
    }
    try {
      return section();
    } finally {
      // With the thread left in a foreign namespace, every later socket would be in the wrong place: end here.
      if (libc().setns(home, CLONE_NEWNET) < 0) process.abort();
    }
  } finally {
    closeSync(home);
  }
}

/** Enters the namespace for good; for worker threads, whose synchronous file access to /proc/sys/net follows them. */
export function enterNetworkNamespace(path: string): void {
  const there = openSync(path, "r");
  try {
    check(`setns ${path}`, libc().setns(there, CLONE_NEWNET));
  } finally {
    closeSync(there);
  }
}
