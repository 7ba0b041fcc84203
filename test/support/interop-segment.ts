import { Lab } from "../../src/lab/lab.ts";
import type {
  LabFamily,
  LabSpeaker,
  SpeakerPeer,
  SpeakerPlan,
} from "../../src/lab/speakers/lab-speaker.ts";

/** Makes a daemon of one make for a plan. */
export type SpeakerFactory = (lab: Lab, plan: SpeakerPlan) => LabSpeaker;

/** How the daemon under test sees its peer. */
export type InteropRole = "ibgp" | "ebgp" | "rrClient";

export const HUB_ASN = 64512;
export const EBGP_ASN = 65001;
export const CLUSTER_ID = "10.99.0.100";

/** Three nodes on one Ethernet: the hub is the daemon under test, the peer another make, the witness a second client. */
export const SEGMENT = {
  hub: { ipv4: "10.99.0.1", ipv6: "fd99::1" },
  peer: { ipv4: "10.99.0.2", ipv6: "fd99::2" },
  witness: { ipv4: "10.99.0.3", ipv6: "fd99::3" },
} as const;

export type SegmentNode = keyof typeof SEGMENT;

/** Opens a lab with the nodes on one bridge. */
export async function openSegment(name: string, nodes: readonly SegmentNode[]): Promise<Lab> {
  const lab = await Lab.open(name);
  try {
    await lab.build({
      nodes: ["switch", ...nodes],
      bridges: [{ node: "switch", interface: "br0" }],
      links: nodes.map((node) => [
        {
          node,
          interface: "eth0",
          addresses: [`${SEGMENT[node].ipv4}/24`, `${SEGMENT[node].ipv6}/64`],
        },
        { node: "switch", interface: node, bridge: "br0" },
      ]),
    });
  } catch (error) {
    await lab.close();
    throw error;
  }
  return lab;
}

/** What two speakers agree on besides who they are: a key, GTSM, graceful restart, timers. */
export type SessionOptions = Pick<
  SpeakerPeer,
  "password" | "ttlSecurity" | "gracefulRestart" | "holdTimeSeconds" | "passive" | "families"
>;

/** The plan of one node with its peers, for a role: who is in which AS, and who is whose client. */
export function segmentPlan(
  node: SegmentNode,
  role: InteropRole,
  options: SessionOptions & { readonly kernel?: boolean; readonly transport?: LabFamily } = {},
): SpeakerPlan {
  const { kernel, transport = "ipv4", ...session } = options;
  const reflects = role === "rrClient";
  const others: readonly SegmentNode[] =
    node === "hub" ? (reflects ? ["peer", "witness"] : ["peer"]) : ["hub"];
  return {
    node,
    asn: asnOf(node, role),
    routerId: SEGMENT[node].ipv4,
    addresses: SEGMENT[node],
    peers: others.map((other) => ({
      name: other,
      address: SEGMENT[other][transport],
      asn: asnOf(other, role),
      routeReflectorClient: reflects && node === "hub",
      ...session,
    })),
    ...(kernel === undefined ? {} : { kernel }),
    ...(reflects && node === "hub" ? { clusterId: CLUSTER_ID } : {}),
  };
}

/** The peer of that name in a speaker's plan. */
export function peerOf(speaker: LabSpeaker, name: SegmentNode): SpeakerPeer {
  const peer = speaker.plan.peers.find((candidate) => candidate.name === name);
  if (peer === undefined) throw new Error(`${speaker.plan.node} has no peer ${name}`);
  return peer;
}

function asnOf(node: SegmentNode, role: InteropRole): number {
  return role === "ebgp" && node !== "hub" ? EBGP_ASN : HUB_ASN;
}
