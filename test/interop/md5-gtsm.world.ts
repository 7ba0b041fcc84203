import t, { type Test } from "tap";
import type { Lab } from "../../src/lab/lab.ts";
import type { LabFamily } from "../../src/lab/speakers/lab-speaker.ts";
import { waitUntil } from "../../src/lab/wait-until.ts";
import { bringUp } from "../support/interop-exchange.ts";
import { bird, frr, hub } from "../support/interop-makes.ts";
import {
  type InteropRole,
  openSegment,
  peerOf,
  type SessionOptions,
  type SpeakerFactory,
  segmentPlan,
} from "../support/interop-segment.ts";

type Row = {
  readonly title: string;
  readonly role: InteropRole;
  readonly transport?: LabFamily;
  readonly hub: SessionOptions;
  readonly peer: SessionOptions;
  /** The kernel's counter that must move when the session may not come up. */
  readonly refusedBy?: string;
};

const KEY = "a-key-of-the-test";

const ROWS: readonly Row[] = [
  {
    title: "MD5 over IPv4: one key, and we connect",
    role: "ibgp",
    hub: { password: KEY },
    peer: { password: KEY, passive: true },
  },
  {
    title: "MD5 over IPv6: one key",
    role: "ebgp",
    transport: "ipv6",
    hub: { password: KEY, families: ["ipv6"] },
    peer: { password: KEY, families: ["ipv6"] },
  },
  {
    title: "MD5: two different keys",
    role: "ibgp",
    hub: { password: KEY },
    peer: { password: "another" },
    refusedBy: "TcpExtTCPMD5Failure",
  },
  {
    title: "MD5: the peer has no key",
    role: "ibgp",
    hub: { password: KEY },
    peer: {},
    refusedBy: "TcpExtTCPMD5NotFound",
  },
  {
    title: "GTSM over IPv4: both",
    role: "ebgp",
    hub: { ttlSecurity: true },
    peer: { ttlSecurity: true },
  },
  {
    title: "GTSM over IPv6, and MD5: both",
    role: "ebgp",
    transport: "ipv6",
    hub: { ttlSecurity: true, password: KEY, families: ["ipv6"] },
    peer: { ttlSecurity: true, password: KEY, families: ["ipv6"] },
  },
  {
    title: "GTSM: the peer sends with TTL 1",
    role: "ebgp",
    hub: { ttlSecurity: true },
    peer: {},
    refusedBy: "TcpExtTCPMinTTLDrop",
  },
];

const MAKES: readonly (readonly [string, SpeakerFactory])[] = [
  ["BIRD 2", bird],
  ["FRR", frr],
];

for (const [make, peer] of MAKES) {
  for (const row of ROWS) {
    const outcome = row.refusedBy === undefined ? "comes up" : "does not come up";
    t.test(`${make}, ${row.title}: ${outcome}`, (t) => tryRow(t, peer, row));
  }
}

async function tryRow(t: Test, peer: SpeakerFactory, row: Row): Promise<void> {
  const lab = await openSegment("security", ["hub", "peer"]);
  try {
    const transport = row.transport ?? "ipv4";
    const ours = hub(lab, segmentPlan("hub", row.role, { ...row.hub, transport }));
    const theirs = peer(lab, segmentPlan("peer", row.role, { ...row.peer, transport }));
    if (row.refusedBy === undefined) {
      await bringUp(t, lab, [ours, theirs]);
      return;
    }
    await Promise.all([ours.start(), theirs.start()]);
    const drops = await refusals(lab, row.refusedBy);
    t.ok(drops > 0, `the kernel refused segments: ${row.refusedBy} is ${drops}`);
    t.not(await ours.sessionState(peerOf(ours, "peer")), "Established", "we are not Established");
    // With GTSM the peer may think that it is: our side of the conversation reaches it.
    if (row.hub.ttlSecurity === true) return;
    t.not(await theirs.sessionState(peerOf(theirs, "hub")), "Established", "nor is the peer");
  } finally {
    await lab.close();
  }
}

/** Waits until the kernel of either end has refused a few segments, enough for an attempt from each side. */
async function refusals(lab: Lab, counter: string): Promise<number> {
  return waitUntil(
    `${counter} has moved`,
    async () => {
      const texts = await Promise.all(
        ["hub", "peer"].map((node) => lab.run(node, ["nstat", "-asz", counter])),
      );
      const counts = texts.map((text) =>
        Number(new RegExp(`${counter}\\s+(\\d+)`).exec(text)?.[1]),
      );
      const sum = counts.reduce((a, b) => a + b, 0);
      return sum >= 3 ? sum : undefined;
    },
    { deadlineSeconds: 60, whenLate: () => lab.logTails() },
  );
}
