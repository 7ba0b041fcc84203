import t, { type Test } from "tap";
import type { Lab } from "../../src/lab/lab.ts";
import { RouteMonitor } from "../../src/lab/route-monitor.ts";
import {
  familyOf,
  type LabSpeaker,
  type OriginatedRoute,
} from "../../src/lab/speakers/lab-speaker.ts";
import { waitUntil } from "../../src/lab/wait-until.ts";
import { bringUp } from "../support/interop-exchange.ts";
import { bird, frr, hub } from "../support/interop-makes.ts";
import {
  openSegment,
  peerOf,
  type SegmentNode,
  type SpeakerFactory,
  segmentPlan,
} from "../support/interop-segment.ts";

const MAKES: readonly (readonly [string, SpeakerFactory])[] = [
  ["BIRD 2", bird],
  ["FRR", frr],
];

const OURS = routes("192.168.1.10/32", "fd80:1::10/128");
const OURS_LATER = routes("192.168.1.11/32", "fd80:1::11/128");
const THEIRS = routes("192.168.2.64/26", "fd80:2::/64");
const THEIRS_GONE = routes("192.168.3.64/26", "fd80:3::/64");

for (const [make, peer] of MAKES) {
  t.test(`${make} is killed and restarts: we keep its routes, and sweep what it has no more`, (t) =>
    inWorld(peer, (lab, ours, theirs) => peerRestarts(t, lab, ours, theirs)),
  );
  t.test(`${make} helps while we are killed and restart: no route of either kernel changes`, (t) =>
    inWorld(peer, (lab, ours, theirs) => weRestart(t, lab, ours, theirs)),
  );
}

type Story = (lab: Lab, ours: LabSpeaker, theirs: LabSpeaker) => Promise<void>;

async function inWorld(peer: SpeakerFactory, story: Story): Promise<void> {
  const lab = await openSegment("restart", ["hub", "peer"]);
  const options = { gracefulRestart: { restartTimeSeconds: 60 }, kernel: true };
  try {
    const ours = hub(lab, segmentPlan("hub", "ibgp", options));
    const theirs = peer(lab, segmentPlan("peer", "ibgp", options));
    await story(lab, ours, theirs);
  } finally {
    await lab.close();
  }
}

/** Helper: RFC 4724 §4.2. */
async function peerRestarts(
  t: Test,
  lab: Lab,
  ours: LabSpeaker,
  theirs: LabSpeaker,
): Promise<void> {
  await theirs.originate([...THEIRS, ...THEIRS_GONE]);
  await bringUp(t, lab, [ours, theirs]);
  await arrived(t, lab, ours, theirs, [...THEIRS, ...THEIRS_GONE]);
  const monitor = await RouteMonitor.start(lab, "hub");

  await theirs.kill();
  await down(t, lab, ours, peerOf(ours, "peer").name);
  await stillThere(t, lab, ours, theirs, [...THEIRS, ...THEIRS_GONE]);
  t.same(await monitor.changes(), [], "our kernel's routes did not change when the peer died");

  await theirs.originate(THEIRS);
  await theirs.start({ recover: true });
  await gone(t, lab, ours, theirs, THEIRS_GONE);
  await stillThere(t, lab, ours, theirs, THEIRS);
  const changes = await monitor.changes();
  const others = changes.filter((line) => !mentions(line, THEIRS_GONE));
  t.same(others, [], "nothing changed but the routes that the peer has no more");
  const deletions = changes.filter((line) => line.startsWith("Deleted"));
  t.equal(deletions.length, THEIRS_GONE.length, "each of those was deleted once");
}

/** Restarting: RFC 4724 §4.1. */
async function weRestart(t: Test, lab: Lab, ours: LabSpeaker, theirs: LabSpeaker): Promise<void> {
  await ours.originate(OURS);
  await theirs.originate(THEIRS);
  await bringUp(t, lab, [ours, theirs]);
  await arrived(t, lab, ours, theirs, THEIRS);
  await arrived(t, lab, theirs, ours, OURS);
  const [here, there] = [
    await RouteMonitor.start(lab, "hub"),
    await RouteMonitor.start(lab, "peer"),
  ];

  await ours.kill();
  await down(t, lab, theirs, peerOf(theirs, "hub").name);
  await stillThere(t, lab, theirs, ours, OURS);
  await ours.start({ recover: true });
  await ours.originate([...OURS, ...OURS_LATER]);
  // What comes after the End-of-RIB shows that the restart is over.
  await arrived(t, lab, theirs, ours, [...OURS, ...OURS_LATER]);
  await arrived(t, lab, ours, theirs, THEIRS);

  const later = (line: string) => !mentions(line, OURS_LATER);
  t.same((await here.changes()).filter(later), [], "our kernel's routes did not change");
  t.same((await there.changes()).filter(later), [], "the peer's kernel's routes did not change");
}

async function down(t: Test, lab: Lab, speaker: LabSpeaker, peer: string): Promise<void> {
  const what = `${speaker.make} on ${speaker.plan.node} sees that ${peer} is gone`;
  await waitUntil(
    what,
    async () =>
      (await speaker.sessionState(peerOf(speaker, peer as SegmentNode))) !== "Established",
    { deadlineSeconds: 60, everyMilliseconds: 20, whenLate: () => lab.logTails() },
  );
  t.pass(what);
}

/** Waits until the receiver has the routes, in its kernel, too. */
async function arrived(
  t: Test,
  lab: Lab,
  to: LabSpeaker,
  from: LabSpeaker,
  expected: readonly OriginatedRoute[],
): Promise<void> {
  const what = `${to.make} ${to.plan.node} and its kernel have ${names(expected)}`;
  let missing: readonly string[] = [];
  await waitUntil(
    what,
    async () => {
      missing = await missingFrom(lab, to, from, expected);
      return missing.length === 0;
    },
    { deadlineSeconds: 60, whenLate: () => `missing: ${missing}\n${lab.logTails()}` },
  );
  t.pass(what);
}

async function stillThere(
  t: Test,
  lab: Lab,
  to: LabSpeaker,
  from: LabSpeaker,
  expected: readonly OriginatedRoute[],
): Promise<void> {
  const missing = await missingFrom(lab, to, from, expected);
  t.same(missing, [], `${to.make} ${to.plan.node} and its kernel still have ${names(expected)}`);
}

async function gone(
  t: Test,
  lab: Lab,
  to: LabSpeaker,
  from: LabSpeaker,
  unwanted: readonly OriginatedRoute[],
): Promise<void> {
  const what = `${to.make} ${to.plan.node} and its kernel have dropped ${names(unwanted)}`;
  await waitUntil(
    what,
    async () => (await missingFrom(lab, to, from, unwanted)).length === 2 * unwanted.length,
    { deadlineSeconds: 60, whenLate: () => lab.logTails() },
  );
  t.pass(what);
}

/** The routes that the receiver's table or its kernel does not have. */
async function missingFrom(
  lab: Lab,
  to: LabSpeaker,
  from: LabSpeaker,
  expected: readonly OriginatedRoute[],
): Promise<readonly string[]> {
  const peer = peerOf(to, from.plan.node as SegmentNode);
  const table = [...(await to.routesFrom(peer, "ipv4")), ...(await to.routesFrom(peer, "ipv6"))];
  const kernel = await lab.run(to.plan.node, ["ip", "-4", "route"]);
  const kernel6 = await lab.run(to.plan.node, ["ip", "-6", "route"]);
  const installed = new Set(
    `${kernel}${kernel6}`.split("\n").map((line) => asPrefix(line.split(" ")[0] ?? "")),
  );
  return expected.flatMap(({ prefix }) => [
    ...(table.some((route) => route.prefix === prefix) ? [] : [`${prefix} in the table`]),
    ...(installed.has(prefix) ? [] : [`${prefix} in the kernel`]),
  ]);
}

/** `ip` prints host routes without their length. */
function asPrefix(text: string): string {
  if (text.includes("/")) return text;
  return `${text}/${familyOf(text) === "ipv6" ? 128 : 32}`;
}

function mentions(line: string, some: readonly OriginatedRoute[]): boolean {
  return some.some(({ prefix }) => line.includes(prefix.replace(/\/(32|128)$/, "")));
}

function names(some: readonly OriginatedRoute[]): string {
  return some.map(({ prefix }) => prefix).join(" ");
}

function routes(...prefixes: readonly string[]): readonly OriginatedRoute[] {
  return prefixes.map((prefix) => ({ prefix, communities: ["64512:1"] }));
}
