import { type IpAddress, ipVersion, parseIpAddress } from "../../protocol/types/ip-address.ts";

/** The address of a peer, and its port where one was written. */
export type PeerAddress = { readonly address: IpAddress; readonly port?: number };

/** Parses Calico's peerIP: "10.0.0.1", "10.0.0.1:1179", "fd00::1", "[fd00::1]:1179". */
export function parsePeerAddress(text: string): PeerAddress | undefined {
  const plain = parseIpAddress(text);
  if (plain) return { address: plain };
  const match = /^(?:\[([^\]]+)\]|([^:[\]]+))(?::(\d{1,5}))?$/.exec(text);
  const address = parseIpAddress(match?.[1] ?? match?.[2] ?? "");
  if (!match || !address || (ipVersion(address) === 6) !== (match[1] !== undefined))
    return undefined;
  if (match[3] === undefined) return { address };
  const port = Number(match[3]);
  return port >= 1 && port <= 65535 ? { address, port } : undefined;
}
