import { formatCommunity, WELL_KNOWN } from "../../../protocol/types/community.ts";
import { afiOf, safiOf } from "../../../protocol/types/family.ts";
import { formatRouterId } from "../../../protocol/types/router-id.ts";
import type { AsPath } from "../../../protocol/wire/attribute/path-attribute.ts";
import type { AttributeSet } from "../../../protocol/wire/attribute-set.ts";
import { capabilityCode } from "../../../protocol/wire/capability/capability-table.ts";
import type { Message } from "../../../protocol/wire/message.ts";
import { tsharkParts } from "./tshark-parts.ts";
import type { Reading } from "./two-doors.ts";

/*
 * Our decodes in the words of the programs that serve as oracles, and where the two differ.
 */
type UpdateReading = Extract<Reading, { outcome: "update" }>;

/** Parts of tshark's line that our decode does not have, or has otherwise; empty when they agree. */
export function differencesFromTshark(
  message: Message,
  line: string,
  context: { readonly fourOctetAsn: boolean; readonly length: number },
): string[] {
  if (message.type !== "update") return differencesOfFields(message, line);
  const ours = new Map(tsharkParts(message, context).map((part) => [partName(part), part]));
  const dropped = new Set(message.faults.map(({ attributeCode }) => attributeCode));
  const differences: string[] = [];
  for (const part of splitUpdate(line)) {
    const mine = ours.get(partName(part));
    ours.delete(partName(part));
    if (mine === undefined) {
      // An attribute that RFC 7606 took away is no disagreement; the fault stands in the message.
      if (dropped.size === 0) differences.push(`without ${part}`);
    } else if (!sameText(mine, part)) differences.push(`${mine} for ${part}`);
  }
  for (const mine of ours.values()) differences.push(`${mine} too much`);
  return differences;
}

/** "UPDATE len=52", "wd=[…]", one part an attribute, "nlri=[…]". Spaces within a part belong to its value. */
function splitUpdate(line: string): string[] {
  return line
    .replace(/ !tshark-error$/, "")
    .split(/ (?=len=\d+ |wd=\[|nlri=\[|[0-9a-f]{2}\/[A-Z][A-Z0-9_]*=)/);
}

function partName(part: string): string {
  return part.slice(0, part.indexOf("=") < 0 ? undefined : part.indexOf("="));
}

/** Values that we print as "*" are octets to us, or have a text of tshark's own. */
function sameText(mine: string, theirs: string): boolean {
  if (mine.endsWith("=*")) return true;
  const text = theirs.replaceAll("cluster_id=", "");
  // For families that we keep as octets only AFI and SAFI are compared.
  const family = /MP_(?:UN)?REACH=\d+\/\d+$/.exec(mine);
  return family ? text.startsWith(mine) : text === mine;
}

function differencesOfFields(message: Message, line: string): string[] {
  const differences: string[] = [];
  const expect = (field: string, value: string | number): void => {
    const theirs = new RegExp(`(?:^|[ (,])${field}=([^ ,)]*)`).exec(line)?.[1];
    if (theirs !== undefined && theirs !== String(value)) {
      differences.push(`${field} ${value} for ${theirs}`);
    }
  };
  switch (message.type) {
    case "open": {
      expect("ver", message.version);
      expect("as", message.asn);
      expect("hold", message.holdTimeSeconds);
      expect("id", formatRouterId(message.routerId));
      const codes = [...line.matchAll(/cap\(type=(\d+)/g)].map((match) => Number(match[1]));
      const mine = message.capabilities.map(capabilityCode);
      if (String(mine) !== String(codes)) differences.push(`capabilities ${mine} for ${codes}`);
      for (const capability of message.capabilities) {
        if (capability.type === "fourOctetAsn") expect("4as", capability.asn);
      }
      break;
    }
    case "notification":
      expect("major_error", message.code);
      for (const field of line.match(/minor_error\w*(?==)/g) ?? []) expect(field, message.subcode);
      break;
    case "routeRefresh":
      expect("afi", afiOf(message.family));
      expect("safi", safiOf(message.family));
      expect("subtype", message.subtype);
      break;
    case "keepalive":
    case "update":
      break;
  }
  return differences;
}

/** Lines of `bgpdump -m` that we would not print, and lines of ours that it does not have. */
export function differencesFromBgpdump(reading: UpdateReading, lines: readonly string[]): string[] {
  const mine = bgpdumpLines(reading).sort();
  const theirs = [...lines].sort();
  return [
    ...theirs.filter((line) => !mine.includes(line)).map((line) => `without ${line}`),
    ...mine.filter((line) => !theirs.includes(line)).map((line) => `${line} too much`),
  ];
}

function bgpdumpLines(reading: UpdateReading): string[] {
  const withdrawn = reading.withdrawn.map(({ prefix }) => `W|${prefix}`);
  let section = -1;
  let family = "";
  const announced = reading.announced.map((nlri) => {
    if (nlri.family !== family) section++;
    family = nlri.family;
    const set = reading.sets[section];
    return set ? `A|${nlri.prefix}|${bgpdumpSet(set)}` : `A|${nlri.prefix}`;
  });
  return [...withdrawn, ...announced];
}

function bgpdumpSet(set: AttributeSet): string {
  const { aggregator } = set;
  return [
    bgpdumpPath(set.asPath),
    set.origin.toUpperCase(),
    set.nextHop ?? "",
    set.localPref ?? 0,
    set.med ?? 0,
    bgpdumpCommunities(set),
    set.atomicAggregate ? "AG" : "NAG",
    aggregator ? `${aggregator.asn} ${formatRouterId(aggregator.address)}` : "",
    "",
  ].join("|");
}

function bgpdumpPath(path: AsPath): string {
  const text = { sequence: ["", " ", ""], set: ["{", ",", "}"] } as const;
  const confederation = { confedSequence: ["(", " ", ")"], confedSet: ["[", ",", "]"] } as const;
  const marks = { ...text, ...confederation };
  return path
    .map(({ type, asns }) => marks[type][0] + asns.join(marks[type][1]) + marks[type][2])
    .join(" ");
}

function bgpdumpCommunities(set: AttributeSet): string {
  const names = new Map<number, string>([
    [WELL_KNOWN.noExport, "no-export"],
    [WELL_KNOWN.noAdvertise, "no-advertise"],
    [WELL_KNOWN.noExportSubconfed, "local-AS"],
  ]);
  const communities = set.communities ?? [];
  const texts = communities.map((community) => names.get(community) ?? formatCommunity(community));
  return [...texts, ...(set.largeCommunities ?? [])].join(" ");
}

type ExabgpUpdate = {
  readonly attribute?: { readonly [name: string]: unknown };
  readonly announce?: { readonly [family: string]: unknown };
  readonly withdraw?: { readonly [family: string]: unknown };
};

/** Fields of ExaBGP's JSON that say something else than our decode; families that we route, attributes that we read. */
export function differencesFromExabgp(reading: UpdateReading, json: unknown): string[] {
  const update = (json as { neighbor?: { message?: { update?: ExabgpUpdate } } }).neighbor?.message
    ?.update;
  if (update === undefined) return [];
  const differences: string[] = [];
  const compare = (what: string, mine: unknown, theirs: unknown): void => {
    const [left, right] = [JSON.stringify(mine), JSON.stringify(theirs)];
    if (left !== right) differences.push(`${what} ${left} for ${right}`);
  };
  for (const [family, name] of [
    ["ipv4-unicast", "ipv4 unicast"],
    ["ipv6-unicast", "ipv6 unicast"],
  ] as const) {
    const mine = (list: UpdateReading["announced"]): string[] =>
      list.filter((nlri) => nlri.family === family).map(({ prefix }) => prefix);
    const announced = Object.values(update.announce?.[name] ?? {}).flat();
    const withdrawn = Object.values(update.withdraw?.[name] ?? []);
    compare(`${name} announced`, mine(reading.announced), announced.map(exabgpNlri));
    compare(`${name} withdrawn`, mine(reading.withdrawn), withdrawn.map(exabgpNlri));
  }
  const set = reading.sets[0];
  if (set === undefined) return differences;
  const readers: { readonly [name: string]: unknown } = {
    origin: set.origin,
    "local-preference": set.localPref,
    med: set.med,
    "atomic-aggregate": set.atomicAggregate,
    "next-hop": set.nextHop,
    "originator-id": set.originatorId && formatRouterId(set.originatorId),
    "cluster-list": set.clusterList?.map(formatRouterId),
    community: set.communities?.map((community) => [community >>> 16, community & 0xffff]),
    "large-community": set.largeCommunities?.map((text) => text.split(":").map(Number)),
    aggregator: set.aggregator && `${set.aggregator.asn}:${formatRouterId(set.aggregator.address)}`,
    "as-path": exabgpPath(set.asPath),
  };
  for (const [name, theirs] of Object.entries(update.attribute ?? {})) {
    if (name in readers) compare(name, readers[name], theirs);
  }
  return differences;
}

function exabgpNlri(nlri: unknown): string {
  return typeof nlri === "string" ? nlri : (nlri as { readonly nlri: string }).nlri;
}

function exabgpPath(path: AsPath): unknown {
  const segments = path.map(({ type, asns }, i) => [i, { element: `as-${type}`, value: asns }]);
  return Object.fromEntries(segments);
}
