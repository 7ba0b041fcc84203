import type { IpAddress } from "../../../protocol/types/ip-address.ts";
import type { TunnelGuard, TunnelPolicy } from "../../calc/policy-state.ts";
import type { ForeignForward } from "../../kernel/nftables/foreign-forward.ts";
import type { HostRules } from "./render-tables.ts";

/** The rules worker owns the sockets of nftables. It is told what shall be in force and says what is. All of it can be cloned. */
export type ToRulesWorker =
  | { readonly type: "start"; readonly options: RulesWorkerOptions }
  /** The whole desired state, from a datastore that is in sync. */
  | {
      readonly type: "rules";
      readonly rules: HostRules;
      /** Of the workloads here: the connections of one that leaves are forgotten. */
      readonly addresses: readonly IpAddress[];
    }
  /** What is known of tunnels before that: it counts where nothing is in force but that workloads are shut. */
  | { readonly type: "tunnels"; readonly tunnels: TunnelPolicy }
  /** `cleanup` removes everything of ours; otherwise the rules stay in force. */
  | { readonly type: "stop"; readonly cleanup: boolean };

export type RulesWorkerOptions = {
  /** Path of a network namespace to enter first, for tests that run in one process. */
  readonly networkNamespace?: string;
  /** Beginnings of workloads' interface names, for the time before anything is known. */
  readonly interfacePrefixes: readonly string[];
};

export type FromRulesWorker =
  | { readonly type: "status"; readonly status: RulesStatus }
  /** Strangers' packets to tunnels are dropped from now on, or the kernel refused that: the devices may be made. */
  | { readonly type: "guarded"; readonly guard: TunnelGuard }
  | {
      readonly type: "log";
      readonly level: "debug" | "info" | "warn" | "error";
      readonly name: string;
      readonly fields: { readonly [field: string]: unknown };
    }
  | { readonly type: "stopped" };

/** What of policy is in the kernel. */
export type RulesStatus = {
  /**
   * "kept": nothing is known yet, and the rules of an earlier process are in force; "closed": nothing is known, and workloads
   * can talk to nobody; "in-force": as desired; "refused": the kernel did not take what is desired.
   */
  readonly state: "starting" | "kept" | "closed" | "in-force" | "refused";
  readonly refused?: string;
  readonly chains: number;
  readonly rules: number;
  readonly sets: number;
  readonly elements: number;
  /** Transactions that changed something, and how many of them undid what others had done to our tables. */
  readonly applied: number;
  readonly repaired: number;
  readonly refusals: number;
  /** How long the last change took, rendering and kernel. */
  readonly applyMilliseconds: number;
  /** Chains of others that drop what is forwarded. */
  readonly foreignForwards: readonly ForeignForward[];
};

/** Before the first look. */
export const NO_RULES_YET: RulesStatus = {
  state: "starting",
  chains: 0,
  rules: 0,
  sets: 0,
  elements: 0,
  applied: 0,
  repaired: 0,
  refusals: 0,
  applyMilliseconds: 0,
  foreignForwards: [],
};
