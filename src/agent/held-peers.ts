import type { PeerConfig } from "../../protocol/speaker/speaker-config.ts";
import type { CrashReport } from "./state-directory.ts";

/** Peers whose bytes made the daemon crash again and again. */
export type HeldPeers = {
  /** Addresses, and why. */
  readonly reasons: ReadonlyMap<string, string>;
  /** The peer as it is, or held down. */
  readonly apply: (peer: PeerConfig) => PeerConfig;
};

/** The second crash on the same peer's bytes is one too many. */
const CRASHES_TO_HOLD = 2;
/** Older crashes are forgiven: the peer, or this program, may have been mended. */
const MEMORY_MILLISECONDS = 3_600_000;

/**
 * Finds the peers that must be held idle, so that one peer's bytes that trip over a bug of ours do not take all the
 * other sessions down for ever.
 */
export function holdPeers(crashes: readonly Partial<CrashReport>[], now: Date): HeldPeers {
  const counts = new Map<string, number>();
  for (const { peer, at } of crashes) {
    if (peer === undefined || at === undefined) continue;
    if (now.getTime() - Date.parse(at) > MEMORY_MILLISECONDS) continue;
    counts.set(peer, (counts.get(peer) ?? 0) + 1);
  }
  const held = [...counts].filter(([, count]) => count >= CRASHES_TO_HOLD);
  const reasons = new Map(
    held.map(([peer, count]) => [
      peer,
      `held idle: tortied crashed ${count} times within the hour on this peer's messages`,
    ]),
  );
  return {
    reasons,
    apply: (peer) => {
      const message = reasons.get(peer.address);
      return message === undefined ? peer : { ...peer, adminDown: { message } };
    },
  };
}
