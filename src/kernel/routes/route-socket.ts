import type { NetlinkSocket } from "../netlink/netlink-socket.ts";

/** What the routes of a driver need of a socket: a real one, or one of a rehearsal that reaches no kernel. */
export type RouteSocket = Pick<NetlinkSocket, "reserveSequence" | "sendBatch" | "dump">;
