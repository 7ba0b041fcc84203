import type { RibMemory } from "../rib/rib-memory.ts";
import type { Family } from "../types/family.ts";
import type { IpAddress } from "../types/ip-address.ts";
import type { Prefix } from "../types/prefix.ts";
import type { RouterId } from "../types/router-id.ts";
import type { AttributeSet } from "../wire/attribute-set.ts";
import type { Capability } from "../wire/capability.ts";

/** RFC 4271 §8.2.2. */
export type SessionStateName =
  | "Idle"
  | "Connect"
  | "Active"
  | "OpenSent"
  | "OpenConfirm"
  | "Established";

/** One peer as status shows it. Instants are milliseconds of the Speaker's clock. Holds no secrets. */
export type PeerSnapshot = {
  readonly name: string;
  readonly origin: string;
  readonly address: IpAddress;
  readonly port: number;
  readonly localAddress?: IpAddress;
  readonly localAsn: number;
  readonly peerAsn: number;
  readonly type: "ibgp" | "ebgp";
  readonly routeReflectorClient: boolean;
  readonly state: SessionStateName;
  readonly stateSince: number;
  readonly routerId?: RouterId;
  readonly holdTimeSeconds?: number;
  readonly keepaliveSeconds?: number;
  readonly capabilitiesSent: readonly Capability[];
  readonly capabilitiesReceived: readonly Capability[];
  readonly families: readonly PeerFamilySnapshot[];
  readonly messagesReceived: number;
  readonly messagesSent: number;
  readonly updatesReceived: number;
  readonly updatesSent: number;
  readonly bytesReceived: number;
  readonly bytesSent: number;
  readonly establishedCount: number;
  /** Why the peer is not Established, or was last reset, in a sentence with its RFC section. */
  readonly lastError?: {
    readonly at: number;
    readonly text: string;
    readonly code?: number;
    readonly subcode?: number;
    readonly direction?: "sent" | "received";
  };
  readonly nextConnectAt?: number;
  /** Idle on purpose: why. Not a peer that is down. */
  readonly standsBy?: string;
};

export type PeerFamilySnapshot = {
  readonly family: Family;
  readonly negotiated: boolean;
  readonly received: number;
  readonly accepted: number;
  readonly best: number;
  readonly advertised: number;
  readonly stale: boolean;
  readonly endOfRibReceived: boolean;
  readonly endOfRibSent: boolean;
};

/** One candidate path of a prefix, as routes and explain show it. */
export type RouteSnapshot = {
  readonly prefix: Prefix;
  /** Peer name, or "local". */
  readonly peer: string;
  readonly pathId?: number;
  readonly attributes: AttributeSet;
  readonly best: boolean;
  readonly multipath: boolean;
  readonly stale: boolean;
  readonly eligible: boolean;
  /** The step of the decision process that put this route behind the best one, or why it is not eligible. */
  readonly reason?: string;
  /** The route (peer name) that eliminated this one. */
  readonly eliminatedBy?: string;
};

/** Which routes to list. `peer` names a peer (or "local" for our own originations) and is needed for the two Adj-RIBs. */
export type RouteQuery = {
  readonly table: "loc-rib" | "adj-in" | "adj-out";
  readonly family: Family;
  readonly peer?: string;
  /** `exact`: this prefix. `longest`: the longest match of it. `within`: it and everything more specific. */
  readonly prefix?: {
    readonly prefix: Prefix;
    readonly match: "exact" | "longest" | "within";
  };
  /** From the page before; opaque. */
  readonly cursor?: string;
  /** Most routes of one page; 1 to 10,000. */
  readonly limit: number;
};

/** One page of routes; without a cursor it is the last one. Changes between two pages may be seen or missed. */
export type RoutePage = {
  readonly routes: readonly RouteSnapshot[];
  readonly cursor?: string;
};

/** The Speaker as a whole. Holds no secrets. */
export type SpeakerSnapshot = {
  readonly asn: number | undefined;
  readonly routerId: RouterId | undefined;
  readonly clusterId?: RouterId;
  readonly state: "waitingForOriginations" | "running" | "stopping" | "stopped";
  readonly restarting: boolean;
  readonly originated: number;
  readonly peers: { readonly total: number; readonly established: number };
  readonly families: readonly SpeakerFamilySnapshot[];
  /** Octets of routes by what they hold; absent before the first configuration. */
  readonly memory?: SpeakerMemory;
};

/** The RIB's tables, and what update groups keep of what they have sent. */
export type SpeakerMemory = RibMemory & { readonly sent: number };

export type SpeakerFamilySnapshot = {
  readonly family: Family;
  readonly prefixes: number;
  readonly routes: number;
  /** False while selection waits for End-of-RIB after a restart of ours. RFC 4724 §4.1. */
  readonly converged: boolean;
};
