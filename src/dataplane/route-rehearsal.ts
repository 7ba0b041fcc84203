/*
 * The kernel worker's part of the rehearsal (src/bgp/rehearsal.ts says why): a second route driver, whose socket reaches
 * no kernel, gets batches of best routes, new meanings of next hops, and withdrawals. V8 compiles for the shapes of objects
 * that it has seen, and does it again when others come: so all is of the classes that the real one is made of, and batches
 * are cloned, as those are that come from another thread.
 */
import type { BestRouteBatch } from "../../protocol/rib/best-route-batch.ts";
import { type Family, IPV4_UNICAST, IPV6_UNICAST } from "../../protocol/types/family.ts";
import { IpAddress } from "../../protocol/types/ip-address.ts";
import { Prefix } from "../../protocol/types/prefix.ts";
import { LinkTable } from "../kernel/link-table.ts";
import { NetlinkSocket } from "../kernel/netlink/netlink-socket.ts";
import { RouteDriver } from "../kernel/route-driver.ts";
import { BestRoutes } from "./best-routes.ts";
import { NextHopResolver } from "./next-hop-resolver.ts";
import { RehearsedKernel } from "./rehearsed-kernel.ts";
import { Tunnels } from "./tunnels.ts";

const ACTS = 3;
const BATCHES_PER_ACT = 10;
const BATCH_ROUTES = 500;
const NEXT_HOPS = 200;
const LONE_CHANGES = 100;
const SLICE_ROUTES = 200;
const INTERFACE = 1;
const PENDING_SAMPLE = 20;

/** Best routes on their way to a kernel that is not there. */
export class RouteRehearsal {
  readonly #kernel = new RehearsedKernel();
  readonly #driver: RouteDriver;
  readonly #resolver = new NextHopResolver();
  readonly #bestRoutes: BestRoutes;
  readonly #steps: Iterator<undefined>;
  #generation = 0;

  constructor() {
    const socket = new NetlinkSocket(this.#kernel);
    this.#driver = new RouteDriver({ socket, protocol: 1, table: 1 });
    const tunnels = new Tunnels({ socket, links: new LinkTable() });
    this.#bestRoutes = new BestRoutes(this.#driver, this.#resolver, tunnels);
    this.#steps = this.#play();
  }

  /** Plays on for some milliseconds at most; false when the play is over. */
  step(): boolean {
    return this.#steps.next().done !== true;
  }

  /** How many messages a kernel would have got so far. */
  get messages(): number {
    return this.#kernel.messages;
  }

  *#play(): Generator<undefined> {
    this.#setCarrier(true);
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
        // A peer tells again what it told before.
        yield* this.#give(this.#batch(family, 0, BATCH_ROUTES));
        for (let number = 0; number < LONE_CHANGES; number++) {
          yield* this.#give(this.#batch(family, number, 1));
        }
        // All routes go, and come back.
        for (const carrier of [false, true]) {
          this.#setCarrier(carrier);
          this.#bestRoutes.nextHopsChanged(this.#resolver.refresh(() => true));
          yield* this.#apply();
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
    this.#bestRoutes.handle(structuredClone(batch), { metric: 0 });
    yield* this.#apply();
  }

  *#apply(): Generator<undefined> {
    this.#driver.status({ pendingLimit: PENDING_SAMPLE });
    do yield undefined;
    while (this.#driver.apply({ maxRoutes: SLICE_ROUTES }).remaining > 0);
    this.#resolver.uplinks();
    this.#driver.status({ pendingLimit: PENDING_SAMPLE });
  }

  #setCarrier(carrier: boolean): void {
    this.#resolver.setLinks([{ index: INTERFACE, name: "rehearsal", up: true, carrier }]);
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
