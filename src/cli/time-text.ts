const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** "42s", "5m07s", "3h12m", "5d02h": two units at most, for eyes. */
export function formatDuration(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  if (whole < MINUTE) return `${whole}s`;
  if (whole < HOUR) return twoUnits(whole, MINUTE, "m", 1, "s");
  if (whole < DAY) return twoUnits(whole, HOUR, "h", MINUTE, "m");
  return twoUnits(whole, DAY, "d", HOUR, "h");
}

function twoUnits(
  seconds: number,
  large: number,
  largeName: string,
  small: number,
  smallName: string,
): string {
  const rest = Math.floor((seconds % large) / small);
  return `${Math.floor(seconds / large)}${largeName}${String(rest).padStart(2, "0")}${smallName}`;
}

/** How long ago an RFC 3339 instant was. */
export function formatSince(instant: string, now: Date): string {
  return formatDuration((now.getTime() - Date.parse(instant)) / 1000);
}
