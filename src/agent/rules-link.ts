import { unreachable } from "../../protocol/types/never.ts";
import type { HostState } from "../calc/host-state.ts";
import {
  type FromRulesWorker,
  NO_RULES_YET,
  type RulesStatus,
} from "../dataplane/rules/rules-messages.ts";
import { RulesWorkerClient } from "../dataplane/rules/rules-worker-client.ts";
import type { EventLog } from "./event-log.ts";

/** As Calico's interfacePrefix is when nobody sets it. */
const INTERFACE_PREFIXES = ["cali"];

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

  constructor(options: { readonly log: EventLog; readonly networkNamespace?: string | undefined }) {
    const { log, networkNamespace } = options;
    this.#log = log;
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
    if (this.#wasInSync && !same) this.#enforce(host);
  }

  /** The datastore is in sync, now or again. */
  onInSync(): void {
    if (this.#wasInSync || this.#host === undefined) return;
    this.#wasInSync = true;
    this.#enforce(this.#host);
  }

  stop(options: { readonly cleanup: boolean }): Promise<void> {
    return this.#client.stop(options);
  }

  #enforce({ policy, nat, workloads }: HostState): void {
    const addresses = workloads.flatMap((workload) => workload.addresses);
    this.#client.enforce({ policy, nat }, addresses);
  }

  #onMessage(message: FromRulesWorker): void {
    switch (message.type) {
      case "status":
        this.#status = message.status;
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
