import t from "tap";
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
import { bird, hub } from "./interop-makes.ts";
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

/** All the world tests of one make: iBGP, eBGP and route reflector's client, each a subtest. */
export function interopWorld(make: string, peer: SpeakerFactory): void {
  for (const [role, title] of ROLES) {
    t.test(`${make} ${title}: announce, change, withdraw, both families, both directions`, (t) =>
      runExchange(t, { hub, peer, witness: bird }, role),
    );
  }
}

const ROLES: readonly (readonly [InteropRole, string])[] = [
  ["ibgp", "over iBGP"],
  ["ebgp", "over eBGP"],
  ["rrClient", "as a route reflector's client"],
];

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
        { deadlineSeconds: 60, whenLate: () => `state: ${state}\n${lab.logTails()}` },
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
    const routes = routesOf(way.from).map((prefix) => ({ prefix, communities: FIRST }));
    await expectRoutes(report, lab, way, routes);
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
  for (const way of from) await expectRoutes(report, lab, way, [...changed, ...staying]);
  await speaker.originate(staying);
  const withdrawn = changed.map(({ prefix }) => prefix);
  for (const way of from) await expectRoutes(report, lab, way, staying, withdrawn);
}

/** Waits until the receiver shows these routes, with the attributes that they must have on this way, and not the withdrawn ones. */
export async function expectRoutes(
  report: Report,
  lab: Lab,
  way: Way,
  routes: readonly OriginatedRoute[],
  withdrawn: readonly string[] = [],
): Promise<void> {
  const expected = routes.map((route) => expectedAttributes(way, route));
  let seen: readonly SeenRoute[] = [];
  await waitUntil(
    `${title(way)}: ${routes.map((route) => route.prefix).join(" ")}`,
    async () => {
      seen = [...(await routesSeen(way, "ipv4")), ...(await routesSeen(way, "ipv6"))];
      const there = expected.every((route) => seen.some((other) => matches(other, route)));
      return there && !seen.some(({ prefix }) => withdrawn.includes(prefix));
    },
    {
      deadlineSeconds: 60,
      whenLate: () =>
        `expected ${JSON.stringify(expected)}\nwithdrawn ${withdrawn}\nseen ${JSON.stringify(seen)}\n${lab.logTails()}`,
    },
  );
  for (const { prefix, communities } of routes) {
    report.pass(`${title(way)}: ${prefix} with ${communities.join(" ")}`);
  }
  for (const prefix of withdrawn) report.pass(`${title(way)}: ${prefix} withdrawn`);
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
