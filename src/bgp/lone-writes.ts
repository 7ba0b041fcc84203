import { SendRing } from "../kernel/native/send-ring.ts";
import type { Connection } from "./connection.ts";

/** For fewer sockets a ring gains nothing. */
const FEWEST = 3;

/**
 * What a turn writes to connections that have one short buffer each, as after a lone change: collected, and sent with one
 * system call where the kernel lets us, otherwise one after the other.
 */
export class LoneWrites {
  readonly #connections: Connection[] = [];
  readonly #buffers: Uint8Array[] = [];
  #ring: SendRing | "none" | undefined;

  /** The connection must have nothing else under way. */
  add(connection: Connection, bytes: Uint8Array): void {
    this.#connections.push(connection);
    this.#buffers.push(bytes);
  }

  /** Sends what was collected; false when there was nothing. */
  flush(): boolean {
    const count = this.#connections.length;
    if (count === 0) return false;
    if (count >= FEWEST) this.#ring ??= SendRing.open() ?? "none";
    if (count < FEWEST || this.#ring === undefined || this.#ring === "none") this.#sendEach();
    else this.#sendThrough(this.#ring);
    this.#connections.length = 0;
    this.#buffers.length = 0;
    return true;
  }

  #sendEach(): void {
    for (const [i, connection] of this.#connections.entries()) {
      connection.sendNow(this.#buffers[i] as Uint8Array);
    }
  }

  #sendThrough(ring: SendRing): void {
    let first = 0;
    for (const [i, connection] of this.#connections.entries()) {
      const bytes = this.#buffers[i] as Uint8Array;
      if (ring.add(connection.fd, bytes)) continue;
      this.#submit(ring, first);
      first = i;
      ring.add(connection.fd, bytes);
    }
    this.#submit(ring, first);
  }

  /** The ring holds the sends from `first` on. */
  #submit(ring: SendRing, first: number): void {
    const { count } = ring;
    ring.submit();
    for (let i = 0; i < count; i++) {
      const connection = this.#connections[first + i] as Connection;
      const sent = Math.max(0, ring.results[i] as number);
      connection.sent(this.#buffers[first + i] as Uint8Array, sent);
    }
  }
}
