/*
 * Docker releases a container's address when the container stops, and asks for one when it starts, without a word about
 * the container. So that the container has its old address again, addresses that were released are remembered here, and
 * the container that asks is found by docker's own lock: docker does not describe a container that it is just starting.
 * An address is not reserved meanwhile; it is asked for again, and if somebody has it by then, the container gets another.
 */
import type { IpAddress } from "../../../protocol/types/ip-address.ts";
import { type DockerClient, DockerError } from "./docker-client.ts";

/** What a container had. */
type FormerAddress = {
  readonly container: string;
  /** Docker's id of the pool; known when docker has released the address. */
  readonly pool: string | undefined;
};

/** Docker describes a container that it is not starting within some milliseconds. */
const INSPECT_MILLISECONDS = 300;
/** Docker is asked for each of them; those that stopped first are forgotten first. */
const MOST_REMEMBERED = 100;

/** Addresses of containers that are stopped. */
export class FormerAddresses {
  readonly #docker: DockerClient;
  readonly #addresses = new Map<IpAddress, FormerAddress>();

  constructor(docker: DockerClient) {
    this.#docker = docker;
  }

  /** A container leaves its network: the address is docker's for another moment. */
  left(container: string, addresses: readonly IpAddress[]): void {
    for (const address of addresses) {
      this.#addresses.delete(address);
      this.#addresses.set(address, { container, pool: undefined });
    }
    const excess = Math.max(0, this.#addresses.size - MOST_REMEMBERED);
    for (const address of [...this.#addresses.keys()].slice(0, excess)) {
      this.#addresses.delete(address);
    }
  }

  /** Docker has given the address back. */
  released(address: IpAddress, pool: string): void {
    const former = this.#addresses.get(address);
    if (former !== undefined) this.#addresses.set(address, { ...former, pool });
  }

  /** The container is gone for good. */
  forget(container: string): void {
    for (const [address, former] of this.#addresses) {
      if (former.container === container) this.#addresses.delete(address);
    }
  }

  /** The address from this pool that a container had which docker is starting now; it is not told twice. */
  async takeFor(pool: string): Promise<IpAddress | undefined> {
    const candidates = [...this.#addresses].filter(([, former]) => former.pool === pool);
    const containers = new Set(candidates.map(([, { container }]) => container));
    const starting = new Set<string>();
    await Promise.all(
      [...containers].map(async (container) => {
        if (await this.#isStarting(container)) starting.add(container);
      }),
    );
    const found = candidates.find(
      ([address, { container }]) => starting.has(container) && this.#addresses.has(address),
    );
    if (found === undefined) return undefined;
    this.#addresses.delete(found[0]);
    return found[0];
  }

  async #isStarting(container: string): Promise<boolean> {
    const path = `/containers/${container}/json`;
    try {
      const milliseconds = INSPECT_MILLISECONDS;
      const { status } = await this.#docker.exchange({ method: "GET", path, milliseconds });
      if (status === 404) this.forget(container);
      return false;
    } catch (error) {
      if (error instanceof DockerError) return true;
      throw error;
    }
  }
}
