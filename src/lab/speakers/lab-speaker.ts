/** A BGP daemon of any make in a lab: what a scenario can do with it, and what it can see. */
export type LabSpeaker = {
  /** "BIRD 2", for titles. */
  readonly make: string;
  readonly plan: SpeakerPlan;
  /** Starts it; returns when it answers. `recover`: as the restarting speaker of RFC 4724 §4.1, after kill(). */
  start(options?: { readonly recover?: boolean }): Promise<void>;
  /** Originates these routes and no others: what is new is announced, what differs is announced again, the rest is withdrawn. */
  originate(routes: readonly OriginatedRoute[]): Promise<void>;
  /** The session's state in the daemon's own words, "Established" for all when it is up. */
  sessionState(peer: SpeakerPeer): Promise<string>;
  /** The routes of one family that it took from this peer. */
  routesFrom(peer: SpeakerPeer, family: LabFamily): Promise<readonly SeenRoute[]>;
  /** Ends it without any chance to say goodbye. */
  kill(): Promise<void>;
  /** Ends it the way an operator does. */
  stop(): Promise<void>;
};

export type LabFamily = "ipv4" | "ipv6";

export type SpeakerPlan = {
  readonly node: string;
  readonly asn: number;
  readonly routerId: string;
  readonly addresses: { readonly [family in LabFamily]: string };
  readonly peers: readonly SpeakerPeer[];
  /** Put what is learned into the node's kernel. */
  readonly kernel?: boolean;
  /** Passes on to eBGP peers what it learned from others. */
  readonly transit?: boolean;
  /** Present on a route reflector. RFC 4456. */
  readonly clusterId?: string;
};

/** One peer as a speaker sees it. The session runs over IPv4 and carries both families, unless said otherwise. */
export type SpeakerPeer = {
  /** Lower-case letters and digits. */
  readonly name: string;
  readonly address: string;
  /** Our end, when it is not the plan's address: a router has one a link. */
  readonly localAddress?: string;
  readonly asn: number;
  /** Not on a network that we share. */
  readonly multihop?: boolean;
  readonly families?: readonly LabFamily[];
  readonly routeReflectorClient?: boolean;
  readonly password?: string;
  readonly ttlSecurity?: boolean;
  /** Waits for the peer to connect. */
  readonly passive?: boolean;
  readonly gracefulRestart?: { readonly restartTimeSeconds: number };
  readonly holdTimeSeconds?: number;
  /** Several paths of a prefix, both ways. RFC 7911; BIRD and tortied. */
  readonly addPath?: boolean;
};

/** A route that a speaker makes up, with communities in the form "64512:7" to tell one version from the next. */
export type OriginatedRoute = { readonly prefix: string; readonly communities: readonly string[] };

/** A route as its receiver shows it. What a daemon does not show, or a route does not have, is absent. */
export type SeenRoute = {
  readonly prefix: string;
  readonly nextHop: string;
  readonly asPath: readonly number[];
  readonly communities: readonly string[];
  readonly originatorId?: string;
  readonly clusterList?: readonly string[];
  readonly stale?: boolean;
};

export function familiesOf(peer: SpeakerPeer): readonly LabFamily[] {
  return peer.families ?? ["ipv4", "ipv6"];
}

export function familyOf(prefix: string): LabFamily {
  return prefix.includes(":") ? "ipv6" : "ipv4";
}

/** True when the session is between two routers of one AS. */
export function isInternal(plan: SpeakerPlan, peer: SpeakerPeer): boolean {
  return plan.asn === peer.asn;
}

/** "64512 65001" in any of the daemons' notations, sets and confederations left out: a lab has none. */
export function parseAsPath(text: string): readonly number[] {
  return (text.match(/\d+/g) ?? []).map(Number);
}
