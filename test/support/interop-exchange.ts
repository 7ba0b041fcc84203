import type { Lab } from "../../src/lab/lab.ts";
import {
  familyOf,
  isInternal,
  type LabFamily,
  type LabSpeaker,
  type OriginatedRoute,
  type SeenRoute,
} from "../../src/lab/speakers/lab-speaker.ts";
import { waitUntil } from "../../src/lab/wait-until.ts";
import {
  CLUSTER_ID,
  type InteropRole,
  openSegment,
  peerOf,
  SEGMENT,
  type SegmentNode,
  type SpeakerFactory,
  segmentPlan,
} from "./interop-segment.ts";

/** The part of a tap test that the scenario needs. */
export type Report = { comment(text: string): void; pass(text: string): void };

/** Where routes travel: from their originator to who sees them, directly or reflected by the hub. */
type Way = { readonly from: LabSpeaker; readonly to: LabSpeaker; readonly reflected: boolean };

/** Two prefixes a family: one that changes and goes, and one that stays and must not be touched by that. */
const ROUTES: { readonly [node in SegmentNode]: readonly [string, string, string, string] } = {
  hub: ["192.168.1.10/32", "fd80:1::10/128", "192.168.1.11/32", "fd80:1::11/128"],
  peer: ["192.168.2.64/26", "fd80:2::/64", "192.168.2.1/32", "fd80:2:0:1::1/128"],
  witness: ["192.168.3.64/26", "fd80:3::/64", "192.168.3.1/32", "fd80:3:0:1::1/128"],
};

const FIRST = ["64512:1"];
const CHANGED = ["64512:2", "64999:7"];

/**
 * Two daemons exchange routes of both families, in both directions: announce, change, withdraw. As a route reflector's client the
 * peer also exchanges them with a witness, through the hub. Each step is one passed assertion; a failure throws.
 */
export async function runExchange(
  report: Report,
  makes: {
    readonly hub: SpeakerFactory;
    readonly peer: SpeakerFactory;
    readonly witness: SpeakerFactory;
  },
  role: InteropRole,
): Promise<void> {
  const nodes: readonly SegmentNode[] =
    role === "rrClient" ? ["hub", "peer", "witness"] : ["hub", "peer"];
  const lab = await openSegment(role.toLowerCase(), nodes);
  try {
    const speakers = nodes.map((node) => makes[node](lab, segmentPlan(node, role)));
    await bringUp(report, lab, speakers);
    const ways = waysBetween(speakers);
    await announceAll(report, lab, speakers, ways);
    for (const speaker of speakers) await changeAndWithdraw(report, lab, speaker, ways);
  } finally {
    await lab.close();
  }
}

/** Starts the daemons and waits until every session is up, as both of its ends say. */
export async function bringUp(
  report: Report,
  lab: Lab,
  speakers: readonly LabSpeaker[],
): Promise<void> {
  await Promise.all(speakers.map((speaker) => speaker.start()));
  for (const speaker of speakers) {
    for (const peer of speaker.plan.peers) {
      const what = `${speaker.make} on ${speaker.plan.node} is Established with ${peer.name}`;
      let state = "";
      await waitUntil(
        what,
        async () => {
          state = await speaker.sessionState(peer);
          return state === "Established";
        },
        { deadlineSeconds: 20, whenLate: () => `state: ${state}\n${lab.logTails()}` },
      );
      report.pass(what);
    }
  }
}

function waysBetween(speakers: readonly LabSpeaker[]): readonly Way[] {
  return speakers.flatMap((from) =>
    speakers
      .filter((to) => to !== from)
      .map((to) => ({
        from,
        to,
        reflected: from.plan.node !== "hub" && to.plan.node !== "hub",
      })),
  );
}

async function announceAll(
  report: Report,
  lab: Lab,
  speakers: readonly LabSpeaker[],
  ways: readonly Way[],
): Promise<void> {
  for (const speaker of speakers) {
    await speaker.originate(routesOf(speaker).map((prefix) => ({ prefix, communities: FIRST })));
  }
  for (const way of ways) {
    for (const prefix of routesOf(way.from)) {
      await expectRoute(report, lab, way, { prefix, communities: FIRST });
    }
  }
}

async function changeAndWithdraw(
  report: Report,
  lab: Lab,
  speaker: LabSpeaker,
  ways: readonly Way[],
): Promise<void> {
  const [moving4, moving6, staying4, staying6] = routesOf(speaker);
  const staying = [staying4, staying6].map((prefix) => ({ prefix, communities: FIRST }));
  const changed = [moving4, moving6].map((prefix) => ({ prefix, communities: CHANGED }));
  const from = ways.filter((way) => way.from === speaker);

  await speaker.originate([...changed, ...staying]);
  for (const way of from) {
    for (const route of [...changed, ...staying]) await expectRoute(report, lab, way, route);
  }
  await speaker.originate(staying);
  for (const way of from) {
    for (const { prefix } of changed) await expectGone(report, lab, way, prefix);
    for (const route of staying) await expectRoute(report, lab, way, route);
  }
}

/** Waits until the receiver shows the route with the attributes that it must have on this way. */
export async function expectRoute(
  report: Report,
  lab: Lab,
  way: Way,
  route: OriginatedRoute,
): Promise<void> {
  const expected = expectedAttributes(way, route);
  let seen: readonly SeenRoute[] = [];
  const what = `${title(way)}: ${route.prefix} with ${route.communities.join(" ")}`;
  await waitUntil(
    what,
    async () => {
      seen = await routesSeen(way, familyOf(route.prefix));
      return seen.some((candidate) => matches(candidate, expected));
    },
    {
      deadlineSeconds: 15,
      whenLate: () =>
        `expected ${JSON.stringify(expected)}\nseen ${JSON.stringify(seen)}\n${lab.logTails()}`,
    },
  );
  report.pass(what);
}

async function expectGone(report: Report, lab: Lab, way: Way, prefix: string): Promise<void> {
  let seen: readonly SeenRoute[] = [];
  const what = `${title(way)}: ${prefix} withdrawn`;
  await waitUntil(
    what,
    async () => {
      seen = await routesSeen(way, familyOf(prefix));
      return seen.every((candidate) => candidate.prefix !== prefix);
    },
    { deadlineSeconds: 15, whenLate: () => `seen ${JSON.stringify(seen)}\n${lab.logTails()}` },
  );
  report.pass(what);
}

/** Next hop, AS path and reflection attributes, by RFC 4271 §5.1.3 and RFC 4456 §8. */
function expectedAttributes({ from, to, reflected }: Way, route: OriginatedRoute): SeenRoute {
  const { plan } = from;
  const peer = reflected ? undefined : peerOf(from, to.plan.node as SegmentNode);
  const internal = peer === undefined || isInternal(plan, peer);
  return {
    prefix: route.prefix,
    nextHop: SEGMENT[plan.node as SegmentNode][familyOf(route.prefix)],
    asPath: internal ? [] : [plan.asn],
    communities: route.communities,
    ...(reflected ? { originatorId: plan.routerId, clusterList: [CLUSTER_ID] } : {}),
  };
}

function matches(seen: SeenRoute, expected: SeenRoute): boolean {
  const keys = Object.keys(expected) as (keyof SeenRoute)[];
  return keys.every(
    (key) => JSON.stringify(sorted(key, seen[key])) === JSON.stringify(sorted(key, expected[key])),
  );
}

/** The order of communities means nothing. RFC 1997. */
function sorted(key: string, value: unknown): unknown {
  return key === "communities" ? [...(value as string[])].sort() : value;
}

/** A reflected route comes from the hub's session. */
function routesSeen(
  { from, to, reflected }: Way,
  family: LabFamily,
): Promise<readonly SeenRoute[]> {
  const sender = reflected ? "hub" : (from.plan.node as SegmentNode);
  return to.routesFrom(peerOf(to, sender), family);
}

function routesOf(speaker: LabSpeaker): readonly [string, string, string, string] {
  return ROUTES[speaker.plan.node as SegmentNode];
}

function title({ from, to, reflected }: Way): string {
  return `${from.make} ${from.plan.node} → ${reflected ? "(reflected) " : ""}${to.make} ${to.plan.node}`;
}
