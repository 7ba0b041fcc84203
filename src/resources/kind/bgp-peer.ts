import { z } from "zod";
import { ipVersion, parseIpAddress } from "../../../protocol/types/ip-address.ts";
import { Prefix, prefixContainsAddress } from "../../../protocol/types/prefix.ts";
import {
  asNumberField,
  durationField,
  ipAddressField,
  passwordField,
  selectorField,
  stringField,
} from "../field.ts";
import { isSet, type KindSchema, type RuleViolation } from "../kind-schema.ts";
import { passwordViolations } from "../password.ts";
import { parsePeerAddress } from "../peer-address.ts";
import type { Resource } from "../resource.ts";
import { holdTimeViolations, sendHoldTimeViolations } from "./timer-rules.ts";

const prefixLimit = z.int().min(1).max(0xffff_ffff);

const spec = z.strictObject({
  node: z.string().optional().describe("The one node that has this peering."),
  nodeSelector: selectorField()
    .optional()
    .describe("The nodes that have this peering. Neither node nor nodeSelector: all of them."),
  peerIP: stringField(complaintAboutPeerAddress)
    .optional()
    .describe(
      "Address of the peer, with a port where it is not 179: 10.0.0.1, 10.0.0.1:1179, [fd00::1]:1179.",
    ),
  asNumber: asNumberField().optional().describe("AS number of the peer."),
  localASNumber: asNumberField().optional().describe("AS number that we show to this peer."),
  peerSelector: selectorField().optional().describe("Nodes of the cluster to peer with."),
  localWorkloadSelector: selectorField()
    .optional()
    .describe("Workloads of this node to peer with."),
  keepOriginalNextHop: z.boolean().optional().describe("Old form of nextHopMode Keep; eBGP only."),
  nextHopMode: z.enum(["Auto", "Self", "Keep"]).optional(),
  password: passwordField()
    .optional()
    .describe("TCP-MD5 key. In place: a text (tortie). Calico: secretKeyRef, in Kubernetes."),
  sourceAddress: z
    .enum(["UseNodeIP", "None"])
    .optional()
    .describe("UseNodeIP connects from the node's address; None leaves the choice to the kernel."),
  failureDetectionMode: z.enum(["None", "BFDIfDirectlyConnected"]).optional(),
  restartMode: z.enum(["GracefulRestart", "LongLivedGracefulRestart"]).optional(),
  maxRestartTime: durationField({ min: 0, max: 4095 })
    .optional()
    .describe("How long the peer keeps our routes while we restart; 120s."),
  keepaliveTime: durationField({ min: 1, max: 21_845 })
    .optional()
    .describe("Keepalive interval; a third of the negotiated hold time."),
  numAllowedLocalASNumbers: z
    .int()
    .min(0)
    .max(0x7fff_ffff)
    .optional()
    .describe("How often our own AS number may stand in a received AS_PATH; 0."),
  ttlSecurity: z
    .int()
    .min(0)
    .max(255)
    .optional()
    .describe("GTSM: the peer is at most this many hops away. RFC 5082."),
  reachableBy: ipAddressField().optional().describe("Gateway towards peerIP: makes a host route."),
  filters: z.array(z.string()).optional().describe("BGPFilters, in order."),
  reversePeering: z
    .enum(["Auto", "Manual"])
    .optional()
    .describe("Auto: the selected peers get the same peering from their side."),
  // What follows is tortie's, not Calico's.
  exportLearned: z
    .boolean()
    .optional()
    .describe("tortie: tell this eBGP peer what was learned from other nodes. Calico always does."),
  holdTime: durationField({ min: 3, max: 65_535 })
    .optional()
    .describe("tortie: hold time offered; 90s."),
  connectRetryTime: durationField({ min: 1, max: 65_535 })
    .optional()
    .describe("tortie: wait between connection attempts; 5s."),
  sendHoldTime: durationField({ min: 3, max: 65_535 })
    .optional()
    .describe(
      "tortie: a peer that reads nothing for so long is cut; 8m, or twice the hold time if that is more. RFC 9687.",
    ),
  advertisementInterval: durationField({ min: 0, max: 600 })
    .optional()
    .describe("tortie: least time between two announcements of a prefix; 0s."),
  maxPrefixes: z
    .strictObject({
      ipv4: prefixLimit.optional(),
      ipv6: prefixLimit.optional(),
      warnPercent: z.int().min(1).max(100).optional(),
      restartAfter: durationField({ min: 1, max: 86_400 }).optional(),
    })
    .optional()
    .describe("tortie: more prefixes than this from the peer end the session (Cease 6/1)."),
  role: z
    .enum(["Provider", "RouteServer", "RouteServerClient", "Customer", "Peer"])
    .optional()
    .describe("tortie: our role towards the peer. RFC 9234."),
  roleStrict: z.boolean().optional().describe("tortie: refuse a peer that states no role."),
  acceptDefaultRoute: z
    .boolean()
    .optional()
    .describe("tortie: take a default route from a route-reflector client."),
  acceptNodeAddresses: z
    .boolean()
    .optional()
    .describe("tortie: take routes to node addresses from a route-reflector client."),
  extendedNextHop: z.boolean().optional().describe("tortie: IPv4 over IPv6 next hops. RFC 8950."),
  addPath: z.enum(["Receive", "Send", "Both"]).optional().describe("tortie: RFC 7911."),
  enforceFirstAS: z
    .boolean()
    .optional()
    .describe(
      "tortie: an eBGP peer's paths begin with its own AS. On unless false or behind a route server.",
    ),
  families: z
    .array(z.enum(["IPv4", "IPv6"]))
    .min(1)
    .optional()
    .describe("tortie: what to carry; both where the node has both addresses."),
  sessions: z
    .enum(["Shared", "PerFamily"])
    .optional()
    .describe("tortie: one session for both families, or one each, as calico-node has."),
});

/** A peering: of every node, of the nodes that are selected, or of one. */
export const bgpPeerSchema = { spec, rules } as const satisfies KindSchema;

function rules({ spec }: Resource): readonly RuleViolation[] {
  return [
    ...scopeViolations(spec),
    ...targetViolations(spec),
    ...reachableByViolations(spec),
    ...nextHopViolations(spec),
    ...unsupportedViolations(spec),
    ...holdTimeViolations(spec, { holdTime: "holdTime", keepaliveTime: "keepaliveTime" }),
    ...sendHoldTimeViolations(spec),
    ...passwordViolations(spec["password"], ["spec", "password"]),
  ];
}

/** Nobody can be reached at such an address, and an attempt would be made for ever. */
const UNREACHABLE: readonly { readonly range: Prefix; readonly name: string }[] = [
  { range: Prefix("0.0.0.0/8"), name: "unspecified" },
  { range: Prefix("127.0.0.0/8"), name: "loopback" },
  { range: Prefix("224.0.0.0/4"), name: "multicast" },
  { range: Prefix("255.255.255.255/32"), name: "broadcast" },
  { range: Prefix("::/128"), name: "unspecified" },
  { range: Prefix("::1/128"), name: "loopback" },
  { range: Prefix("ff00::/8"), name: "multicast" },
];

function complaintAboutPeerAddress(value: string): string | undefined {
  const parsed = parsePeerAddress(value);
  if (parsed === undefined) return "must be an address, IP:port or [IPv6]:port";
  const found = UNREACHABLE.find(({ range }) => prefixContainsAddress(range, parsed.address));
  return found && `must be the address of a peer: this one is ${found.name}`;
}

function scopeViolations(spec: Resource["spec"]): readonly RuleViolation[] {
  if (!isSet(spec["node"]) || !isSet(spec["nodeSelector"])) return [];
  return [
    {
      path: ["spec", "nodeSelector"],
      message: "cannot be used together with node",
      fix: "keep one of the two",
    },
  ];
}

/** Whom to peer with is said in exactly one of three ways. */
function targetViolations(spec: Resource["spec"]): readonly RuleViolation[] {
  const targets = ["peerIP", "peerSelector", "localWorkloadSelector"].filter((field) =>
    isSet(spec[field]),
  );
  const [first, second] = targets;
  if (first === undefined) {
    return [
      {
        path: ["spec"],
        message: "must say whom to peer with",
        fix: "add peerIP with asNumber, peerSelector, or localWorkloadSelector with asNumber",
      },
    ];
  }
  if (second !== undefined) {
    return [
      {
        path: ["spec", second],
        message: `cannot be used together with ${first}`,
        fix: "keep one of the two",
      },
    ];
  }
  if (first === "peerSelector") {
    return isSet(spec["asNumber"])
      ? [
          {
            path: ["spec", "asNumber"],
            message: "cannot be used together with peerSelector: each node has its own AS number",
            fix: "remove asNumber",
          },
        ]
      : [];
  }
  if (isSet(spec["asNumber"])) return [];
  return [
    { path: ["spec"], message: `must have asNumber, because ${first} is set`, fix: "add asNumber" },
  ];
}

function reachableByViolations(spec: Resource["spec"]): readonly RuleViolation[] {
  const { reachableBy, peerIP } = spec;
  if (typeof reachableBy !== "string" || reachableBy === "") return [];
  const path = ["spec", "reachableBy"];
  if (!isSet(peerIP))
    return [{ path, message: "needs peerIP", fix: "add peerIP, or remove reachableBy" }];
  const peer = typeof peerIP === "string" ? parsePeerAddress(peerIP) : undefined;
  const gateway = parseIpAddress(reachableBy);
  if (!peer || !gateway || ipVersion(peer.address) === ipVersion(gateway)) return [];
  return [{ path, message: `must be an IPv${ipVersion(peer.address)} address, as peerIP is` }];
}

function nextHopViolations(spec: Resource["spec"]): readonly RuleViolation[] {
  if (spec["keepOriginalNextHop"] !== true || !isSet(spec["nextHopMode"])) return [];
  return [
    {
      path: ["spec", "keepOriginalNextHop"],
      message: "cannot be used together with nextHopMode",
      fix: "remove keepOriginalNextHop; nextHopMode Keep says the same",
    },
  ];
}

/** Fields of Calico Enterprise are accepted, so that its YAML loads, and named as having no effect. */
function unsupportedViolations(spec: Resource["spec"]): readonly RuleViolation[] {
  return ["failureDetectionMode", "restartMode"]
    .filter((field) => isSet(spec[field]) && spec[field] !== "None")
    .map((field) => ({
      path: ["spec", field],
      severity: "warning",
      message: "is accepted, but has no effect in this version",
    }));
}
