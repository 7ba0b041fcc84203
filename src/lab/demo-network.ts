import {
  DEMO_ASN,
  DEMO_HOSTS,
  DEMO_WORKLOADS,
  type DemoHost,
  demoTopology,
  TOR,
  TOR_ASN,
} from "./demo-plan.ts";
import type { Lab } from "./lab.ts";
import { BirdSpeaker } from "./speakers/bird.ts";
import type { SpeakerPeer } from "./speakers/lab-speaker.ts";
import { addWorkloads } from "./workload.ts";

/** Namespaces, links, addresses, default routes and workloads of the demo; no daemon yet. */
export async function buildDemoNetwork(lab: Lab): Promise<void> {
  await lab.build(demoTopology());
  await lab.sysctl(TOR, "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1");
  await Promise.all(
    DEMO_HOSTS.map(({ name, gateway }) =>
      lab.ip(
        name,
        `route add default via ${gateway.ipv4}`,
        `route add default via ${gateway.ipv6} dev eth0`,
      ),
    ),
  );
  await addWorkloads(lab, DEMO_WORKLOADS);
}

/** The top-of-rack router: it takes what the hosts announce and forwards; it originates nothing. */
export function topOfRack(lab: Lab): BirdSpeaker {
  return new BirdSpeaker(lab, {
    node: TOR,
    asn: TOR_ASN,
    routerId: DEMO_HOSTS[0]?.gateway.ipv4 ?? "",
    addresses: { ipv4: "", ipv6: "" },
    peers: DEMO_HOSTS.map(torPeer),
    kernel: true,
    transit: true,
  });
}

/** A host as the router sees it. */
export function torPeer(host: DemoHost): SpeakerPeer {
  return {
    name: host.name,
    address: host.ipv4,
    localAddress: host.gateway.ipv4,
    asn: DEMO_ASN,
    gracefulRestart: { restartTimeSeconds: 120 },
  };
}
