import type { IpAddress } from "../../protocol/types/ip-address.ts";

/** What is to be given back: all that a handle holds, or single addresses. */
export type ReleaseRequest =
  | { readonly handle: string }
  | { readonly addresses: readonly AddressToRelease[] };

/** An address, and what must still be true of it; whoever was given it since keeps it. */
export type AddressToRelease = {
  readonly address: IpAddress;
  readonly handle?: string;
  readonly sequenceNumber?: bigint;
};

/** Every address of the request is in one of the lists. */
export type ReleaseResult = {
  readonly released: readonly IpAddress[];
  /** Nobody held it: releasing twice is no error. */
  readonly notAssigned: readonly IpAddress[];
  /** Handle or sequence number is another one: it belongs to someone else now. */
  readonly kept: readonly IpAddress[];
};
