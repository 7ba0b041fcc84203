/*
 * The last part of the rehearsal (rehearsal.ts says why): lone changes through a driver, over connections of this process
 * with itself. So the way from a socket that is readable to the sockets of all peers is compiled, Node's own part included.
 */
import { Socket } from "node:net";
import { Speaker } from "../../protocol/speaker/speaker.ts";
import type { IpAddress } from "../../protocol/types/ip-address.ts";
import { openSocketPair } from "../kernel/native/socket-pair.ts";
import { BgpDriver } from "./bgp-driver.ts";
import type { BgpSockets } from "./bgp-sockets.ts";
import { processClock } from "./clock.ts";
import {
  announcement,
  encode,
  greeting,
  rehearsalConfig,
  resolvedNextHops,
  SELF,
} from "./rehearsal-script.ts";

const CLIENTS = 11;
const LONE_CHANGES = 400;
/** A play that does not come to its end by then is broken off: the daemon may be too busy for it. */
const LONGEST_MILLISECONDS = 20_000;

/** A driver with a speaker that nobody else hears. */
export class DriverRehearsal {
  readonly #driver: BgpDriver;
  /** The clients' ends of the connections. */
  readonly #clients: Socket[] = [];
  #octetsTold = 0;
  #changes = 0;
  #turns = -1;
  #endsAt: number | undefined;
  #ended = false;
  #error: Error | undefined;

  constructor() {
    this.#driver = new BgpDriver({
      speaker: new Speaker({ random: Math.random }),
      clock: processClock,
      sockets: this.#sockets(),
      outputs: {
        event: () => {},
        bestRoutes: () => {},
        acceptsBestRoutes: () => true,
        trackNextHops: (addresses) => {
          this.#driver.feed({ type: "nextHopChanged", nextHops: resolvedNextHops(addresses) });
        },
        familyConverged: () => {},
        failed: (error) => {
          this.#error = error;
        },
      },
    });
  }

  /** What the clients were told so far. */
  get octetsTold(): number {
    return this.#octetsTold;
  }

  /** Sends the next change when the last one has been told; false when the play is over. */
  step(): boolean {
    if (this.#error !== undefined) throw this.#error;
    if (this.#endsAt === undefined) this.#begin();
    const { turns } = this.#driver;
    const isQuiet = turns === this.#turns;
    this.#turns = turns;
    if (performance.now() > Number(this.#endsAt) || this.#changes === LONE_CHANGES) this.end();
    else if (isQuiet && this.#octetsTold > 0) {
      // Two variants in turn: each is a change.
      const update = announcement((this.#changes >> 5) % 2)(this.#changes & 31);
      this.#clients[0]?.write(encode(update));
      this.#changes++;
    }
    return !this.#ended;
  }

  /** Drops everything. */
  end(): void {
    this.#ended = true;
    this.#driver.close();
    for (const client of this.#clients) client.destroy();
  }

  #begin(): void {
    dropPair();
    this.#endsAt = performance.now() + LONGEST_MILLISECONDS;
    const hosts = Array.from({ length: CLIENTS }, (_, i) => i + 2);
    const config = rehearsalConfig(hosts, { passive: false });
    void this.#driver.configure(config, { port: 179, addresses: [] });
    this.#driver.feed({ type: "originated", routes: [], complete: true });
  }

  #sockets(): BgpSockets {
    return {
      connect: ({ address }) => {
        const [here, there] = openSocketPair().map((fd) => pairedSocket(fd, address));
        if (here === undefined || there === undefined) throw new Error("a pair has two ends");
        const host = this.#clients.push(there) + 1;
        there.on("error", () => {});
        there.on("data", (bytes) => {
          this.#octetsTold += bytes.length;
        });
        // An OPEN that came before ours would be refused.
        there.once("data", () => there.write(greeting(host)));
        setImmediate(() => here.emit("connect"));
        return here;
      },
      listen: () => Promise.reject(new Error("a rehearsal does not listen")),
      applyToAccepted: () => false,
      changeKey: () => {},
    };
  }
}

/**
 * The first socket of a process that is dropped changes what Node's sockets inherit from, and V8 throws away all that was compiled
 * for them: that must come before the play, not at its end.
 */
function dropPair(): void {
  for (const fd of openSocketPair()) {
    const socket = pairedSocket(fd, SELF);
    socket.on("error", () => {});
    socket.on("data", () => {});
    socket.resetAndDestroy();
  }
}

/** One end of a connection of this process with itself, as if it went to a client. */
function pairedSocket(fd: number, address: IpAddress): Socket {
  const socket = new Socket({ fd, readable: true, writable: true });
  return Object.defineProperties(socket, {
    localAddress: { value: SELF },
    remoteAddress: { value: address },
    // Only TCP knows resets.
    resetAndDestroy: { value: () => socket.destroy() },
  });
}
