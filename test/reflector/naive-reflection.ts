import { addressOctets, type PlainClient, type RouteBatch } from "./plain-client.ts";
import { type AttributesText, attribute, type RouteKey, textOf } from "./plain-update.ts";

const MOST_SHOWN = 3;

/**
 * What the reflector owes its clients, worked out client by client and route by route: everything that another one announces, with
 * ORIGINATOR_ID and CLUSTER_LIST added and all else as it came. RFC 4456 §8. No prefix may have two announcers here.
 */
export class NaiveReflection {
  readonly #clients: readonly PlainClient[];
  readonly #clusterId: Buffer;
  readonly #reflected = new WeakMap<RouteBatch, AttributesText>();

  constructor(clients: readonly PlainClient[], clusterId: string) {
    this.#clients = clients;
    this.#clusterId = addressOctets(clusterId);
  }

  /** How the table of a client differs from that; empty when it does not. */
  differences(receiver: PlainClient): readonly string[] {
    const found: string[] = [];
    const say = (text: string) => {
      if (found.length < MOST_SHOWN) found.push(`${receiver.plan.address}: ${text}`);
    };
    let expected = 0;
    for (const sender of this.#clients) {
      if (sender === receiver || sender.report().state !== "established") continue;
      for (const [key, batch] of sender.own) {
        expected++;
        const text = this.#textOf(sender, batch);
        const held = receiver.table.get(key);
        if (held !== text) say(`${show(key)} is ${held ?? "missing"}, not ${text}`);
      }
    }
    if (receiver.table.size !== expected) {
      say(`${receiver.table.size} routes instead of ${expected}`);
    }
    return found;
  }

  #textOf(sender: PlainClient, batch: RouteBatch): AttributesText {
    const known = this.#reflected.get(batch);
    if (known !== undefined) return known;
    const originator = attribute(9, 0x80, addressOctets(sender.plan.address));
    const clusterList = attribute(10, 0x80, this.#clusterId);
    const text = textOf(Buffer.concat([sender.sentAttributes(batch), originator, clusterList]));
    this.#reflected.set(batch, text);
    return text;
  }
}

function show(key: RouteKey): string {
  if (typeof key === "string") return key;
  const octets = [24, 16, 8, 0].map((bits) => Math.floor(key / 64 / 2 ** bits) % 256);
  return `${octets.join(".")}/${key % 64}`;
}
