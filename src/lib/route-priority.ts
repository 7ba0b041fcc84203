/**
 * Calico counts priorities as kernel metrics do, less is better, and carries them in LOCAL_PREF, more is better: one is the other
 * subtracted from this.
 */
const HIGHEST_PRIORITY = 2_147_483_647;

export function localPrefOf(priority: number): number {
  return HIGHEST_PRIORITY - priority;
}

/**
 * The kernel metric of a learned route: the usual one, or the route's own priority where that is higher. A LOCAL_PREF beyond the scale
 * is no priority.
 */
export function metricOfLearned(localPref: number, usual: number): number {
  const priority = HIGHEST_PRIORITY - localPref;
  return priority >= 1 && priority < usual ? priority : usual;
}
