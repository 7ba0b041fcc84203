import type { IpAddress } from "../types/ip-address.ts";
import { type Prefix, prefixAddress } from "../types/prefix.ts";
import { HostSet } from "./host-set.ts";
import type { SpeakerConfig } from "./speaker-config.ts";

type ScopeConfig = Pick<SpeakerConfig, "ownAddresses" | "localWorkloads" | "nodeAddresses">;

/** The addresses that import checks know by name, for all peers of a speaker. */
export class ImportScope {
  readonly own: HostSet;
  readonly workloads: HostSet;
  readonly nodes: HostSet;
  /** "own 10.0.0.1": an address with its kind, because a kind that changes is a change. */
  readonly #entries: ReadonlySet<string>;

  constructor(config: ScopeConfig) {
    const workloads = config.localWorkloads.filter(isHost).map(prefixAddress);
    this.own = new HostSet(config.ownAddresses);
    this.workloads = new HostSet(workloads);
    this.nodes = new HostSet(config.nodeAddresses);
    this.#entries = new Set([
      ...config.ownAddresses.map(tagged("own")),
      ...workloads.map(tagged("workload")),
      ...config.nodeAddresses.map(tagged("node")),
    ]);
  }

  /** Addresses that another scope judges differently: routes to them, or through them, must be judged again. */
  difference(other: ImportScope): readonly IpAddress[] {
    const changed = new Set<IpAddress>();
    for (const entry of this.#entries) if (!other.#entries.has(entry)) changed.add(bare(entry));
    for (const entry of other.#entries) if (!this.#entries.has(entry)) changed.add(bare(entry));
    return [...changed];
  }
}

function isHost(prefix: Prefix): boolean {
  return prefix.endsWith(prefix.includes(":") ? "/128" : "/32");
}

function tagged(kind: string): (address: IpAddress) => string {
  return (address) => `${kind} ${address}`;
}

function bare(entry: string): IpAddress {
  return entry.slice(entry.indexOf(" ") + 1) as IpAddress;
}
