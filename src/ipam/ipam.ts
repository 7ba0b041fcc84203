import type { IpAddress } from "../../protocol/types/ip-address.ts";
import type { Datastore } from "../datastore/datastore.ts";
import type {
  AssignAddressesRequest,
  Assignment,
  AssignRequest,
  AssignResult,
} from "./assign-request.ts";
import type { ReleaseRequest, ReleaseResult } from "./release-request.ts";

export type IpamOptions = {
  readonly datastore: Datastore;
  /** Wall clock in milliseconds, for claim times and sequence numbers of new blocks. */
  readonly now?: () => number;
};

/**
 * Assigns IP addresses from the cluster's pools, in Calico's blocks, affinities and handles. What the surroundings do
 * wrong is a DatastoreError; what a caller must expect is a value.
 */
export class Ipam {
  readonly #datastore: Datastore;
  readonly #now: () => number;

  constructor({ datastore, now = Date.now }: IpamOptions) {
    this.#datastore = datastore;
    this.#now = now;
  }

  /** Chooses addresses: from the host's blocks, a new block, or (unless forbidden) a block of another host. */
  async assign(request: AssignRequest): Promise<AssignResult> {
    return this.#notYet(request);
  }

  /** Assigns the very addresses that are asked for. */
  async assignAddresses(request: AssignAddressesRequest): Promise<AssignResult> {
    return this.#notYet(request);
  }

  /** Gives addresses back. Safe to repeat. */
  async release(request: ReleaseRequest): Promise<ReleaseResult> {
    return this.#notYet(request);
  }

  /** All that a handle holds; empty for an unknown handle. */
  async byHandle(handle: string): Promise<readonly Assignment[]> {
    return this.#notYet(handle);
  }

  /** Who holds an address; undefined when nobody does. */
  async ownerOf(address: IpAddress): Promise<Assignment | undefined> {
    return this.#notYet(address);
  }

  /** Gives up a host's blocks: empty ones are deleted, others stay without an owner until their last address is released. */
  async releaseHost(host: string): Promise<void> {
    return this.#notYet(host);
  }

  async #notYet(_request: unknown): Promise<never> {
    await this.#datastore.get({ kind: "IPAMConfig", name: "default" });
    throw new Error(`not there yet at ${this.#now()}`);
  }
}
