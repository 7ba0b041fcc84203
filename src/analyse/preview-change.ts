/*
 * What a change of resources would do to the network, before it is made: which sessions end, which are refreshed, and which prefixes
 * peers lose or get. It is computed by what the daemons compute with: calc's host states, the speaker's table of field changes and
 * the policies. Routes that were learned from elsewhere and reflected are not known here.
 */
import {
  effectOnAll,
  type FieldEffect,
  fieldChanges,
  renamedPeers,
} from "../../protocol/speaker/peer-change.ts";
import type { PeerConfig } from "../../protocol/speaker/speaker-config.ts";
import type { Prefix } from "../../protocol/types/prefix.ts";
import { HostCalculation } from "../calc/calc.ts";
import type { HostState } from "../calc/host-state.ts";
import { formatKey, keyOf } from "../resources/resource.ts";
import type { AnyResource } from "../resources/schemas.ts";
import { Announcements } from "./announcements.ts";

/** What happens to the sessions and announcements of one host. Empty lists everywhere: the change does not touch it. */
export type ChangePreview = {
  readonly nodeName: string;
  /** Sessions that end and begin anew, and the fields that make them. */
  readonly reset: readonly SessionChange[];
  /** Sessions that stay up while routes are judged or sent again. */
  readonly refreshed: readonly SessionChange[];
  readonly added: readonly SessionChange[];
  /** Sessions that end for good. */
  readonly removed: readonly SessionChange[];
  /** Prefixes of this host that peers lose whose sessions stay. */
  readonly withdrawn: readonly PrefixChange[];
  /** Prefixes of this host that peers are told newly, or with other attributes. */
  readonly announced: readonly PrefixChange[];
};

export type SessionChange = {
  /** As in `tortie bgp peers`: "Mesh_10_0_0_2". */
  readonly peer: string;
  readonly address: string;
  /** What differs: fields of the peering, or of the speaker ("asn"). Holds no values, so no keys. */
  readonly fields: readonly string[];
};

export type PrefixChange = {
  readonly prefix: Prefix;
  /** Names of the peers concerned. */
  readonly peers: readonly string[];
  /** Only with `announced`: the prefix was announced before, with other attributes. */
  readonly changed?: true;
};

/** What going from one state to the other does to this host. */
export function previewChange(before: HostState, after: HostState): ChangePreview {
  const peersBefore = formerPeers(before, after);
  const going = new Set(
    after.speaker.peers.flatMap(({ name }) => peersBefore.get(name)?.name ?? []),
  );
  const onAll = effectOnAll(before.speaker, after.speaker);
  const sessions = after.speaker.peers.flatMap((peer) => {
    const former = peersBefore.get(peer.name);
    return former === undefined ? [] : [sessionChange(former, peer, { onAll })];
  });
  return {
    nodeName: after.nodeName,
    reset: sessions.filter(({ what }) => what === "reset").map(({ change }) => change),
    refreshed: sessions.filter(({ what }) => what === "refreshed").map(({ change }) => change),
    added: after.speaker.peers.filter(({ name }) => !peersBefore.has(name)).map(named),
    removed: before.speaker.peers.filter(({ name }) => !going.has(name)).map(named),
    ...prefixChanges(before, after),
  };
}

/**
 * The same for hosts of a cluster, all of them unless some are named; only those that the change touches are in the answer. Resources are
 * whole clusters: as they are, and as they would be.
 */
export function previewClusterChange({
  before,
  after,
  nodeNames,
}: {
  readonly before: Iterable<AnyResource>;
  readonly after: Iterable<AnyResource>;
  readonly nodeNames?: readonly string[];
}): readonly ChangePreview[] {
  const [was, will] = [byKey(before), byKey(after)];
  const changed = [...new Set([...was.keys(), ...will.keys()])].filter(
    (key) => was.get(key) !== will.get(key),
  );
  if (changed.length === 0) return [];
  const changes = changed.map((key) => [key, will.get(key)] as const);
  return (nodeNames ?? nodesOf([...was.keys(), ...will.keys()])).flatMap((nodeName) => {
    const calculation = new HostCalculation({ nodeName });
    const state = calculation.update(was);
    const preview = previewChange(state, calculation.update(changes));
    return isEmpty(preview) ? [] : [preview];
  });
}

/** By the name that a peer will have, what it is now. */
function formerPeers(before: HostState, after: HostState): ReadonlyMap<string, PeerConfig> {
  const { peers } = before.speaker;
  return new Map([
    ...peers.map((peer) => [peer.name, peer] as const),
    ...renamedPeers(peers, after.speaker.peers),
  ]);
}

type JudgedSession = {
  readonly what: "kept" | "refreshed" | "reset";
  readonly change: SessionChange;
};

function sessionChange(
  before: PeerConfig,
  after: PeerConfig,
  { onAll }: { readonly onAll: ReturnType<typeof effectOnAll> },
): JudgedSession {
  const fields = fieldChanges(before, after);
  const effects = new Set<FieldEffect | "none">([...fields.values(), onAll]);
  const change = { ...named(after), fields: [...fields.keys(), ...speakerFields(onAll)] };
  if (effects.has("reset") || effects.has("admin")) return { what: "reset", change };
  const soft = (["import", "export", "both", "limits"] as const).some((each) => effects.has(each));
  return { what: soft ? "refreshed" : "kept", change };
}

function speakerFields(effect: ReturnType<typeof effectOnAll>): readonly string[] {
  if (effect === "reset") return ["asn or router id"];
  return effect === "both" ? ["cluster id or own addresses"] : [];
}

function named({ name, address }: PeerConfig): SessionChange {
  return { peer: name, address, fields: [] };
}

function prefixChanges(
  before: HostState,
  after: HostState,
): Pick<ChangePreview, "withdrawn" | "announced"> {
  const announcements = new Announcements();
  const news: PeersOf = { lost: new Map(), gained: new Map(), altered: new Map() };
  const former = formerPeers(before, after);
  for (const peer of after.speaker.peers) {
    const earlier = former.get(peer.name);
    if (earlier !== undefined && sameAnnouncements(before, after, { earlier, peer })) continue;
    const was = earlier && announcements.to(earlier, before.originations);
    compare(was ?? new Map(), announcements.to(peer, after.originations), (what, prefix) => {
      news[what].set(prefix, [...(news[what].get(prefix) ?? []), peer.name]);
    });
  }
  const { lost, gained, altered } = news;
  return {
    withdrawn: [...lost].map(([prefix, peers]) => ({ prefix, peers })),
    announced: [
      ...[...gained].map(([prefix, peers]) => ({ prefix, peers })),
      ...[...altered].map(([prefix, peers]) => ({ prefix, peers, changed: true as const })),
    ],
  };
}

type PrefixNews = "lost" | "gained" | "altered";
type PeersOf = { readonly [what in PrefixNews]: Map<Prefix, readonly string[]> };

/** By prefix, a number that stands for its attributes. */
function compare(
  was: ReadonlyMap<Prefix, number>,
  will: ReadonlyMap<Prefix, number>,
  report: (what: PrefixNews, prefix: Prefix) => void,
): void {
  for (const prefix of was.keys()) if (!will.has(prefix)) report("lost", prefix);
  for (const [prefix, set] of will) {
    const before = was.get(prefix);
    if (before === undefined) report("gained", prefix);
    else if (before !== set) report("altered", prefix);
  }
}

function sameAnnouncements(
  before: HostState,
  after: HostState,
  { earlier, peer }: { readonly earlier: PeerConfig; readonly peer: PeerConfig },
): boolean {
  return (
    before.originations === after.originations &&
    earlier.exportPolicy === peer.exportPolicy &&
    earlier.families === peer.families
  );
}

function isEmpty({ nodeName: _, ...lists }: ChangePreview): boolean {
  return Object.values(lists).every((list) => list.length === 0);
}

function byKey(resources: Iterable<AnyResource>): ReadonlyMap<string, AnyResource> {
  return new Map([...resources].map((resource) => [formatKey(keyOf(resource)), resource]));
}

function nodesOf(keys: Iterable<string>): readonly string[] {
  const names = [...keys].filter((key) => key.startsWith("Node/")).map((key) => key.slice(5));
  return [...new Set(names)].toSorted();
}
