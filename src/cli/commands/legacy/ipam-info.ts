import { parseIpAddress } from "../../../../protocol/types/ip-address.ts";
import { Ipam } from "../../../ipam/ipam.ts";
import type { CommandContext } from "../../command.ts";
import { withDatastore } from "../../datastore.ts";
import { ExitCode } from "../../exit-code.ts";
import { wrongUsage } from "./legacy-usage.ts";

/** `ipam info IP`, as in 2016: who has an address. */
export async function ipamInfo(context: CommandContext): Promise<number> {
  const address = parseIpAddress(context.arguments[0] ?? "");
  if (address === undefined) throw wrongUsage(context, "not an IP address", ["ipam info IP"]);
  return withDatastore(context, async (datastore) => {
    const owner = await new Ipam({ datastore }).ownerOf(address);
    if (owner === undefined) {
      context.stdout.write(`IP ${address} is not currently assigned in block\n`);
      return ExitCode.done;
    }
    context.stdout.write(`IP ${address} is currently assigned\n`);
    for (const [name, value] of Object.entries({ handle: owner.handle, ...owner.attributes })) {
      if (value !== undefined) context.stdout.write(`  ${name}: ${value}\n`);
    }
    return ExitCode.done;
  });
}
