import { ApiClient, DaemonUnreachable } from "../api/client.ts";
import type { Resource } from "../resources/resource.ts";
import type { CommandContext } from "./command.ts";

/**
 * All resources of a kind, without keys: from the datastore when options or environment name one, otherwise from the daemon,
 * which has read them already, and from the datastore again where no daemon runs.
 */
export async function readResources(
  context: CommandContext,
  kind: string,
): Promise<readonly Resource[]> {
  if (namesDatastore(context)) return fromDatastore(context, kind);
  try {
    const { items } = await new ApiClient(context.socket).resources(kind);
    return items as readonly Resource[];
  } catch (error) {
    if (!(error instanceof DaemonUnreachable) || namesDaemon(context)) throw error;
    return fromDatastore(context, kind, error);
  }
}

/** Whether a datastore was chosen; then nobody wants to hear what a daemon knows of another. */
export function namesDatastore({ options, environment }: CommandContext): boolean {
  const { directory, etcdEndpoints, config } = options;
  if ((directory ?? etcdEndpoints ?? config) !== undefined) return true;
  if (namesDaemon({ options })) return false;
  const { datastoreDirectory, etcd } = environment;
  return (datastoreDirectory ?? etcd.endpoints ?? etcd.authority) !== undefined;
}

function namesDaemon({ options }: Pick<CommandContext, "options">): boolean {
  return (options["socket"] ?? options["demo"]) !== undefined;
}

async function fromDatastore(
  context: CommandContext,
  kind: string,
  unreachable?: DaemonUnreachable,
): Promise<readonly Resource[]> {
  const { datastoreSettings } = await import("./datastore-settings.ts");
  const settings = await datastoreSettings(context);
  // Nobody named a store and no daemon runs: that is what to say, not that a default directory is missing.
  if (unreachable !== undefined && settings.from === "the default") throw unreachable;
  const { withDatastoreOf } = await import("./datastore.ts");
  const { withoutPasswords } = await import("../resources/password.ts");
  return withDatastoreOf(settings, async (datastore) => {
    const { resources } = await datastore.list({ kinds: [kind] });
    return resources.map(withoutPasswords).toSorted(byName);
  });
}

function byName({ metadata: a }: Resource, { metadata: b }: Resource): number {
  const [left, right] = [`${a.namespace ?? ""}/${a.name}`, `${b.namespace ?? ""}/${b.name}`];
  return left < right ? -1 : left === right ? 0 : 1;
}
