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
