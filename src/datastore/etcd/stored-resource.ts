import { formatExactJson, parseExactJson } from "../../lib/exact-json.ts";
import { API_VERSION, type Resource, type ResourceKey } from "../../resources/resource.ts";
import { isIpamKind } from "./ipam-keys.ts";
import { ipamValueOf, specOfIpamValue } from "./ipam-values.ts";

/** A value as it was read; `problem` says why it is not usable, without quoting it, for it may hold keys. */
export type Decoded = { readonly resource: Resource; readonly problem?: string };

/**
 * Reads what a key holds. The key is the truth about kind, namespace and name, and etcd's mod_revision about the version: an
 * object whose text says otherwise could be neither updated nor deleted.
 */
export function decodeStored(
  key: ResourceKey,
  { text, modRevision }: { readonly text: string; readonly modRevision: string },
): Decoded {
  const { kind, ...names } = key;
  // Before affinities had a state, their value was empty.
  const parsed = text === "" && kind === "BlockAffinity" ? {} : parse(text);
  if (!isRecord(parsed)) {
    // Its spec is no object, so that no check takes it for an object that says nothing.
    const metadata = { ...names, resourceVersion: modRevision };
    const resource = { apiVersion: API_VERSION, kind, metadata, spec: UNREADABLE } as const;
    return { resource: resource as unknown as Resource, problem: "is not a JSON object" };
  }
  if (isIpamKind(kind)) {
    const metadata = { ...names, resourceVersion: modRevision };
    const spec = specOfIpamValue(key, parsed);
    return { resource: { apiVersion: API_VERSION, kind, metadata, spec } };
  }
  const { namespace: _, ...metadata } = isRecord(parsed["metadata"]) ? parsed["metadata"] : {};
  const resource = {
    ...parsed,
    kind,
    apiVersion: parsed["apiVersion"] ?? API_VERSION,
    metadata: { ...metadata, ...names, resourceVersion: modRevision },
    spec: parsed["spec"] ?? {},
  };
  return { resource: resource as Resource };
}

/**
 * The text that Calico would write: its order of fields (kind first, metadata as Kubernetes' ObjectMeta), no version (that
 * is etcd's), and the characters that Go's encoding/json escapes.
 */
export function encodeStored(resource: Resource): string {
  const { kind, apiVersion, metadata, ...rest } = resource;
  const { resourceVersion: _, ...kept } = metadata;
  const value = isIpamKind(kind)
    ? ipamValueOf(kind, rest.spec)
    : { kind, apiVersion, metadata: inOrder(kept), ...rest };
  const text = formatExactJson(value);
  return text.replace(
    GO_ESCAPES,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

const UNREADABLE = "(not readable)";
const GO_ESCAPES = /[<>&\u2028\u2029]/g;

/** k8s.io/apimachinery ObjectMeta; fields that are not named here come last, as they came. */
const METADATA_ORDER = [
  "name",
  "generateName",
  "namespace",
  "selfLink",
  "uid",
  "generation",
  "creationTimestamp",
  "deletionTimestamp",
  "deletionGracePeriodSeconds",
  "labels",
  "annotations",
  "ownerReferences",
  "finalizers",
  "managedFields",
];

function inOrder(metadata: { readonly [field: string]: unknown }): object {
  const known = METADATA_ORDER.filter((field) => Object.hasOwn(metadata, field));
  return { ...Object.fromEntries(known.map((field) => [field, metadata[field]])), ...metadata };
}

function parse(text: string): unknown {
  try {
    return parseExactJson(text);
  } catch {
    return undefined;
  }
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
