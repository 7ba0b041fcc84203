import { parseIpAddress } from "../../../../protocol/types/ip-address.ts";
import { Ipam } from "../../../ipam/ipam.ts";
import type { CommandContext } from "../../command.ts";
import { withDatastore } from "../../datastore.ts";
import { ExitCode } from "../../exit-code.ts";
import { CommandFailure } from "../../failure.ts";
import { endpointsOf } from "./endpoint-list.ts";
import { nodeName, notFound } from "./legacy-usage.ts";

/** `node remove [--hostname=H] [--remove-endpoints]`: takes a host that is gone out of the cluster. */
export async function nodeRemove(context: CommandContext): Promise<number> {
  const { hostname, removeEndpoints } = context.options;
  const name = nodeName(hostname);
  return withDatastore(context, async (datastore) => {
    const endpoints = await endpointsOf(datastore, { node: name });
    if (endpoints.length > 0 && removeEndpoints !== true) {
      throw new CommandFailure({
        what: `node ${name} has ${endpoints.length} endpoint${endpoints.length === 1 ? "" : "s"}`,
        fix: "stop its containers first, or add --remove-endpoints",
        exitCode: ExitCode.conflict,
      });
    }
    const ipam = new Ipam({ datastore });
    for (const { key, addresses } of endpoints) {
      await datastore.delete(key);
      await ipam.release({
        addresses: addresses.flatMap((each) => {
          const address = parseIpAddress(each.split("/")[0] ?? "");
          return address === undefined ? [] : [{ address }];
        }),
      });
    }
    await ipam.releaseHost(name);
    const result = await datastore.delete({ kind: "Node", name });
    if (result.type !== "deleted")
      throw notFound(`there is no node ${name}`, "calicoctl node show");
    context.stdout.write("Node configuration removed\n");
    return ExitCode.done;
  });
}
