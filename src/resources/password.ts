import { isSet, type RuleViolation } from "./kind-schema.ts";
import type { Resource } from "./resource.ts";

/** What stands in every output where a key was. */
export const HIDDEN = "<hidden>";

/** Fields of any kind that may hold a key in place. */
const KEY_FIELDS = new Set(["password", "nodeMeshPassword"]);

/** The resource as anybody may see it: keys are replaced, also inside annotations that quote the whole object. */
export function withoutPasswords<R extends Resource<string, unknown>>(resource: R): R {
  return hide(resource) as R;
}

function hide(value: unknown): unknown {
  if (typeof value === "string") return /password/i.test(value) ? hideQuoted(value) : value;
  if (Array.isArray(value)) return value.map(hide);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([field, inner]) => [
      field,
      KEY_FIELDS.has(field) && typeof inner !== "object" ? HIDDEN : hide(inner),
    ]),
  );
}

/** kubectl and others keep a copy of the whole object as JSON text in an annotation. */
function hideQuoted(text: string): string {
  return text.includes("{") ? HIDDEN : text;
}

/** Rules of both password fields. Values never enter a message. */
export function passwordViolations(
  password: unknown,
  path: readonly string[],
): readonly RuleViolation[] {
  if (password === HIDDEN) {
    return [
      {
        path,
        message: `${HIDDEN} is what is shown in place of a key, not a key`,
        fix: "write the key itself",
      },
    ];
  }
  if (password === "") {
    return [{ path, message: "must not be empty", fix: "leave the field out for no key" }];
  }
  if (typeof password !== "object" || !isSet(password)) return [];
  return [
    {
      path,
      severity: "warning",
      message: "refers to a Kubernetes Secret, which cannot be read here: the peering stays down",
      fix: "write the key in place, as text",
    },
  ];
}
