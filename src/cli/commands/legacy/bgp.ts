import { parseIpAddress } from "../../../../protocol/types/ip-address.ts";
import type { Datastore } from "../../../datastore/datastore.ts";
import { API_VERSION, type Resource } from "../../../resources/resource.ts";
import type { CommandContext } from "../../command.ts";
import { withDatastore } from "../../datastore.ts";
import { ExitCode } from "../../exit-code.ts";
import { boxedTable } from "./boxed-table.ts";
import { changeResource, nodeName, notFound, wrongUsage } from "./legacy-usage.ts";

/** AS number of nodes where BGPConfiguration says nothing. */
const DEFAULT_AS_NUMBER = 64_512;

/** `bgp peer …` and `bgppeer …`: peers of every node. */
export function globalPeers(context: CommandContext): Promise<number> {
  return peers(context, { words: context.rest, node: undefined });
}

/** `node bgp peer …` and `node bgppeer …`: peers of this node. */
export function nodePeers(context: CommandContext): Promise<number> {
  return peers(context, { words: context.rest, node: nodeName(undefined) });
}

/** `bgp node-mesh [on|off]` and `bgp-node-mesh`. */
export async function nodeMesh(context: CommandContext): Promise<number> {
  const [word, ...more] = context.rest;
  if (more.length > 0 || (word !== undefined && word !== "on" && word !== "off")) {
    throw wrongUsage(context, "node-mesh is on or off", ["bgp node-mesh [on|off]"]);
  }
  return setting(context, {
    field: "nodeToNodeMeshEnabled",
    value: word === undefined ? undefined : word === "on",
    show: (value) => (value === false ? "off" : "on"),
  });
}

/** `bgp default-node-as [AS]` and `default-node-as`. */
export async function defaultNodeAs(context: CommandContext): Promise<number> {
  const [word, ...more] = context.rest;
  const number = word === undefined ? undefined : asNumber(word);
  if (more.length > 0 || (word !== undefined && number === undefined)) {
    throw wrongUsage(context, `${word} is not an AS number`, ["bgp default-node-as [AS]"]);
  }
  return setting(context, {
    field: "asNumber",
    value: number,
    show: (value) => String(value ?? DEFAULT_AS_NUMBER),
  });
}

type Setting = {
  readonly field: string;
  readonly value: unknown;
  readonly show: (value: unknown) => string;
};

/** One field of BGPConfiguration default: shown, or set. */
async function setting(context: CommandContext, { field, value, show }: Setting): Promise<number> {
  const key = { kind: "BGPConfiguration", name: "default" };
  return withDatastore(context, async (datastore) => {
    if (value === undefined) {
      const stored = await datastore.get(key);
      context.stdout.write(`${show(stored?.spec[field])}\n`);
      return ExitCode.done;
    }
    await changeResource(datastore, key, (before) => ({
      ...(before ?? { apiVersion: API_VERSION, kind: key.kind, metadata: { name: key.name } }),
      spec: { ...before?.spec, [field]: value },
    }));
    return ExitCode.done;
  });
}

type Peers = { readonly words: readonly string[]; readonly node: string | undefined };

async function peers(context: CommandContext, { words, node }: Peers): Promise<number> {
  const [verb, ip, as, number, ...more] = words;
  const usage = [
    `${node === undefined ? "bgp peer" : "node bgp peer"} add IP as AS`,
    `${node === undefined ? "bgp peer" : "node bgp peer"} remove IP`,
    `${node === undefined ? "bgp peer" : "node bgp peer"} show [--ipv4|--ipv6]`,
  ];
  if (verb === "show" && ip === undefined) {
    return withDatastore(context, (datastore) => showPeers(datastore, { context, node }));
  }
  const address = ip === undefined ? undefined : parseIpAddress(ip);
  if (address === undefined || more.length > 0) {
    throw wrongUsage(context, "bgp peer needs other words", usage);
  }
  const name = peerName(address, node);
  if (verb === "add" && as === "as") {
    const peerAs = asNumber(number ?? "");
    if (peerAs === undefined) throw wrongUsage(context, `${number} is not an AS number`, usage);
    return withDatastore(context, async (datastore) => {
      const spec = { ...(node !== undefined && { node }), peerIP: address, asNumber: peerAs };
      await changeResource(
        datastore,
        { kind: "BGPPeer", name },
        (before): Resource => ({
          ...(before ?? { apiVersion: API_VERSION, kind: "BGPPeer", metadata: { name } }),
          spec: { ...before?.spec, ...spec },
        }),
      );
      return ExitCode.done;
    });
  }
  if (verb !== "remove" || as !== undefined) {
    throw wrongUsage(context, "bgp peer needs other words", usage);
  }
  return withDatastore(context, async (datastore) => {
    const listed = await peersOf(datastore, node);
    const found = listed.find((each) => each.peerIp === address);
    if (found === undefined) throw notFound(`No BGP Peer ${address} to remove.`);
    await datastore.delete({ kind: "BGPPeer", name: found.name });
    return ExitCode.done;
  });
}

async function showPeers(
  datastore: Datastore,
  { context, node }: { readonly context: CommandContext; readonly node: string | undefined },
): Promise<number> {
  const { ipv4, ipv6 } = context.options;
  const listed = await peersOf(datastore, node);
  for (const version of [4, 6] as const) {
    if ((version === 4 ? ipv6 : ipv4) === true) continue;
    const rows = listed
      .filter(({ peerIp }) => peerIp.includes(":") === (version === 6))
      .map(({ peerIp, asText }) => [peerIp, asText]);
    const header =
      node === undefined ? `Global IPv${version} BGP Peer` : `Node specific IPv${version} BGP Peer`;
    const none =
      node === undefined
        ? `No global IPv${version} BGP Peers defined.\n`
        : `No IPv${version} BGP Peers defined for this node.\n`;
    context.stdout.write(rows.length === 0 ? none : boxedTable([header, "AS Num"], rows));
  }
  return ExitCode.done;
}

async function peersOf(datastore: Datastore, node: string | undefined) {
  const { resources } = await datastore.list({ kinds: ["BGPPeer"] });
  return resources
    .filter(({ spec }) => spec["peerIP"] !== undefined && spec["nodeSelector"] === undefined)
    .filter(({ spec }) => (spec["node"] || undefined) === node)
    .map(({ metadata, spec }) => ({
      name: metadata.name,
      peerIp: String(spec["peerIP"]),
      asText: String(spec["asNumber"] ?? "-"),
    }));
}

/** "peer-10.0.0.1", "peer-fd00--1.host1": an address is a peer once for all nodes, and once for each. */
function peerName(address: string, node: string | undefined): string {
  const text = `peer-${address.replaceAll(":", "-")}`.replace(/-$/, "-0");
  return node === undefined ? text : `${text}.${node}`;
}

function asNumber(word: string): number | undefined {
  const [, high, low] = /^(?:(\d{1,5})\.)?(\d{1,10})$/.exec(word) ?? [];
  if (low === undefined) return undefined;
  const number = Number(high ?? 0) * 65_536 + Number(low);
  return number > 0 && number < 4_294_967_295 && (high === undefined || Number(low) < 65_536)
    ? number
    : undefined;
}
