import t from "tap";
import { Lab } from "../../src/lab/lab.ts";
import { BirdSpeaker } from "../../src/lab/speakers/bird.ts";
import type { LabFamily, SpeakerPeer, SpeakerPlan } from "../../src/lab/speakers/lab-speaker.ts";
import { TortiedSpeaker } from "../../src/lab/speakers/tortied-speaker.ts";
import { waitUntil } from "../../src/lab/wait-until.ts";
import { bringUp } from "../support/interop-exchange.ts";

const ASN = 64_512;
/** All on one Ethernet. `one` and `two` announce the same prefixes; `host` (tortied) and `sink` (BIRD) hear of both by ADD-PATH. */
const NODES = ["reflector", "host", "one", "two", "sink"] as const;
type Node = (typeof NODES)[number];
const ANYCAST = { ipv4: "192.168.9.0/26", ipv6: "fd80:9::/64" };
const FAMILIES: readonly LabFamily[] = ["ipv4", "ipv6"];

t.test("the same prefix from two clients: both ways in each kernel", async (t) => {
  const lab = await Lab.open("multipath");
  t.teardown(() => lab.close());
  await lab.build({
    nodes: ["switch", ...NODES],
    bridges: [{ node: "switch", interface: "br0" }],
    links: NODES.map((node) => [
      { node, interface: "eth0", addresses: [`${of(node).ipv4}/24`, `${of(node).ipv6}/64`] },
      { node: "switch", interface: node, bridge: "br0" },
    ]),
  });
  const reflector = new TortiedSpeaker(lab, {
    ...planOf("reflector", [peer("host", true), peer("one"), peer("two"), peer("sink", true)]),
    clusterId: "10.96.0.100",
  });
  const [one, two] = (["one", "two"] as const).map(
    (node) => new BirdSpeaker(lab, planOf(node, [peer("reflector")])),
  );
  const host = new TortiedSpeaker(lab, planOf("host", [peer("reflector", true)]));
  const sink = new BirdSpeaker(lab, {
    ...planOf("sink", [peer("reflector", true)]),
    kernel: true,
  });
  if (one === undefined || two === undefined) throw new Error("two announcers");
  await bringUp(t, lab, [reflector, one, two, host, sink]);

  const routes = FAMILIES.map((family) => ({ prefix: ANYCAST[family], communities: [] }));
  await one.originate(routes);
  await two.originate(routes);
  for (const node of ["reflector", "host", "sink"] as const) {
    for (const family of FAMILIES) await leads(lab, node, family, ["one", "two"]);
    t.pass(`${node}: the kernel has both ways, IPv4 and IPv6`);
  }
  const told = await sink.birdc(`show route for ${ANYCAST.ipv4} all`);
  const paths = [...told.matchAll(/BGP\.next_hop: (\S+)/g)].map(([, nextHop]) => nextHop);
  t.same(paths.toSorted(), [of("one").ipv4, of("two").ipv4], "BIRD has both paths by ADD-PATH");

  await one.originate([]);
  for (const node of ["reflector", "host", "sink"] as const) {
    for (const family of FAMILIES) await leads(lab, node, family, ["two"]);
    t.pass(`${node}: one path is withdrawn, the other stays`);
  }
  await two.originate([]);
  for (const node of ["reflector", "host", "sink"] as const) {
    for (const family of FAMILIES) await leads(lab, node, family, []);
    t.pass(`${node}: nothing is left`);
  }
});

function of(node: Node): { readonly [family in LabFamily]: string } {
  const number = NODES.indexOf(node) + 1;
  return { ipv4: `10.96.0.${number}`, ipv6: `fd96::${number}` };
}

function peer(node: Node, addPath = false): SpeakerPeer {
  return { name: node, address: of(node).ipv4, asn: ASN, addPath };
}

function planOf(node: Node, peers: readonly SpeakerPeer[]): SpeakerPlan {
  return { node, asn: ASN, routerId: of(node).ipv4, addresses: of(node), peers };
}

/** Waits until the kernel's route to the anycast prefix leads over exactly these. */
async function leads(
  lab: Lab,
  node: Node,
  family: LabFamily,
  ways: readonly Node[],
): Promise<void> {
  const wanted = ways.map((way) => of(way)[family]).toSorted();
  let text = "";
  await waitUntil(
    `${node} routes ${ANYCAST[family]} over ${ways}`,
    async () => {
      text = await lab.run(node, [
        ...["ip", family === "ipv4" ? "-4" : "-6", "route", "show", ANYCAST[family]],
      ]);
      const found = [...text.matchAll(/via (\S+)/g)].map(([, via]) => via).toSorted();
      return found.join() === wanted.join();
    },
    { deadlineSeconds: 30, whenLate: () => `${text}\n${lab.logTails(20)}` },
  );
}
