/*
 * The last part of the rehearsal (rehearsal.ts says why): lone changes through a driver, over loopback connections of this
 * process with itself. So the way from a new connection to its session, and from a socket that is readable to the sockets
 * of all peers, is compiled, Node's own part included, for sockets of the kind that sessions have.
 */
import { connect, type Socket } from "node:net";
import { Speaker } from "../../protocol/speaker/speaker.ts";
import { IpAddress } from "../../protocol/types/ip-address.ts";
import { BgpDriver } from "./bgp-driver.ts";
import type { BgpSockets } from "./bgp-sockets.ts";
import { processClock } from "./clock.ts";
import { nativeBgpSockets } from "./native-bgp-sockets.ts";
import { announcement, encode, greeting, rehearsalConfig } from "./rehearsal-script.ts";

/** The clients' last octets. */
const HOSTS = Array.from({ length: 11 }, (_, i) => i + 2);
const LONE_CHANGES = 400;
/** A play that does not come to its end by then is broken off: the daemon may be too busy for it. */
const LONGEST_MILLISECONDS = 20_000;

/** A driver with a speaker that nobody else hears. */
export class DriverRehearsal {
  readonly #driver: BgpDriver;
  /** The clients' ends of the connections. */
  readonly #clients: Socket[] = [];
  #octetsTold = 0;
  /** Clients that have had an answer to their OPEN. */
  #established = 0;
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
          const nextHops = addresses.map((nextHop) => {
            return { nextHop, reachable: true, metric: 0, onLink: true };
          });
          this.#driver.feed({ type: "nextHopChanged", nextHops });
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
    else if (isQuiet && this.#established === HOSTS.length) {
      // Two variants in turn: each is a change.
      const update = announcement((this.#changes >> 5) % 2)(this.#changes & 31);
      this.#clients[0]?.write(encode(update));
      this.#changes++;
    }
    return !this.#ended;
  }

  /** Drops everything. */
  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#driver.close();
    for (const client of this.#clients) client.destroy();
  }

  #begin(): void {
    this.#endsAt = performance.now() + LONGEST_MILLISECONDS;
    const config = rehearsalConfig(HOSTS);
    const peers = config.peers.map((peer, i) => {
      return { ...peer, address: loopback(HOSTS[i] as number), localAddress: loopback(1) };
    });
    void this.#driver.configure({ ...config, peers }, { port: 0, addresses: [loopback(1)] });
    this.#driver.feed({ type: "originated", routes: [], complete: true });
  }

  #sockets(): BgpSockets {
    const native = nativeBgpSockets();
    return {
      ...native,
      connect: () => {
        throw new Error("a rehearsal waits for its clients");
      },
      listen: async (options) => {
        const listener = await native.listen(options);
        for (const host of HOSTS) this.#join(host, listener.port);
        return listener;
      },
    };
  }

  #join(host: number, port: number): void {
    if (this.#ended) return;
    const client = connect({ port, host: loopback(1), localAddress: loopback(host) });
    this.#clients.push(client);
    // Without a loopback interface there is no play.
    client.on("error", () => this.end());
    client.on("data", (bytes) => {
      this.#octetsTold += bytes.length;
    });
    // An OPEN that came before ours would be refused.
    client.once("data", () => {
      client.write(greeting(host));
      client.once("data", () => this.#established++);
    });
  }
}

function loopback(host: number): IpAddress {
  return IpAddress(`127.0.0.${host}`);
}
