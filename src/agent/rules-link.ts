import { isDeepStrictEqual } from "node:util";
import { unreachable } from "../../protocol/types/never.ts";
import type { HostState } from "../calc/host-state.ts";
import type { InterfaceState } from "../dataplane/route-worker-messages.ts";
import {
  type FromRulesWorker,
  NO_RULES_YET,
  type RulesStatus,
} from "../dataplane/rules/rules-messages.ts";
import { RulesWorkerClient } from "../dataplane/rules/rules-worker-client.ts";
import type { AgentConfig } from "./agent-config.ts";
import type { EventLog } from "./event-log.ts";
import type { KernelLink } from "./kernel-link.ts";
import { guardedTunnels, guardOfDevices, NO_DEVICES } from "./tunnel-guard.ts";

/** As Calico's interfacePrefix is when nobody sets it. */
const INTERFACE_PREFIXES = ["cali"];

/** The parts of an agent that rules need. */
export type RulesSurroundings = {
  readonly log: EventLog;
  readonly config: Pick<AgentConfig, "networkNamespace">;
  /** Told whose packets are filtered. */
  readonly kernel: Pick<KernelLink, "allowTunnels">;
};

/**
 * The agent's view of policy and NAT. Nothing is enforced before the datastore was in sync once: what an earlier process left
 * in the kernel is better than what half the resources say.
 */
export class RulesLink {
  readonly #client: RulesWorkerClient;
  readonly #log: EventLog;
  #status = NO_RULES_YET;
  #wasInSync = false;
  #host: HostState | undefined;
  /** What the tunnel devices that are there would take. */
  #present = NO_DEVICES;
  readonly #kernel: RulesSurroundings["kernel"];

  constructor({ log, kernel, config: { networkNamespace } }: RulesSurroundings) {
    this.#log = log;
    this.#kernel = kernel;
    this.#client = new RulesWorkerClient({
      worker: {
        interfacePrefixes: INTERFACE_PREFIXES,
        ...(networkNamespace !== undefined && { networkNamespace }),
      },
      onMessage: (message) => this.#onMessage(message),
      onCrash: (error) => {
        this.#status = { ...this.#status, state: "refused", refused: error.message };
        log.log("error", "rules.crashed", { error: error.stack });
      },
    });
  }

  /** What the worker said last. */
  get status(): RulesStatus {
    return this.#status;
  }

  /** A new state of this host. */
  onHostState(host: HostState): void {
    const before = this.#host;
    const same =
      before?.policy === host.policy &&
      before.nat === host.nat &&
      before.workloads === host.workloads;
    this.#host = host;
    if (!same) this.#enforce();
  }

  /** Devices stay for a while when no pool wants them any more, and may be there before anything is known. */
  onInterfaces(interfaces: readonly InterfaceState[]): void {
    const present = guardOfDevices(interfaces);
    if (isDeepStrictEqual(present, this.#present)) return;
    this.#present = present;
    this.#enforce();
  }

  /** The datastore is in sync, now or again. */
  onInSync(): void {
    if (this.#wasInSync || this.#host === undefined) return;
    this.#wasInSync = true;
    this.#enforce();
  }

  stop(options: { readonly cleanup: boolean }): Promise<void> {
    return this.#client.stop(options);
  }

  #enforce(): void {
    const tunnels = guardedTunnels(this.#host?.policy.tunnels, this.#present);
    if (this.#host === undefined || !this.#wasInSync) {
      this.#client.guardTunnels(tunnels);
      return;
    }
    const { policy, nat, workloads } = this.#host;
    const addresses = workloads.flatMap((workload) => workload.addresses);
    this.#client.enforce({ policy: { ...policy, tunnels }, nat }, addresses);
  }

  #onMessage(message: FromRulesWorker): void {
    switch (message.type) {
      case "status":
        this.#status = message.status;
        break;
      case "guarded":
        this.#kernel.allowTunnels(message.guard);
        break;
      case "log":
        this.#log.log(message.level, message.name, message.fields);
        break;
      case "stopped":
        break;
      default:
        unreachable(message);
    }
  }
}
