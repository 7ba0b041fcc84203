import type { z } from "zod";
import type { Resource } from "./resource.ts";

/** What a kind allows: its fields, and the rules that no single field can state. */
export type KindSchema<Spec extends z.ZodType = z.ZodType> = {
  readonly spec: Spec;
  /** Rules across fields. They run even when fields are wrong, so they must expect anything. */
  readonly rules: (resource: Resource) => readonly RuleViolation[];
  /** Why objects of this kind are kept and change nothing, where that is so: said to everybody who writes one. */
  readonly withoutEffect?: string;
  /** Whether a field of the spec changes what tortie does; those that do not are accepted, and named in a warning. */
  readonly hasEffect?: (field: string) => boolean;
};

/** A rule that is not kept; the path names the field to look at, from the top of the object. */
export type RuleViolation = {
  readonly path: readonly (string | number)[];
  readonly message: string;
  readonly fix?: string;
  /** A warning is reported and the object is accepted. */
  readonly severity?: "warning";
};

/** True when a field was written and says something: empty texts and lists, 0 and false are "not set", as in Go's JSON. */
export function isSet(value: unknown): boolean {
  if (Array.isArray(value)) return value.length > 0;
  return value !== undefined && value !== null && value !== "" && value !== 0 && value !== false;
}
