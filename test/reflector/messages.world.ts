import t from "tap";
import { BirdSpeaker } from "../../src/lab/speakers/bird.ts";
import { waitUntil } from "../../src/lab/wait-until.ts";
import { keyOf } from "./client-tables.ts";
import type { RouteBatch } from "./plain-client.ts";
import { announceUpdates, attribute, type PlainFamily, u32 } from "./plain-update.ts";
import { ASN, CLUSTER_ID, ReflectorLab, WITNESS } from "./reflector-lab.ts";

const HOLD_SECONDS = 30;
/** Clients in plain octets; the third is told with an advertisement interval. */
const [FIRST, SECOND, INTERVAL] = [0, 1, 2];
const PLAIN = [FIRST, SECOND, INTERVAL];
const INTERVAL_SECONDS = 3;
const MOST_OCTETS = 4096;
const isUp = ({ state }: { readonly state: string }) => state === "established";

t.test("UPDATEs that a reflector must split, and when they leave", async (t) => {
  const it = await ReflectorLab.open({
    name: "messages",
    clients: 3,
    witness: true,
    peerSpec: (client) =>
      client === INTERVAL ? { advertisementInterval: `${INTERVAL_SECONDS}s` } : {},
  });
  t.teardown(() => it.close());
  const { clients } = it;
  const bird = await startBird(it);
  await clients.open(it.plans(PLAIN, HOLD_SECONDS));
  await clients.until("all are Established", PLAIN, isUp);

  for (const family of [4, 6] as const) {
    // Each is as full as it can be with this many communities, so that ORIGINATOR_ID and CLUSTER_LIST find no room.
    const batches = [0, 100, 600, 980].map((communities, i) => fullUpdate(family, communities, i));
    for (const batch of batches) {
      await clients.ask({ type: "say", client: FIRST, batch });
    }
    await clients.agree(`full IPv${family} messages are reflected`, PLAIN, CLUSTER_ID);
    const [second] = (await clients.reports()).filter(({ index }) => index === SECOND);
    t.ok((second?.longestMessage ?? 0) <= MOST_OCTETS, "no message is longer than 4,096 octets");
    const routes = batches.reduce((sum, { keys }) => sum + keys.length, 0);
    let seen = 0;
    await waitUntil(
      `BIRD has the ${routes} routes of full IPv${family} messages`,
      async () => {
        seen = await birdRoutes(bird, family);
        return seen === routes;
      },
      { deadlineSeconds: 30, whenLate: () => `BIRD has ${seen}` },
    );
    t.pass(`${routes} IPv${family} routes of ${batches.length} full messages, none lost`);
  }
  const reports = await clients.reports();
  t.same(
    reports.filter((report) => !isUp(report)),
    [],
    "and no session",
  );

  await t.test(
    "a lone change leaves at once; with an interval it waits, the last one counts",
    async (t) => {
      const sent = performance.now();
      const change = (version: number): RouteBatch => ({
        family: 4,
        keys: [keyOf(4, 900_000)],
        attributes: attributesWith(1, version),
      });
      const updatesOf = async (index: number) =>
        (await clients.reports()).find((report) => report.index === index)?.updates ?? 0;
      const settled = (await updatesOf(INTERVAL)) as number;
      await clients.ask({ type: "say", client: FIRST, batch: change(1) });
      await clients.agree("the change is everywhere", [SECOND, INTERVAL], CLUSTER_ID);
      t.equal((await updatesOf(INTERVAL)) - settled, 1);
      await clients.ask({ type: "say", client: FIRST, batch: change(2) });
      await clients.agree("the next one is at who has no interval", [SECOND], CLUSTER_ID);
      const atOnce = performance.now() - sent;
      t.equal((await updatesOf(INTERVAL)) - settled, 1, "the interval holds it back");
      await clients.ask({ type: "say", client: FIRST, batch: change(3) });
      await clients.agree("the last one is everywhere", [SECOND, INTERVAL], CLUSTER_ID);
      const waited = performance.now() - sent;
      t.equal((await updatesOf(INTERVAL)) - settled, 2, "two changes came as one");
      t.ok(
        waited >= INTERVAL_SECONDS * 1000,
        `after ${Math.round(waited)} ms, the others ${Math.round(atOnce)} ms`,
      );
    },
  );
});

/** BIRD as one more client, behind the reflector: it finds no way to the next hops, and keeps the routes. */
async function startBird({ lab }: ReflectorLab): Promise<BirdSpeaker> {
  const { node, address, reflector } = WITNESS;
  const peer = { name: "reflector", address: reflector, asn: ASN, multihop: true };
  const bird = new BirdSpeaker(lab, {
    node,
    asn: ASN,
    routerId: address,
    addresses: { ipv4: address, ipv6: "fd97::2" },
    peers: [peer],
  });
  await bird.start();
  await waitUntil(
    "BIRD is Established",
    async () => (await bird.sessionState(peer)) === "Established",
    { deadlineSeconds: 30, whenLate: () => lab.logTails() },
  );
  return bird;
}

async function birdRoutes(bird: BirdSpeaker, family: PlainFamily): Promise<number> {
  const text = await bird.birdc(`show route table master${family} count`);
  return Number(/^(\d+) of/m.exec(text)?.[1] ?? -1);
}

/** As many prefixes as one message takes with these attributes, to the last octet that prefixes can fill. */
function fullUpdate(family: PlainFamily, communities: number, number: number): RouteBatch {
  const attributes = attributesWith(communities, 1);
  const keys = [];
  const nextHop = Buffer.alloc(family === 4 ? 4 : 16);
  for (let i = number * 10_000; ; i++) {
    const more = [...keys, keyOf(family, i)];
    if (announceUpdates(family, more, attributes, nextHop).length > MOST_OCTETS) break;
    keys.push(keyOf(family, i));
  }
  return { family, keys, attributes };
}

function attributesWith(communities: number, version: number): Buffer {
  const words = Array.from({ length: communities }, (_, i) => u32((65_000 << 16) | i));
  return Buffer.concat([
    attribute(1, 0x40, Buffer.of(0)),
    attribute(2, 0x40, Buffer.concat([Buffer.of(2, 1), u32(65_000 + version)])),
    attribute(5, 0x40, u32(100)),
    ...(communities > 0 ? [attribute(8, 0xc0, Buffer.concat(words))] : []),
  ]);
}
