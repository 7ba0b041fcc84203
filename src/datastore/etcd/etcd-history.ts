import type { Resource, ResourceKey } from "../../resources/resource.ts";
import { EtcdFailure } from "./etcd-failure.ts";
import { etcdKeyOf } from "./etcd-keys.ts";
import type { EtcdReader } from "./etcd-reader.ts";
import type { EtcdTransport } from "./etcd-transport.ts";

/**
 * The versions of an object, newest first, from the present back to when it was made, or to where etcd was compacted. What was
 * there before the object was deleted and made again is not found: a key does not know its earlier lives.
 */
export async function historyOf(
  key: ResourceKey,
  {
    transport,
    reader,
    limit,
  }: { readonly transport: EtcdTransport; readonly reader: EtcdReader; readonly limit: number },
): Promise<readonly Resource[]> {
  const etcdKey = etcdKeyOf(key);
  if (etcdKey === undefined) return [];
  const versions: Resource[] = [];
  // Zero is the present; a read that names no revision goes through the quorum.
  let revision = "0";
  while (versions.length < limit) {
    const found = await versionAt(transport, { etcdKey, revision });
    if (found === undefined) break;
    versions.push(reader.decode(key, found).resource);
    if (found.mod_revision === found.create_revision) break;
    revision = String(BigInt(found.mod_revision) - 1n);
  }
  return versions;
}

/** Undefined where there was none, or where nobody remembers. */
async function versionAt(
  transport: EtcdTransport,
  { etcdKey, revision }: { readonly etcdKey: string; readonly revision: string },
) {
  try {
    const request = { key: Buffer.from(etcdKey), revision };
    const { answer } = await transport.ask((kv, call) => kv.range(request, call));
    return answer.kvs[0];
  } catch (error) {
    if (error instanceof EtcdFailure && /has been compacted/.test(error.details)) return undefined;
    throw error;
  }
}
