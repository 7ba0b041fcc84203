import { z } from "zod";
import { type Complaint, explainIssue } from "./explain-issue.ts";
import { isSet, type KindSchema, type RuleViolation } from "./kind-schema.ts";
import { KINDS, type Kind, kindInfo } from "./kinds.ts";
import { nearest } from "./nearest.ts";
import { API_VERSION, type Resource } from "./resource.ts";
import { type AnyResource, SCHEMAS } from "./schemas.ts";

export type ValidateOptions = {
  /**
   * What a field that this version does not know means. In a file it is a mistake of the person who wrote it; in the
   * datastore it comes from a newer program, and is kept.
   */
  readonly unknownFields: "error" | "warning";
};

export type Validated =
  | { readonly ok: true; readonly resource: AnyResource; readonly warnings: readonly Complaint[] }
  | { readonly ok: false; readonly complaints: readonly Complaint[] };

/** Kinds of Calico that this version has no use for. They are skipped with a warning, so that a whole cluster's YAML loads. */
const UNUSED_KINDS = new Set([
  "KubeControllersConfiguration",
  "LiveMigration",
  "StagedGlobalNetworkPolicy",
  "StagedKubernetesNetworkPolicy",
  "StagedNetworkPolicy",
]);

/** Checks a value of any shape against its kind, and collects everything that is wrong with it. */
export function validateResource(value: unknown, options: ValidateOptions): Validated {
  const envelope = envelopeOf(value);
  if ("complaints" in envelope) return { ok: false, complaints: envelope.complaints };
  const { resource, kind } = envelope;
  const schema = wholeSchema(kind);
  const parsed = schema.safeParse(resource, { reportInput: true });
  const issues = parsed.success ? [] : parsed.error.issues;
  const complaints = [
    ...unknownTopLevelFields(resource, options),
    ...issues.flatMap((issue) => explainIssue(issue, { schema, ...options })),
    ...rulesOf(kind).rules(resource).map(asComplaint),
    ...fieldsWithoutEffect(kind, resource),
  ];
  return complaints.some(({ severity }) => severity === "error")
    ? { ok: false, complaints }
    : { ok: true, resource: resource as AnyResource, warnings: complaints };
}

/** The row of a kind as the type of all rows; the union of single ones cannot be called with optional members. */
function rulesOf(kind: Kind): KindSchema {
  return SCHEMAS[kind];
}

/** One warning for the kind, or for all fields that are accepted and change nothing, so that nobody waits for their effect. */
function fieldsWithoutEffect(kind: Kind, { spec }: Resource): readonly Complaint[] {
  const { hasEffect, withoutEffect } = rulesOf(kind);
  if (withoutEffect !== undefined) {
    return [{ severity: "warning", path: ["kind"], message: withoutEffect }];
  }
  if (hasEffect === undefined) return [];
  const fields = Object.keys(spec).filter((field) => isSet(spec[field]) && !hasEffect(field));
  const [first] = fields;
  if (first === undefined) return [];
  const message =
    fields.length === 1
      ? "is accepted, but has no effect in this version"
      : `${fields.join(", ")} are accepted, but have no effect in this version`;
  return [{ severity: "warning", path: fields.length === 1 ? ["spec", first] : ["spec"], message }];
}

type Envelope =
  | { readonly resource: Resource; readonly kind: Kind }
  | { readonly complaints: readonly Complaint[] };

/** Before the fields of a kind can be checked, there must be a kind. */
function envelopeOf(value: unknown): Envelope {
  if (!isRecord(value)) {
    return complain([], "must be an object with apiVersion, kind, metadata and spec");
  }
  const { apiVersion, kind } = value;
  if (apiVersion === undefined) {
    return complain([], "apiVersion is missing", `add apiVersion: ${API_VERSION}`);
  }
  if (apiVersion !== API_VERSION) {
    const message = `${JSON.stringify(apiVersion)}: must be ${API_VERSION}`;
    return complain(["apiVersion"], message, `write apiVersion: ${API_VERSION}`);
  }
  if (kind === undefined) return complain([], "kind is missing", "add kind, such as kind: BGPPeer");
  const known = typeof kind === "string" ? kindInfo(kind) : undefined;
  if (known === undefined) return complainAboutKind(kind);
  const spec = value["spec"] ?? {};
  const metadata = value["metadata"] ?? {};
  const resource = withoutNulls({ ...value, metadata, spec }) as Resource;
  if (!isRecord(spec)) return complain(["spec"], "must be an object");
  if (!isRecord(metadata)) return complain(["metadata"], "must be an object");
  return { resource, kind: known.kind };
}

function complainAboutKind(kind: unknown): Envelope {
  if (typeof kind === "string" && UNUSED_KINDS.has(kind)) {
    const message = `${kind} is not used by this version; the object is skipped`;
    return { complaints: [{ severity: "warning", path: ["kind"], message }] };
  }
  const kinds = KINDS.map((info) => info.kind);
  const near = typeof kind === "string" ? nearest(kind, kinds) : undefined;
  const message = `${JSON.stringify(kind)} is not a kind${near === undefined ? "" : `; did you mean ${near}?`}`;
  return complain(
    ["kind"],
    message,
    near === undefined ? `use one of ${kinds.join(", ")}` : undefined,
  );
}

function complain(path: Complaint["path"], message: string, fix?: string): Envelope {
  const complaint = { severity: "error", path, message } as const;
  return { complaints: [fix === undefined ? complaint : { ...complaint, fix }] };
}

const NAME = /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/;

const objectName = z
  .string()
  .max(253)
  .refine((value) => NAME.test(value), {
    error: "must be lower case letters, digits, - and ., and begin and end with a letter or digit",
  });

/** Names that programs make of other things; a slash would end the name in a key of etcd. */
const freeName = z
  .string()
  .min(1)
  .max(1024)
  .refine((value) => !value.includes("/"), { error: "must not hold a slash" });

function metadataSchema(kind: Kind): z.ZodType {
  const strings = z.record(z.string(), z.string());
  const namespaced = kindInfo(kind)?.scope === "namespaced";
  return z.looseObject({
    name: kindInfo(kind)?.freeNames ? freeName : objectName,
    namespace: namespaced
      ? objectName
      : z
          .string()
          .optional()
          .refine((value) => value === undefined, {
            error: `${kind} belongs to the cluster and has no namespace`,
          }),
    labels: strings.optional(),
    annotations: strings.optional(),
    resourceVersion: z.string().optional(),
    uid: z.string().optional(),
    creationTimestamp: z.string().optional(),
  });
}

const wholeSchemas = new Map<Kind, z.ZodType>();

/** Made once a kind: zod spends far more time on making a schema than on using it. */
function wholeSchema(kind: Kind): z.ZodType {
  const known = wholeSchemas.get(kind);
  if (known) return known;
  const made = z.looseObject({ metadata: metadataSchema(kind), spec: SCHEMAS[kind].spec });
  wholeSchemas.set(kind, made);
  return made;
}

const TOP_LEVEL = ["apiVersion", "kind", "metadata", "spec", "status"];

function unknownTopLevelFields(
  resource: Resource,
  { unknownFields }: ValidateOptions,
): readonly Complaint[] {
  const unknown = Object.keys(resource).filter((field) => !TOP_LEVEL.includes(field));
  const fields = Object.keys(SCHEMAS[resource.kind as Kind].spec.shape);
  return unknown.map((field) => {
    const near =
      nearest(field, TOP_LEVEL) ?? (fields.includes(field) ? `spec.${field}` : undefined);
    const hint = near === undefined ? "" : `; did you mean ${near}?`;
    const message = `unknown field ${field}${hint}`;
    return { severity: unknownFields, path: [field], message, at: "key" };
  });
}

function asComplaint({ path, message, fix, severity }: RuleViolation): Complaint {
  const complaint = { severity: severity ?? "error", path, message } as const;
  return fix === undefined ? complaint : { ...complaint, fix };
}

/** In Go's JSON, null and absence are one thing. Elements of lists stay: there null counts. */
function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (!isRecord(value)) return value;
  const kept = Object.entries(value).filter(([, inner]) => inner !== null);
  return Object.fromEntries(kept.map(([field, inner]) => [field, withoutNulls(inner)]));
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
