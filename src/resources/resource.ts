/** The only API version that tortie reads and writes: Calico's. */
export const API_VERSION = "projectcalico.org/v3";

/**
 * An object as written: by a person in YAML or by Calico in etcd. Nothing is filled in (defaults.ts does that where values
 * are used) and nothing is dropped: fields that this version does not know stay in place through a read-modify-write.
 */
export type Resource<K extends string = string, Spec = Readonly<Record<string, unknown>>> = {
  readonly apiVersion: string;
  readonly kind: K;
  readonly metadata: Metadata;
  readonly spec: Spec;
  readonly status?: unknown;
};

/** Who the object is. `resourceVersion` is opaque: whoever updates sends back what was read. */
export type Metadata = {
  readonly name: string;
  readonly namespace?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly resourceVersion?: string;
  readonly uid?: string;
  readonly creationTimestamp?: string;
};

/** Names one object of the cluster. */
export type ResourceKey = {
  readonly kind: string;
  readonly namespace?: string;
  readonly name: string;
};

export function keyOf(resource: Resource<string, unknown>): ResourceKey {
  const { kind, metadata } = resource;
  const { name, namespace } = metadata;
  return namespace === undefined ? { kind, name } : { kind, namespace, name };
}

/** "BGPPeer/tor-1", "WorkloadEndpoint/default/web": equal keys are equal texts. */
export function formatKey({ kind, namespace, name }: ResourceKey): string {
  return namespace === undefined ? `${kind}/${name}` : `${kind}/${namespace}/${name}`;
}

/** The reverse of formatKey; undefined when the text names nothing. */
export function parseKey(text: string): ResourceKey | undefined {
  const [kind, second, third, ...rest] = text.split("/");
  if (!kind || !second || rest.length > 0) return undefined;
  return third === undefined ? { kind, name: second } : { kind, namespace: second, name: third };
}
