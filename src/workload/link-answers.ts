import type { LinkMessage } from "../kernel/netlink/link-codec.ts";
import type { LinkFacts, LinkRefusal } from "./link-requests.ts";

/** What the caller is told of a link; it must be there. */
export function factsOf(link: LinkMessage | undefined, name: string): LinkFacts {
  if (link === undefined) throw new Error(`${name} vanished while it was set up`);
  const { macAddress, mtu, up } = link;
  return { mtu, up, ...(macAddress !== undefined && { mac: macAddress }) };
}

/** For checks. */
export function wrongMtu({ name, mtu }: LinkMessage, wanted: number): string {
  return `${name} has MTU ${mtu}, not ${wanted}`;
}

/** Something that the caller must hear as an answer. */
export class RefusedError extends Error {
  readonly refusal: LinkRefusal;

  constructor(refusal: LinkRefusal) {
    super(refusal.message);
    this.refusal = refusal;
  }
}

/** Ends the request with this answer. */
export function refuse(reason: LinkRefusal["reason"], message: string): never {
  throw new RefusedError({ type: "refused", reason, message });
}
