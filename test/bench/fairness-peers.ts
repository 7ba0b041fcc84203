/** Peers of the fairness benchmark, in a thread of their own: they send what they are told to, and count what comes. */
import { connect, type Socket } from "node:net";
import { parentPort, workerData } from "node:worker_threads";
import { Asn } from "../../protocol/types/asn.ts";
import { IPV4_UNICAST } from "../../protocol/types/family.ts";
import { IpAddress } from "../../protocol/types/ip-address.ts";
import { routerIdFromText } from "../../protocol/types/router-id.ts";
import { encodeMessage } from "../../protocol/wire/encode-message.ts";
import { UpdateWriter } from "../../protocol/wire/update-writer.ts";
import { DEFAULT_WIRE_CONTEXT } from "../../protocol/wire/wire-context.ts";
import { type SyntheticTable, synthesiseTable } from "./rib-table.ts";

/** What the benchmark asks of its peers, by their numbers. */
export type PeerCommand =
  | { readonly type: "open"; readonly peers: readonly number[] }
  | { readonly type: "feed" | "withdraw"; readonly peer: number }
  | { readonly type: "announceOwn"; readonly peers: readonly number[]; readonly each: number }
  | { readonly type: "refresh"; readonly peers: readonly number[] }
  | { readonly type: "drop"; readonly peer: number }
  | { readonly type: "report" };

/** Octets that came in all, and the longest silence of a peer since the last report. */
export type PeersReport = { readonly octets: number; readonly longestSilence: number };

type Setup = { readonly port: number; readonly target: string; readonly prefixes: number };
const { port, target, prefixes } = workerData as Setup;
const LOCAL = "127.1";
const sockets = new Map<number, Socket>();
const lastHeard = new Map<number, number>();
let octets = 0;
let longestSilence = 0;
const table = synthesiseTable(prefixes);
const announcedTable = wholeTable(true);
const withdrawnTable = wholeTable(false);

const keepalive = encodeMessage({ type: "keepalive" }, DEFAULT_WIRE_CONTEXT);
setInterval(() => {
  for (const socket of sockets.values()) socket.write(keepalive);
}, 1000).unref();

parentPort?.on("message", (command: PeerCommand) => {
  switch (command.type) {
    case "open":
      for (const peer of command.peers) open(peer);
      return;
    case "feed":
      sockets.get(command.peer)?.write(announcedTable);
      return;
    case "withdraw":
      sockets.get(command.peer)?.write(withdrawnTable);
      return;
    case "announceOwn":
      for (const peer of command.peers) sockets.get(peer)?.write(ownRoutes(peer, command.each));
      return;
    case "refresh":
      for (const peer of command.peers) {
        const request = { type: "routeRefresh", family: IPV4_UNICAST, subtype: 0 } as const;
        sockets.get(peer)?.write(encodeMessage(request, DEFAULT_WIRE_CONTEXT));
      }
      return;
    case "drop":
      sockets.get(command.peer)?.resetAndDestroy();
      sockets.delete(command.peer);
      return;
    case "report":
      parentPort?.postMessage({ octets, longestSilence } satisfies PeersReport);
      longestSilence = 0;
  }
});

function addressOf(peer: number): string {
  return `${LOCAL}.${peer >> 8}.${peer & 255}`;
}

function open(peer: number): void {
  const localAddress = addressOf(peer);
  const socket = connect({ host: target, port, localAddress, noDelay: true });
  sockets.set(peer, socket);
  socket.on("error", () => sockets.delete(peer));
  socket.on("connect", () => {
    socket.write(
      encodeMessage(
        {
          type: "open",
          version: 4,
          asn: 64512,
          holdTimeSeconds: 30,
          routerId: routerIdFromText(IpAddress(localAddress)),
          capabilities: [
            { type: "multiprotocol", family: IPV4_UNICAST },
            { type: "routeRefresh" },
            { type: "fourOctetAsn", asn: Asn(64512) },
          ],
        },
        DEFAULT_WIRE_CONTEXT,
      ),
    );
    socket.write(keepalive);
  });
  socket.on("data", (bytes) => {
    octets += bytes.length;
    const now = performance.now();
    longestSilence = Math.max(longestSilence, now - (lastHeard.get(peer) ?? now));
    lastHeard.set(peer, now);
  });
}

function wholeTable(announced: boolean): Uint8Array {
  return written(prefixes * 40, (writer) => {
    if (!announced) writer.withdraw(IPV4_UNICAST);
    let last = -1;
    for (let i = 0; i < prefixes; i++) {
      const set = table.setOf[i] as number;
      const [length, word] = [table.lengths[i] as number, table.prefixes[i] as number];
      if (announced && set !== last) writer.announce(setOctets(table, set), IPV4_UNICAST);
      last = set;
      if (announced) writer.putAnnounced(length, word, 0, 0, 0, 0);
      else writer.putWithdrawn(length, word, 0, 0, 0, 0);
    }
  });
}

function ownRoutes(peer: number, each: number): Uint8Array {
  const made = synthesiseTable(1, peer);
  return written(65_536, (writer) => {
    writer.announce(setOctets(made, 0), IPV4_UNICAST);
    for (let i = 0; i < each; i++) {
      writer.putAnnounced(32, ((20 << 24) | (peer << 8) | i) >>> 0, 0, 0, 0, 0);
    }
  });
}

function written(octets: number, write: (writer: UpdateWriter) => void): Uint8Array {
  const buffer = new Uint8Array(Math.max(octets, 1 << 17));
  const writer = new UpdateWriter({ ...DEFAULT_WIRE_CONTEXT, peerType: "internal" });
  writer.attach(buffer);
  write(writer);
  return buffer.subarray(0, writer.finish());
}

function setOctets({ octets, setStart }: SyntheticTable, set: number): Uint8Array {
  return octets.subarray(setStart[set], setStart[set + 1]);
}
