import { objectArray } from "../types/object-array.ts";
import { FrameReader } from "./frame-reader.ts";
import type { ConnectionId, TransportAddress } from "./speaker-io.ts";

/** One TCP connection of a peer, from the connect action or the accept on: what arrived, and what waits to be sent. */
export class Connection {
  readonly id: ConnectionId;
  readonly direction: "incoming" | "outgoing";
  readonly frames = new FrameReader();
  /** Messages that go before any UPDATE: OPEN, KEEPALIVE, ROUTE-REFRESH, NOTIFICATION. */
  #queue = objectArray<Uint8Array>();
  #ends: { readonly local: TransportAddress; readonly remote: TransportAddress } | undefined;
  /** The driver was told that there are octets, and has not yet found the end of them. */
  #announced = false;

  constructor(id: ConnectionId, direction: "incoming" | "outgoing") {
    this.id = id;
    this.direction = direction;
  }

  get local(): TransportAddress | undefined {
    return this.#ends?.local;
  }

  get remote(): TransportAddress | undefined {
    return this.#ends?.remote;
  }

  opened(local: TransportAddress, remote: TransportAddress): void {
    this.#ends = { local, remote };
  }

  queue(message: Uint8Array): void {
    this.#queue.push(message);
  }

  get hasQueued(): boolean {
    return this.#queue.length > 0;
  }

  takeQueued(): Uint8Array[] {
    const queue = this.#queue;
    if (queue.length > 0) this.#queue = objectArray();
    return queue.length > 0 ? queue : [];
  }

  get isAnnounced(): boolean {
    return this.#announced;
  }

  /** True once until `drained`: the driver needs to be told a thing only once. */
  announce(): boolean {
    const news = !this.#announced;
    this.#announced = true;
    return news;
  }

  drained(): void {
    this.#announced = false;
  }
}
