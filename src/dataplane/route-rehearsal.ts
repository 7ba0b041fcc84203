/*
 * The kernel worker's part of the rehearsal (src/bgp/rehearsal.ts says why): a second route driver, whose socket reaches
 * no kernel and takes everything for done, gets batches of best routes, new meanings of next hops, and withdrawals.
 */
import type { BestRouteBatch } from "../../protocol/rib/best-route-batch.ts";
import { type Family, IPV4_UNICAST, IPV6_UNICAST } from "../../protocol/types/family.ts";
import { IpAddress } from "../../protocol/types/ip-address.ts";
import { Prefix } from "../../protocol/types/prefix.ts";
import { RouteDriver } from "../kernel/route-driver.ts";
import type { RouteSocket } from "../kernel/routes/route-socket.ts";
import { BestRoutes } from "./best-routes.ts";
import { NextHopResolver } from "./next-hop-resolver.ts";

const ACTS = 4;
const BATCHES_PER_ACT = 10;
const BATCH_ROUTES = 500;
const NEXT_HOPS = 40;
const LONE_CHANGES = 100;
const SLICE_ROUTES = 200;
const INTERFACE = 1;

/** Best routes on their way to a kernel that is not there. */
export class RouteRehearsal {
  readonly #driver: RouteDriver;
  readonly #resolver = new NextHopResolver();
  readonly #bestRoutes: BestRoutes;
  readonly #steps: Iterator<undefined>;
  #messages = 0;
  #generation = 0;

  constructor() {
    const socket: RouteSocket = {
      reserveSequence: () => 1,
      sendBatch: ({ count }) => {
        this.#messages += count;
      },
      dump: () => {},
    };
    this.#driver = new RouteDriver({ socket, protocol: 1, table: 1 });
    this.#bestRoutes = new BestRoutes(this.#driver, this.#resolver);
    this.#steps = this.#play();
  }

  /** Plays on for some milliseconds at most; false when the play is over. */
  step(): boolean {
    return this.#steps.next().done !== true;
  }

  /** How many messages a kernel would have got so far. */
  get messages(): number {
    return this.#messages;
  }

  *#play(): Generator<undefined> {
    this.#resolver.setLinks([{ index: INTERFACE, name: "rehearsal", up: true, carrier: true }]);
    const leg = { gateway: undefined, interfaceIndex: INTERFACE, onLink: false };
    const connected = { table: "main", metric: 0, type: "unicast", legs: [leg] } as const;
    this.#resolver.addRoute({ ...connected, prefix: Prefix("198.51.100.0/24") });
    this.#resolver.addRoute({ ...connected, prefix: Prefix("2001:db8:1::/64") });
    for (let act = 0; act < ACTS; act++) {
      for (const family of [IPV4_UNICAST, IPV6_UNICAST]) {
        this.#generation++;
        for (let number = 0; number < BATCHES_PER_ACT; number++) {
          yield* this.#give(this.#batch(family, number, BATCH_ROUTES));
        }
        for (let number = 0; number < LONE_CHANGES; number++) {
          yield* this.#give(this.#batch(family, number, 1));
        }
        for (let number = 0; number < BATCHES_PER_ACT; number++) {
          const batch = this.#batch(family, number, BATCH_ROUTES);
          batch.nextHopSets.fill(0);
          yield* this.#give(batch);
        }
      }
    }
  }

  *#give(batch: BestRouteBatch): Generator<undefined> {
    for (const { nextHops } of batch.newNextHopSets) {
      for (const nextHop of nextHops) this.#resolver.resolution(nextHop);
    }
    this.#bestRoutes.handle(batch, { metric: 0 });
    do yield undefined;
    while (this.#driver.apply({ maxRoutes: SLICE_ROUTES }).remaining > 0);
  }

  #batch(family: Family, number: number, count: number): BestRouteBatch {
    const words = family === IPV4_UNICAST ? 1 : 4;
    const addresses = new Uint32Array(count * words);
    const lengths = new Uint8Array(count).fill(words * 32);
    const nextHopSets = new Uint32Array(count);
    for (let i = 0; i < count; i++) {
      const n = number * BATCH_ROUTES + i;
      addresses[i * words] = words === 4 ? 0x2001_0db8 : Math.imul(n, 0x9e37_79b1);
      if (words === 4) addresses[i * words + 3] = Math.imul(n, 0x9e37_79b1);
      nextHopSets[i] = 1 + ((n + count) % NEXT_HOPS);
    }
    const complete = number === BATCHES_PER_ACT - 1;
    const newNextHopSets =
      number > 0
        ? []
        : Array.from({ length: NEXT_HOPS }, (_, i) => {
            const nextHop = words === 1 ? `198.51.100.${i + 10}` : `2001:db8:1::${i + 10}`;
            return { id: i + 1, nextHops: [IpAddress(nextHop)] };
          });
    const generation = this.#generation;
    const columns = { count, addresses, lengths, nextHopSets, newNextHopSets };
    return { family, generation, complete, ...columns };
  }
}
