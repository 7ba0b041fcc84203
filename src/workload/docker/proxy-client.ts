import { readFileSync } from "node:fs";
import type { Socket } from "node:net";
import { isUserInGroup } from "../../kernel/native/peer-credentials.ts";

/** Members of this group may use docker, and so are root in all but name; nobody else may use the proxy. */
const DOCKER_GROUP = "docker";

/** Who is at the other end of a connection over loopback. */
export type ProxyClient =
  | { readonly type: "user"; readonly uid: number }
  /** The kernel has no such connection any more, or it is not from this host. */
  | { readonly type: "unknown" };

/** The user who owns the other end of a TCP connection within this network namespace. proc(5), /proc/net/tcp. */
export function clientOf(socket: Pick<Socket, ConnectionEnds>): ProxyClient {
  const { remoteAddress, remotePort, localAddress, localPort } = socket;
  if (!remoteAddress || !remotePort || !localAddress || !localPort) return { type: "unknown" };
  const ends = {
    local: { address: remoteAddress, port: remotePort },
    remote: { address: localAddress, port: localPort },
  };
  // A client whose socket is of IPv6 may still talk IPv4: then it stands in tcp6, with mapped addresses.
  for (const table of ["tcp", "tcp6"]) {
    const uid = findOwner(readFileSync(`/proc/net/${table}`, "latin1"), ends);
    if (uid !== undefined) return { type: "user", uid };
  }
  return { type: "unknown" };
}

/** Root, and members of group docker. */
export function mayUseDocker({ uid }: { readonly uid: number }): boolean {
  return uid === 0 || isUserInGroup(uid, DOCKER_GROUP);
}

type ConnectionEnds = "remoteAddress" | "remotePort" | "localAddress" | "localPort";
type End = { readonly address: string; readonly port: number };

/** TCP_ESTABLISHED. Only such a line has an owner to speak of: what was closed already is listed as root's. */
const ESTABLISHED = "01";

/** The uid of an established connection in the text of /proc/net/tcp or tcp6. */
export function findOwner(
  table: string,
  { local, remote }: { readonly local: End; readonly remote: End },
): number | undefined {
  const locals = new Set(kernelTexts(local));
  const remotes = new Set(kernelTexts(remote));
  for (const line of table.split("\n").slice(1)) {
    const [, localText = "", remoteText = "", state, , , , uid] = line.trim().split(/\s+/);
    if (state === ESTABLISHED && locals.has(localText) && remotes.has(remoteText)) {
      return Number(uid);
    }
  }
  return undefined;
}

/** An end as the kernel prints it: words of an address in host order, in hexadecimal; IPv4 also as IPv6. */
function kernelTexts({ address, port }: End): readonly string[] {
  const portText = port.toString(16).toUpperCase().padStart(4, "0");
  const octets = ipv4Octets(address);
  if (octets === undefined) return [`${LOOPBACK6}:${portText}`];
  const word = octets
    .toReversed()
    .map((octet) => octet.toString(16).toUpperCase().padStart(2, "0"))
    .join("");
  return [`${word}:${portText}`, `${MAPPED}${word}:${portText}`];
}

/** ::1, the only IPv6 address that the proxy listens on. */
const LOOPBACK6 = "00000000000000000000000001000000";
/** ::ffff:0:0/96. */
const MAPPED = "0000000000000000FFFF0000";

function ipv4Octets(address: string): readonly number[] | undefined {
  const text = address.startsWith("::ffff:") ? address.slice("::ffff:".length) : address;
  const octets = text.split(".").map(Number);
  return octets.length === 4 ? octets : undefined;
}
