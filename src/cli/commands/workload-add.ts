import { parseIpAddress } from "../../../protocol/types/ip-address.ts";
import type { ConnectedWorkloadReport } from "../../api/api-types.ts";
import { ApiClient } from "../../api/client.ts";
import type { CommandContext } from "../command.ts";
import { ExitCode } from "../exit-code.ts";
import { CommandFailure } from "../failure.ts";
import { formatOutput } from "../output.ts";
import { identityOf } from "./workload-remove.ts";

/** `tortie workload add` */
export async function workloadAdd(context: CommandContext): Promise<number> {
  const { profile, mac, mtu } = context.options;
  const connected = await new ApiClient(context.socket).addWorkload({
    ...identityOf(context),
    attachment: attachmentOf(context),
    addresses: addressesOf(String(context.options["ip"])),
    profiles: listOf(String(profile)),
    ...(mac !== undefined && { mac }),
    ...(mtu !== undefined && { mtu: Number(mtu) }),
  });
  const text = await formatOutput(context.output, connected, () => sentenceOf(connected));
  context.stdout.write(text);
  return ExitCode.done;
}

function attachmentOf({ options }: CommandContext): object {
  const { interface: name, netns } = options;
  if (netns !== undefined) {
    return { type: "namespace", netns, interfaceName: name ?? "eth0" };
  }
  if (name !== undefined) return { type: "host", interfaceName: name };
  throw new CommandFailure({
    what: "nothing to connect",
    fix: "say --interface NAME, or --netns PATH",
    exitCode: ExitCode.usage,
  });
}

function addressesOf(text: string): object {
  if (text === "auto") return { from: "auto" };
  const addresses = listOf(text);
  const wrong = addresses.find((each) => parseIpAddress(each) === undefined);
  if (wrong === undefined && addresses.length > 0) return { from: "claim", addresses };
  throw new CommandFailure({
    what: `not an IP address: ${wrong ?? text}`,
    fix: "say --ip auto, or addresses with commas between them",
    exitCode: ExitCode.usage,
  });
}

function listOf(text: string): readonly string[] {
  return text.split(",").filter((each) => each !== "");
}

function sentenceOf(connected: ConnectedWorkloadReport): string {
  const { addresses, gateways, hostInterface, mtu } = connected;
  return `${addresses.join(", ")} behind ${hostInterface}; gateway ${gateways.join(", ")}, MTU ${mtu}\n`;
}
