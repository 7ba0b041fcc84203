/**
 * Calico counts priorities as kernel metrics do, less is better, and carries them in LOCAL_PREF, more is better: one is the other
 * subtracted from this.
 */
const HIGHEST_PRIORITY = 2_147_483_647;

export function localPrefOf(priority: number): number {
  return HIGHEST_PRIORITY - priority;
}
