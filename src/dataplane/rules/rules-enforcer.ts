import type { IpAddress } from "../../../protocol/types/ip-address.ts";
import { unreachable } from "../../../protocol/types/never.ts";
import type { TunnelGuard, TunnelPolicy } from "../../calc/policy-state.ts";
import { forgetConnections } from "../../kernel/conntrack.ts";
import { enterNetworkNamespace } from "../../kernel/native/network-namespace.ts";
import { NetlinkError } from "../../kernel/netlink/netlink-error.ts";
import { NETLINK_PROTOCOL } from "../../kernel/netlink/netlink-fd.ts";
import { NetlinkSocket } from "../../kernel/netlink/netlink-socket.ts";
import {
  type ForeignForward,
  reconcileForeignForwards,
} from "../../kernel/nftables/foreign-forward.ts";
import type { NftTable } from "../../kernel/nftables/nft-table.ts";
import { NftablesDriver } from "../../kernel/nftables/nftables-driver.ts";
import { NftablesMonitor } from "../../kernel/nftables/nftables-monitor.ts";
import { unusualInterfaces } from "./endpoint-chains.ts";
import { type HostRules, renderTables, rulesBeforeSync, TABLE_NAME } from "./render-tables.ts";
import {
  type FromRulesWorker,
  NO_RULES_YET,
  type RulesStatus,
  type RulesWorkerOptions,
  type ToRulesWorker,
} from "./rules-messages.ts";

/** As Felix's nftablesRefreshInterval: notifications say it all, so this finds only what nobody thought of. */
const AUDIT_MILLISECONDS = 180_000;
/** After somebody's change: programs change their rules in many small steps. */
const SETTLE_MILLISECONDS = 20;
/** Others' tables may be large and change all the time: they are read no more often than this. */
const FOREIGN_MILLISECONDS = 1_000;
const FIRST_RETRY_MILLISECONDS = 500;
const LONGEST_RETRY_MILLISECONDS = 30_000;

/**
 * Policy and NAT of one host, as the rules worker runs them. Until it is told what the host should enforce it touches no
 * rules that an earlier process left; where there are none, it shuts workloads' interfaces.
 */
export class RulesEnforcer {
  readonly #send: (message: FromRulesWorker) => void;
  readonly #socket: NetlinkSocket;
  readonly #driver: NftablesDriver;
  readonly #monitor: NftablesMonitor;
  readonly #auditTimer: NodeJS.Timeout;
  #rules: HostRules | undefined;
  #tables: readonly NftTable[] = [];
  readonly #interfacePrefixes: readonly string[];
  /** What #tables say of tunnels, and what the main thread knows of that. */
  #guard = NO_GUARD;
  #toldGuard = NO_GUARD;
  #addresses: readonly IpAddress[] = [];
  #status = NO_RULES_YET;
  #timer: NodeJS.Timeout | undefined;
  #timerAt = Number.POSITIVE_INFINITY;
  #retryMilliseconds = FIRST_RETRY_MILLISECONDS;
  /** Somebody touched our tables: what is found different is a repair. */
  #isDistrusted = false;
  #foreignIsDirty = true;
  #foreignLookedAt = Number.NEGATIVE_INFINITY;

  constructor(options: RulesWorkerOptions, send: (message: FromRulesWorker) => void) {
    this.#send = send;
    if (options.networkNamespace !== undefined) enterNetworkNamespace(options.networkNamespace);
    this.#socket = new NetlinkSocket(NETLINK_PROTOCOL.netfilter);
    this.#driver = new NftablesDriver({ socket: this.#socket, name: TABLE_NAME });
    // Listening begins before the first look, so that nothing falls between them.
    this.#monitor = new NftablesMonitor({
      ignorePortIds: [this.#socket.portId],
      onChange: (table) => this.#changedByOthers(table),
      onOverrun: () => this.#audit(),
      onError: (error) => {
        throw error;
      },
    });
    this.#auditTimer = setInterval(() => this.#audit(), AUDIT_MILLISECONDS);
    this.#interfacePrefixes = options.interfacePrefixes;
    if (this.#driver.isPresent) this.#report({ state: "kept" });
    else this.#shut(undefined);
  }

  handle(message: ToRulesWorker): void {
    switch (message.type) {
      case "start":
        throw new Error("rules are started once");
      case "rules":
        this.#rules = message.rules;
        this.#tables = renderTables(message.rules);
        this.#guard = message.rules.policy.tunnels;
        this.#foreignIsDirty = true;
        this.#apply();
        this.#forgetAbsent(message.addresses);
        break;
      case "tunnels":
        // Rules that an earlier process left filter what its devices take; new devices wait until it is known what shall be.
        if (this.#rules === undefined && this.#tables.length > 0) this.#shut(message.tunnels);
        break;
      case "stop":
        this.#stop(message.cleanup);
        break;
      default:
        unreachable(message);
    }
  }

  /** Whoever gets such an address next must not inherit what its last owner was allowed. */
  #forgetAbsent(addresses: readonly IpAddress[]): void {
    const present = new Set(addresses);
    const absent = this.#addresses.filter((address) => !present.has(address));
    this.#addresses = addresses;
    if (absent.length === 0) return;
    try {
      const count = forgetConnections(this.#socket, absent);
      if (count > 0)
        this.#log("debug", "rules.connections-forgotten", { addresses: absent, count });
    } catch (error) {
      if (!(error instanceof NetlinkError)) throw error;
      this.#log("warn", "rules.connections-kept", { addresses: absent, reason: error.message });
    }
  }

  /** Nothing is known but perhaps the tunnels. */
  #shut(tunnels: TunnelPolicy | undefined): void {
    this.#tables = renderTables(rulesBeforeSync(this.#interfacePrefixes, tunnels));
    this.#guard = tunnels ?? NO_GUARD;
    this.#apply();
  }

  #changedByOthers(table: string): void {
    if (table === TABLE_NAME) this.#distrust();
    else this.#foreignIsDirty = true;
    this.#schedule(SETTLE_MILLISECONDS);
  }

  #audit(): void {
    this.#distrust();
    this.#foreignIsDirty = true;
    this.#schedule(0);
  }

  #distrust(): void {
    this.#driver.distrust();
    this.#isDistrusted = true;
  }

  #schedule(milliseconds: number): void {
    const at = performance.now() + milliseconds;
    if (at >= this.#timerAt) return;
    clearTimeout(this.#timer);
    this.#timerAt = at;
    this.#timer = setTimeout(() => {
      this.#timerAt = Number.POSITIVE_INFINITY;
      this.#apply();
    }, milliseconds);
  }

  /** Makes the kernel what it should be, as far as that is known. */
  #apply(): void {
    if (this.#tables.length === 0) return;
    const begin = performance.now();
    const { changes, refused } = this.#driver.apply(this.#tables);
    const applyMilliseconds = performance.now() - begin;
    this.#tellGuard();
    if (refused !== undefined) {
      this.#refused(refused);
      return;
    }
    this.#retryMilliseconds = FIRST_RETRY_MILLISECONDS;
    const repaired = changes > 0 && this.#isDistrusted;
    this.#isDistrusted = false;
    if (repaired) this.#log("warn", "rules.repaired", { changes });
    else if (changes > 0) this.#log("debug", "rules.applied", { changes, applyMilliseconds });
    this.#lookAtOthers();
    this.#report({
      state: this.#rules === undefined ? "closed" : "in-force",
      ...sizeOf(this.#tables),
      ...(changes > 0 && { applied: this.#status.applied + 1, applyMilliseconds }),
      ...(repaired && { repaired: this.#status.repaired + 1 }),
    });
  }

  /** Also when the rules are refused: a kernel that takes none enforces no policy either, and that is told aloud. */
  #tellGuard(): void {
    const { ipip, vxlanPorts } = this.#guard;
    const same =
      this.#toldGuard.ipip === ipip && this.#toldGuard.vxlanPorts.join() === vxlanPorts.join();
    if (same) return;
    this.#toldGuard = { ipip, vxlanPorts };
    this.#send({ type: "guarded", guard: this.#toldGuard });
  }

  #refused(refused: string): void {
    this.#log("error", "rules.refused", { reason: refused });
    this.#report({ state: "refused", refused, refusals: this.#status.refusals + 1 });
    this.#schedule(this.#retryMilliseconds);
    this.#retryMilliseconds = Math.min(2 * this.#retryMilliseconds, LONGEST_RETRY_MILLISECONDS);
  }

  /** What we accept, others may still drop: they are told to let it pass, as soon as there is something to pass. */
  #lookAtOthers(): void {
    if (!this.#foreignIsDirty || this.#rules === undefined) return;
    const next = this.#foreignLookedAt + FOREIGN_MILLISECONDS - performance.now();
    if (next > 0) {
      this.#schedule(next);
      return;
    }
    this.#foreignIsDirty = false;
    this.#foreignLookedAt = performance.now();
    const { policy } = this.#rules;
    const interfaces = [
      ...policy.interfacePrefixes.map((prefix) => `${prefix}*`),
      ...unusualInterfaces(policy).map((endpoint) => endpoint.interface),
    ];
    const { forwards, changes } = reconcileForeignForwards(this.#socket, {
      ownTable: TABLE_NAME,
      interfaces: policy.endpoints.length === 0 ? [] : interfaces,
    });
    if (changes > 0) this.#log("info", "rules.foreign-forwards", { forwards });
    this.#status = { ...this.#status, foreignForwards: forwards };
    if (forwards.some(isRefused)) {
      this.#foreignIsDirty = true;
      this.#schedule(LONGEST_RETRY_MILLISECONDS);
    }
  }

  #report(news: Omit<Partial<RulesStatus>, "refused"> & { readonly refused?: string }): void {
    const { refused: _before, ...status } = this.#status;
    this.#status = { ...status, ...news };
    this.#send({ type: "status", status: this.#status });
  }

  #log(
    level: "debug" | "info" | "warn" | "error",
    name: string,
    fields: { readonly [field: string]: unknown },
  ): void {
    this.#send({ type: "log", level, name, fields });
  }

  #stop(cleanup: boolean): void {
    clearInterval(this.#auditTimer);
    clearTimeout(this.#timer);
    this.#monitor.close();
    if (cleanup) this.#cleanUp();
    this.#socket.close();
    this.#send({ type: "stopped" });
  }

  #cleanUp(): void {
    const { refused } = this.#driver.removeAll();
    if (refused !== undefined)
      this.#log("error", "cleanup.failed", { what: "nftables", reason: refused });
    reconcileForeignForwards(this.#socket, { ownTable: TABLE_NAME, interfaces: [] });
  }
}

const NO_GUARD: TunnelGuard = { ipip: false, vxlanPorts: [] };

function isRefused({ remedy }: ForeignForward): boolean {
  return remedy.type === "refused";
}

function sizeOf(
  tables: readonly NftTable[],
): Pick<RulesStatus, "chains" | "rules" | "sets" | "elements"> {
  const chains = tables.flatMap((table) => table.chains);
  const sets = tables.flatMap((table) => table.sets);
  return {
    chains: chains.length,
    rules: chains.reduce((sum, { rules }) => sum + rules.length, 0),
    sets: sets.length,
    elements: sets.reduce((sum, { elements }) => sum + elements.length, 0),
  };
}
