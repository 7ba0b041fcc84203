import type { IpAddress } from "../types/ip-address.ts";
import { type Prefix, prefixAddress } from "../types/prefix.ts";
import { HostSet } from "./host-set.ts";
import { sameContent } from "./peer-change.ts";
import type { SpeakerConfig } from "./speaker-config.ts";

type ScopeConfig = Pick<
  SpeakerConfig,
  "ownAddresses" | "localWorkloads" | "nodeAddresses" | "workloadLocalPref"
>;

/**
 * The addresses that import checks know by name, for all peers of a speaker. It is one object for its whole life and changes in
 * place: among thousands of nodes, one that comes must not cost what all of them cost.
 */
export class ImportScope {
  readonly own = new HostSet();
  readonly workloads = new HostSet();
  readonly nodes = new HostSet();
  #config: ScopeConfig = { ownAddresses: [], localWorkloads: [], nodeAddresses: [] };

  constructor(config: ScopeConfig) {
    this.update(config);
  }

  /** Routes to workloads that have a greater LOCAL_PREF are accepted. */
  get workloadLocalPref(): SpeakerConfig["workloadLocalPref"] {
    return this.#config.workloadLocalPref;
  }

  /** Answers the addresses that are judged differently now: routes to them, or through them, must be judged again. */
  update(config: ScopeConfig): readonly IpAddress[] {
    const before = this.#config;
    this.#config = config;
    return [
      ...new Set([
        ...updated(this.own, before.ownAddresses, config.ownAddresses),
        ...updated(this.nodes, before.nodeAddresses, config.nodeAddresses),
        ...(before.localWorkloads === config.localWorkloads
          ? []
          : updated(this.workloads, hosts(before.localWorkloads), hosts(config.localWorkloads))),
        ...(sameContent(before.workloadLocalPref, config.workloadLocalPref)
          ? []
          : hosts(config.localWorkloads)),
      ]),
    ];
  }
}

/** Brings the set from one list to the other; answers what differs. */
function updated(
  set: HostSet,
  before: readonly IpAddress[],
  after: readonly IpAddress[],
): readonly IpAddress[] {
  if (before === after) return [];
  const [was, will] = [new Set(before), new Set(after)];
  const gone = [...was].filter((address) => !will.has(address));
  const come = [...will].filter((address) => !was.has(address));
  for (const address of gone) set.delete(address);
  for (const address of come) set.add(address);
  return [...gone, ...come];
}

function hosts(prefixes: readonly Prefix[]): readonly IpAddress[] {
  return prefixes.filter(isHost).map(prefixAddress);
}

function isHost(prefix: Prefix): boolean {
  return prefix.endsWith(prefix.includes(":") ? "/128" : "/32");
}
