import { readFileSync } from "node:fs";

/** Segments that the kernel dropped because of their MD5 signature. It does not say whose they were. RFC 2385 §2. */
export type KeyDrops = {
  /** Signed with another key than ours. */
  readonly wrongKey: number;
  /** Not signed, where a key is expected. */
  readonly noKey: number;
  /** Signed, where none is expected. */
  readonly unexpectedKey: number;
};

/** Counters of this thread's network namespace. */
const NETSTAT = "/proc/thread-self/net/netstat";

/** Returns a function that says what was dropped since now. */
export function keyDropsFromNow(read: () => string = readNetstat): () => KeyDrops {
  const before = parseKeyDrops(read());
  return () => {
    const now = parseKeyDrops(read());
    return {
      wrongKey: now.wrongKey - before.wrongKey,
      noKey: now.noKey - before.noKey,
      unexpectedKey: now.unexpectedKey - before.unexpectedKey,
    };
  };
}

/** Lines come in pairs: "TcpExt: NAME …" and "TcpExt: VALUE …". A kernel without such counters has dropped none. */
export function parseKeyDrops(netstat: string): KeyDrops {
  const [names = [], values = []] = netstat
    .split("\n")
    .filter((line) => line.startsWith("TcpExt:"))
    .map((line) => line.split(" "));
  const counter = (name: string) => Number(values[names.indexOf(name)] ?? 0);
  return {
    wrongKey: counter("TCPMD5Failure"),
    noKey: counter("TCPMD5NotFound"),
    unexpectedKey: counter("TCPMD5Unexpected"),
  };
}

function readNetstat(): string {
  try {
    return readFileSync(NETSTAT, "utf8");
  } catch {
    return "";
  }
}
