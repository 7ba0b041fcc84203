import { connect, isIPv6, type Socket } from "node:net";
import {
  type AttributesText,
  announceUpdates,
  attribute,
  message,
  type PlainFamily,
  type RouteKey,
  readUpdate,
  u16,
  u32,
  withdrawUpdates,
} from "./plain-update.ts";

/** One client of the reflector: its address, which is its router id too, and what its OPEN says. */
export type ClientPlan = {
  readonly index: number;
  readonly address: string;
  readonly reflector: string;
  readonly asn: number;
  readonly holdTimeSeconds: number;
  readonly addPath?: boolean;
  /** Only looks at what kind of message comes, and when. */
  readonly listensOnly?: boolean;
};

/** Routes of one attribute set, as a client announces them. */
export type RouteBatch = {
  readonly family: PlainFamily;
  readonly keys: readonly RouteKey[];
  /** All but the next hop. */
  readonly attributes: Buffer;
  /** Another than the client itself. */
  readonly nextHop?: string;
};

/** The first End-of-RIB of a family. */
export type EndOfRib = {
  readonly family: PlainFamily;
  /** Routes of the family that were there. */
  readonly routes: number;
  /** Since the session came up, and since the last route of the family. */
  readonly milliseconds: number;
  readonly sinceLastRoute: number;
};

/** What a client has seen of its session. */
export type ClientReport = {
  readonly index: number;
  readonly state: "connecting" | "open" | "established" | "lost";
  readonly why: string | undefined;
  readonly routes: number;
  readonly endsOfRib: readonly EndOfRib[];
  readonly updates: number;
  readonly octets: number;
  readonly longestMessage: number;
  /** Milliseconds between two messages of any kind, and between two KEEPALIVEs. */
  readonly longestSilence: number;
  readonly longestKeepaliveGap: number;
};

const [OPEN, UPDATE, NOTIFICATION, KEEPALIVE, ROUTE_REFRESH] = [1, 2, 3, 4, 5];
const HEADER = 19;

/** A peer of the reflector in plain octets: it keeps what it is told, and says what it is asked to. */
export class PlainClient {
  readonly plan: ClientPlan;
  /** The Adj-RIB-In. */
  readonly table = new Map<RouteKey, AttributesText>();
  /** What it announces, each with the attributes as sent. */
  readonly own = new Map<RouteKey, RouteBatch>();
  readonly #socket: Socket;
  readonly #timer: NodeJS.Timeout;
  #state: ClientReport["state"] = "connecting";
  #why: string | undefined;
  #rest = Buffer.alloc(0);
  #establishedAt = 0;
  readonly #endsOfRib: EndOfRib[] = [];
  readonly #lastRouteAt = { 4: 0, 6: 0 };
  #updates = 0;
  #octets = 0;
  #longestMessage = 0;
  #lastMessageAt = 0;
  #lastKeepaliveAt = 0;
  #longestSilence = 0;
  #longestKeepaliveGap = 0;

  constructor(plan: ClientPlan) {
    this.plan = plan;
    const { reflector: host, address: localAddress } = plan;
    this.#socket = connect({ host, port: 179, localAddress, noDelay: true });
    this.#socket.on("connect", () => this.#write(message(OPEN, openBody(plan))));
    this.#socket.on("data", (octets) => this.#read(octets));
    this.#socket.on("error", (error) => this.#lose(error.message));
    this.#socket.on("close", () => this.#lose("closed"));
    const period = (plan.holdTimeSeconds * 1000) / 3;
    this.#timer = setInterval(() => {
      if (this.#state === "established") this.#write(message(KEEPALIVE, Buffer.alloc(0)));
    }, period);
  }

  announce(batch: RouteBatch): void {
    for (const key of batch.keys) this.own.set(key, batch);
    const { family, keys, attributes, nextHop = this.#nextHop(family) } = batch;
    this.#write(announceUpdates(family, keys, attributes, addressOctets(nextHop)));
  }

  withdraw({ family, keys }: Pick<RouteBatch, "family" | "keys">): void {
    for (const key of keys) this.own.delete(key);
    this.#write(withdrawUpdates(family, keys));
  }

  /** Asks for everything again. RFC 2918. */
  refresh(family: PlainFamily): void {
    this.#write(message(ROUTE_REFRESH, Buffer.concat([u16(family === 4 ? 1 : 2), u16(1)])));
  }

  /** Reads nothing any more; what the kernel holds waits, then the peer. KEEPALIVEs go on. */
  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#lastMessageAt = 0;
    this.#lastKeepaliveAt = 0;
    this.#socket.resume();
  }

  forgetGaps(): void {
    this.#longestSilence = 0;
    this.#longestKeepaliveGap = 0;
  }

  report(): ClientReport {
    return {
      index: this.plan.index,
      state: this.#state,
      why: this.#why,
      routes: this.table.size,
      endsOfRib: this.#endsOfRib,
      updates: this.#updates,
      octets: this.#octets,
      longestMessage: this.#longestMessage,
      longestSilence: Math.round(this.#longestSilence),
      longestKeepaliveGap: Math.round(this.#longestKeepaliveGap),
    };
  }

  /** The attributes of a route of its own, as it sends them. */
  sentAttributes({ family, attributes, nextHop = this.#nextHop(family) }: RouteBatch): Buffer {
    const octets = addressOctets(nextHop);
    const reach = Buffer.concat([Buffer.from([0, 2, 1, octets.length]), octets, Buffer.of(0)]);
    const carrier = family === 4 ? attribute(3, 0x40, octets) : attribute(14, 0x80, reach);
    return Buffer.concat([attributes, carrier]);
  }

  #nextHop(family: PlainFamily): string {
    return family === 4 ? this.plan.address : `fd98::${this.plan.address.replaceAll(".", ":")}`;
  }

  #write(octets: Buffer): void {
    if (this.#socket.writable) this.#socket.write(octets);
  }

  #read(octets: Buffer): void {
    this.#octets += octets.length;
    const all = this.#rest.length === 0 ? octets : Buffer.concat([this.#rest, octets]);
    let at = 0;
    while (all.length - at >= HEADER) {
      const length = all.readUInt16BE(at + 16);
      if (all.length - at < length) break;
      this.#longestMessage = Math.max(this.#longestMessage, length);
      this.#hear(all[at + 18] ?? 0, all.subarray(at + HEADER, at + length));
      at += length;
    }
    this.#rest = Buffer.from(all.subarray(at));
  }

  #hear(type: number, body: Buffer): void {
    const now = performance.now();
    const since = (before: number) => (before === 0 ? 0 : now - before);
    this.#longestSilence = Math.max(this.#longestSilence, since(this.#lastMessageAt));
    this.#lastMessageAt = now;
    if (type === OPEN) {
      this.#state = "open";
      this.#write(message(KEEPALIVE, Buffer.alloc(0)));
    } else if (type === KEEPALIVE) {
      if (this.#state === "open") {
        this.#state = "established";
        this.#establishedAt = now;
      }
      this.#longestKeepaliveGap = Math.max(this.#longestKeepaliveGap, since(this.#lastKeepaliveAt));
      this.#lastKeepaliveAt = now;
    } else if (type === NOTIFICATION) this.#lose(`NOTIFICATION ${body[0]}/${body[1]}`);
    else if (type === UPDATE) this.#hearUpdate(body, now);
  }

  #hearUpdate(body: Buffer, now: number): void {
    this.#updates++;
    if (this.plan.listensOnly === true) return;
    readUpdate(body, this.plan.addPath === true, {
      announced: (key, attributes) => {
        this.table.set(key, attributes);
        this.#lastRouteAt[familyOf(key)] = now;
      },
      withdrawn: (key) => this.table.delete(key),
      endOfRib: (family) => this.#noteEndOfRib(family, now),
    });
  }

  #noteEndOfRib(family: PlainFamily, now: number): void {
    if (this.#endsOfRib.some((end) => end.family === family)) return;
    let routes = 0;
    for (const key of this.table.keys()) if (familyOf(key) === family) routes++;
    this.#endsOfRib.push({
      family,
      routes,
      milliseconds: Math.round(now - this.#establishedAt),
      sinceLastRoute: routes === 0 ? 0 : Math.round(now - this.#lastRouteAt[family]),
    });
  }

  #lose(why: string): void {
    if (this.#state === "lost") return;
    this.#state = "lost";
    this.#why = why;
    clearInterval(this.#timer);
  }
}

/** Without path ids, IPv4 has numbers for keys. */
function familyOf(key: RouteKey): PlainFamily {
  return typeof key === "number" ? 4 : 6;
}

/** IPv4 and IPv6 unicast, route refresh, four-octet AS numbers, and ADD-PATH both ways where asked for. */
function openBody({ address, asn, holdTimeSeconds, addPath }: ClientPlan): Buffer {
  const families = [Buffer.from([0, 1, 0, 1]), Buffer.from([0, 2, 0, 1])];
  const capabilities = [
    ...families.map((family) => capability(1, family)),
    capability(2, Buffer.alloc(0)),
    capability(65, u32(asn)),
    ...(addPath === true ? [capability(69, Buffer.from([0, 1, 1, 3, 0, 2, 1, 3]))] : []),
  ];
  const parameters = Buffer.concat(
    capabilities.map((each) => Buffer.concat([Buffer.of(2, each.length), each])),
  );
  return Buffer.concat([
    Buffer.of(4),
    u16(asn),
    u16(holdTimeSeconds),
    addressOctets(address),
    Buffer.of(parameters.length),
    parameters,
  ]);
}

function capability(code: number, value: Buffer): Buffer {
  return Buffer.concat([Buffer.of(code, value.length), value]);
}

/** "fd98::10:98:1:2" may be written shorter than eight groups. */
export function addressOctets(address: string): Buffer {
  if (!isIPv6(address)) return Buffer.from(address.split(".").map(Number));
  const [head = "", tail] = address.split("::");
  const groups = (text: string) => text.split(":").filter(Boolean);
  const [before, after] = [groups(head), groups(tail ?? "")];
  const zeros = Array.from({ length: 8 - before.length - after.length }, () => "0");
  const all = tail === undefined ? before : [...before, ...zeros, ...after];
  return Buffer.concat(all.map((group) => u16(Number.parseInt(group, 16))));
}
