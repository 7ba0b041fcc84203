import { DEFAULTS } from "../defaults.ts";
import { parseDuration } from "../duration.ts";
import type { RuleViolation } from "../kind-schema.ts";
import type { Resource } from "../resource.ts";

/** A keepalive that comes no earlier than the hold timer ends would end the session. RFC 4271 §4.4. */
export function holdTimeViolations(
  spec: Resource["spec"],
  fields: { readonly holdTime: string; readonly keepaliveTime: string },
): readonly RuleViolation[] {
  const [hold, keepalive] = [spec[fields.holdTime], spec[fields.keepaliveTime]];
  if (typeof hold !== "string" || typeof keepalive !== "string") return [];
  const [holdSeconds, keepaliveSeconds] = [parseDuration(hold), parseDuration(keepalive)];
  if (holdSeconds === undefined || keepaliveSeconds === undefined) return [];
  if (keepaliveSeconds < holdSeconds) return [];
  return [
    {
      path: ["spec", fields.keepaliveTime],
      message: `must be shorter than ${fields.holdTime} (${hold})`,
      fix: "a third of the hold time is usual; leave the field out to get that",
    },
  ];
}

/** A peer that reads nothing must have the time in which its own hold timer would end the session. RFC 9687 §3. */
export function sendHoldTimeViolations(spec: Resource["spec"]): readonly RuleViolation[] {
  const { sendHoldTime, holdTime } = spec;
  if (typeof sendHoldTime !== "string") return [];
  const sendHoldSeconds = parseDuration(sendHoldTime);
  const holdSeconds =
    typeof holdTime === "string" ? parseDuration(holdTime) : DEFAULTS.timers.holdTimeSeconds;
  if (sendHoldSeconds === undefined || holdSeconds === undefined) return [];
  if (sendHoldSeconds > holdSeconds) return [];
  return [
    {
      path: ["spec", "sendHoldTime"],
      message: `must be longer than the hold time (${holdTime ?? `${holdSeconds}s`})`,
      fix: "twice the hold time or more; leave the field out to get eight minutes",
    },
  ];
}
