import type { IpAddress } from "../../protocol/types/ip-address.ts";
import { parseIpAddress } from "../../protocol/types/ip-address.ts";
import { prefixContainsAddress } from "../../protocol/types/prefix.ts";
import type { HostTunnels, TunnelType } from "../calc/tunnel-state.ts";
import { TUNNEL_DEVICE_NAMES } from "../calc/tunnels.ts";
import type { Datastore } from "../datastore/datastore.ts";
import type { Ipam } from "../ipam/ipam.ts";
import { selectsHost } from "../ipam/pool-choice.ts";
import { settingsOf } from "../ipam/settings.ts";
import { ensureTunnelAddress } from "../ipam/tunnel-address.ts";
import type { Resource } from "../resources/resource.ts";
import type { AnyResource } from "../resources/schemas.ts";
import type { EventLog } from "./event-log.ts";

export type TunnelAddressesOptions = {
  readonly nodeName: string;
  readonly datastore: Datastore;
  readonly ipam: Ipam;
  readonly log: EventLog;
};

/** What follows is decided from. */
export type TunnelSurroundings = {
  readonly resources: ReadonlyMap<string, AnyResource>;
  readonly tunnels: HostTunnels;
  /** Names of interfaces that are up. */
  readonly interfacesUp: ReadonlySet<string>;
};

/** Where a Node has the address of each device. */
const FIELDS = {
  ipip: ["bgp", "ipv4IPIPTunnelAddr"],
  vxlan: ["ipv4VXLANTunnelAddr"],
  vxlanV6: ["ipv6VXLANTunnelAddr"],
} as const satisfies { readonly [type in TunnelType]: readonly string[] };

const TYPES = Object.keys(FIELDS) as readonly TunnelType[];
const RETRY_MILLISECONDS = 5_000;

/**
 * Gives this host's tunnel devices their addresses: takes one from IPAM where a pool asks for a tunnel, and writes it into
 * the Node when the device is up, by which the others know that they may send. Taken back when no pool asks any more.
 */
export class TunnelAddresses {
  readonly #options: TunnelAddressesOptions;
  #surroundings: TunnelSurroundings | undefined;
  #working: Promise<void> | undefined;
  #again = false;
  #retryTimer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(options: TunnelAddressesOptions) {
    this.#options = options;
  }

  /** Resources or interfaces changed. Cheap when nothing is to be done. */
  changed(surroundings: TunnelSurroundings): void {
    this.#surroundings = surroundings;
    if (this.#closed || TYPES.every((type) => this.#isSettled(type, surroundings))) return;
    this.#again = true;
    this.#working ??= this.#work().finally(() => {
      this.#working = undefined;
    });
  }

  /** After a stop with cleanup: addresses go back, and the Node says nothing of tunnels any more. */
  async release(): Promise<void> {
    await this.close();
    const surroundings = this.#surroundings;
    if (surroundings === undefined) return;
    for (const type of TYPES) {
      if (this.#written(type, surroundings) === undefined) continue;
      await this.#write(type, undefined);
      await this.#ensure(type, []);
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#retryTimer);
    await this.#working;
  }

  /** One round after another until nothing moves; failures are tried again later. */
  async #work(): Promise<void> {
    while (this.#again && !this.#closed) {
      this.#again = false;
      const surroundings = this.#surroundings;
      if (surroundings === undefined) return;
      for (const type of TYPES)
        if (!this.#isSettled(type, surroundings)) await this.#trySettle(type, surroundings);
    }
  }

  async #trySettle(type: TunnelType, surroundings: TunnelSurroundings): Promise<void> {
    try {
      const address = await this.#ensure(type, this.#poolsFor(type, surroundings));
      if (address !== this.#written(type, surroundings)) await this.#write(type, address);
    } catch (error) {
      this.#options.log.log("warn", "tunnel.address.failed", {
        tunnel: TUNNEL_DEVICE_NAMES[type],
        error: error instanceof Error ? error.message : String(error),
      });
      this.#retryLater();
    }
  }

  /** The Node bears an address out of the wanted pools, or none where none is wanted; or it waits for its device. */
  #isSettled(type: TunnelType, surroundings: TunnelSurroundings): boolean {
    const written = this.#written(type, surroundings);
    const pools = this.#poolsFor(type, surroundings);
    if (written === undefined) return pools.length === 0 || !isUp(type, surroundings);
    const address = parseIpAddress(written);
    return pools.some(({ cidr }) => address !== undefined && prefixContainsAddress(cidr, address));
  }

  async #ensure(
    type: TunnelType,
    pools: Parameters<typeof ensureTunnelAddress>[1]["pools"],
  ): Promise<IpAddress | undefined> {
    const { ipam, nodeName } = this.#options;
    const result = await ensureTunnelAddress(ipam, { type, host: nodeName, pools });
    if (result.type === "refused") throw new Error(result.message);
    return result.assignments[0]?.address;
  }

  /** By compare-and-swap: others write the same Node. */
  async #write(type: TunnelType, address: IpAddress | undefined): Promise<void> {
    const { datastore, nodeName, log } = this.#options;
    const stored = await datastore.get({ kind: "Node", name: nodeName });
    if (stored === undefined) return;
    if (fieldOf(stored.spec, FIELDS[type]) === address) return;
    const spec = withField(stored.spec, FIELDS[type], address);
    const written = await datastore.update({ ...stored, spec });
    if (written.type !== "written")
      throw new Error(`the Node could not be written: ${written.type}`);
    log.log("info", "tunnel.address", {
      tunnel: TUNNEL_DEVICE_NAMES[type],
      address: address ?? "none",
    });
  }

  #written(type: TunnelType, { resources }: TunnelSurroundings): string | undefined {
    return fieldOf(resources.get(`Node/${this.#options.nodeName}`)?.spec, FIELDS[type]);
  }

  /** The pools that this host may take the address from. */
  #poolsFor(type: TunnelType, { resources, tunnels }: TunnelSurroundings) {
    const wanted = new Set(
      tunnels.pools.flatMap(({ tunnel, cidr }) => (tunnel === type ? [cidr] : [])),
    );
    if (wanted.size === 0) return [];
    const { nodeName } = this.#options;
    const settings = settingsOf(poolsAndNodes(resources));
    return settings.pools.filter(
      (pool) =>
        wanted.has(pool.cidr) &&
        !pool.disabled &&
        pool.allowedUses.includes("Tunnel") &&
        selectsHost(pool, { host: nodeName, settings }),
    );
  }

  #retryLater(): void {
    clearTimeout(this.#retryTimer);
    if (this.#closed) return;
    this.#retryTimer = setTimeout(() => {
      if (this.#surroundings !== undefined) this.changed(this.#surroundings);
    }, RETRY_MILLISECONDS);
  }
}

function isUp(type: TunnelType, { interfacesUp }: TunnelSurroundings): boolean {
  return interfacesUp.has(TUNNEL_DEVICE_NAMES[type]);
}

function* poolsAndNodes(resources: ReadonlyMap<string, AnyResource>): Iterable<Resource> {
  for (const resource of resources.values())
    if (resource.kind === "IPPool" || resource.kind === "Node") yield resource;
}

/** A text that says something, at this place of the spec. */
function fieldOf(spec: unknown, path: readonly string[]): string | undefined {
  let value = spec;
  for (const step of path) value = isRecord(value) ? value[step] : undefined;
  return typeof value === "string" && value !== "" ? value : undefined;
}

/** The spec with one field set, or without it. */
function withField(
  spec: Resource["spec"],
  [first = "", ...rest]: readonly string[],
  value: string | undefined,
): Resource["spec"] {
  const { [first]: before, ...others } = spec;
  if (rest.length === 0) return value === undefined ? others : { ...others, [first]: value };
  return { ...others, [first]: withField(isRecord(before) ? before : {}, rest, value) };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}
