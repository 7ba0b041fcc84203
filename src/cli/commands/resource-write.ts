import type { Datastore } from "../../datastore/datastore.ts";
import { keyOf, type Resource } from "../../resources/resource.ts";
import { changeResources } from "../change-resources.ts";
import type { CommandContext } from "../command.ts";
import { type ResourceChange, replacement } from "../resource-change.ts";
import { requireResources } from "../resource-input.ts";
import { keysOf, notThere } from "../resource-names.ts";

/** `tortie apply -f FILE`: creates what is new, updates what is there. */
export function apply(context: CommandContext): Promise<number> {
  const wanted = requireResources(context);
  return changeResources(context, {
    verb: "applied",
    plan: (datastore) =>
      eachOf(wanted, async (resource) => replacement(await read(datastore, resource), resource)),
  });
}

/** `tortie create -f FILE`: the store refuses what exists, unless `--skip-exists` passes it over. */
export function create(context: CommandContext): Promise<number> {
  const wanted = requireResources(context);
  const skipExists = context.options["skipExists"] === true;
  return changeResources(context, {
    verb: "created",
    plan: (datastore) =>
      eachOf(wanted, async (resource) => {
        const before = skipExists ? await read(datastore, resource) : undefined;
        const key = keyOf(resource);
        return before === undefined ? { key, after: resource } : { key, before, after: before };
      }),
  });
}

/** `tortie replace -f FILE`: only what is there. */
export function replace(context: CommandContext): Promise<number> {
  const wanted = requireResources(context);
  return changeResources(context, {
    verb: "replaced",
    plan: (datastore) =>
      eachOf(wanted, async (resource) => {
        const before = await read(datastore, resource);
        if (before === undefined) throw notThere(keyOf(resource), "tortie create");
        return replacement(before, resource);
      }),
  });
}

/** `tortie delete KIND NAME…` or `tortie delete -f FILE` */
export function remove(context: CommandContext): Promise<number> {
  const keys = context.rest.length > 0 ? keysOf(context) : requireResources(context).map(keyOf);
  const skipNotExists = context.options["skipNotExists"] === true;
  return changeResources(context, {
    verb: "deleted",
    plan: async (datastore) => {
      const changes: ResourceChange[] = [];
      for (const key of keys) {
        const before = await datastore.get(key);
        if (before !== undefined) changes.push({ key, before });
        else if (!skipNotExists) throw notThere(key);
      }
      return changes;
    },
  });
}

function read(datastore: Datastore, resource: Resource): Promise<Resource | undefined> {
  return datastore.get(keyOf(resource));
}

async function eachOf(
  resources: readonly Resource[],
  plan: (resource: Resource) => Promise<ResourceChange>,
): Promise<readonly ResourceChange[]> {
  const changes: ResourceChange[] = [];
  for (const resource of resources) changes.push(await plan(resource));
  return changes;
}
