import type { SpeakerConfig } from "../../protocol/speaker/speaker-config.ts";
import type { IpAddress } from "../../protocol/types/ip-address.ts";
import type { HostState } from "../calc/host-state.ts";
import type { AgentConfig } from "./agent-config.ts";
import type { EventLog } from "./event-log.ts";
import type { HeldPeers } from "./held-peers.ts";
import type { KernelReady } from "./kernel-link.ts";

/** A kernel that does not answer by then is not waited for: its routes count as not preserved. */
const KERNEL_MILLISECONDS = 10_000;
/** RFC 4724 §4.1: Selection_Deferral_Timer. */
const SELECTION_DEFERRAL_SECONDS = 10;

type HostSpeaker = Pick<HostState, "speaker" | "listen">;

export type SpeakerSetupOptions = {
  readonly log: EventLog;
  /** In place of what the host's state says. */
  readonly listen: AgentConfig["listen"];
  readonly held: Pick<HeldPeers, "apply">;
  /** Names of the peers that were up when the last process ended. */
  readonly peersUp: () => readonly string[];
  /** Whether the kernel has said which workloads this host delivers to. */
  readonly workloadsAreKnown: () => boolean;
  readonly configure: (config: SpeakerConfig, listen: HostState["listen"]) => void;
};

/**
 * Decides when the speaker is configured, and with what. Two things must be known before: what the kernel still holds of
 * an earlier run (graceful restart), and what this host should be. An OPEN before that would make peers flush us, so there
 * is none.
 */
export class SpeakerSetup {
  readonly #options: SpeakerSetupOptions;
  readonly #kernelTimer: NodeJS.Timeout;
  #host: HostSpeaker | undefined;
  #ownAddresses: readonly IpAddress[] = [];
  #kernelIsReady = false;
  /** Present when an earlier run's routes are still in the kernel. */
  #restart: SpeakerConfig["gracefulRestart"];
  #isDone = false;
  #isStopped = false;

  constructor(options: SpeakerSetupOptions) {
    this.#options = options;
    this.#kernelTimer = setTimeout(() => {
      options.log.log("error", "kernel.silent", { seconds: KERNEL_MILLISECONDS / 1000 });
      this.kernelReady({ preserved: [] });
    }, KERNEL_MILLISECONDS);
  }

  setHost(host: HostSpeaker): void {
    this.#host = host;
    this.#configure();
  }

  setOwnAddresses(addresses: readonly IpAddress[]): void {
    this.#ownAddresses = addresses;
    this.#configure();
  }

  /** Only the first word counts: what comes after the time is over changes nothing. */
  kernelReady({ preserved }: KernelReady): void {
    clearTimeout(this.#kernelTimer);
    if (this.#kernelIsReady) return;
    this.#kernelIsReady = true;
    if (preserved.length > 0) {
      const waitForPeers = this.#options.peersUp();
      this.#restart = {
        preservedFamilies: preserved,
        waitForPeers,
        selectionDeferralSeconds: SELECTION_DEFERRAL_SECONDS,
      };
      this.#options.log.log("info", "agent.restarting", { waitForPeers });
    }
    this.#configure();
  }

  /** The kernel said more of workloads: a restart may have waited for it. */
  workloadsChanged(): void {
    if (!this.#isDone) this.#configure();
  }

  /** What the speaker has stays as it is. */
  stop(): void {
    clearTimeout(this.#kernelTimer);
    this.#isStopped = true;
  }

  #configure(): void {
    if (this.#host === undefined || !this.#kernelIsReady || this.#isStopped) return;
    // A restarted daemon's first words must hold what it announced before, or peers drop it at our End-of-RIB. RFC 4724 §4.1.
    if (this.#restart !== undefined && !this.#options.workloadsAreKnown()) return;
    const { speaker, listen } = this.#host;
    const config: SpeakerConfig = {
      ...speaker,
      ownAddresses: [...new Set([...speaker.ownAddresses, ...this.#ownAddresses])],
      peers: speaker.peers.map((peer) => this.#options.held.apply(peer)),
      ...(this.#restart !== undefined && { gracefulRestart: this.#restart }),
    };
    const override = this.#options.listen;
    this.#isDone = true;
    this.#options.configure(config, {
      port: override?.port ?? listen.port,
      addresses: override?.addresses ?? listen.addresses,
    });
  }
}
