import { ApiClient, DaemonUnreachable } from "../../api/client.ts";
import { version } from "../../lib/version.ts";
import type { CommandContext } from "../command.ts";
import { ExitCode } from "../exit-code.ts";
import { formatOutput } from "../output.ts";
import { formatPairs } from "../text-table.ts";

/** `tortie version` */
export async function versionCommand(context: CommandContext): Promise<number> {
  const client = version();
  const daemon = await daemonVersion(context.socket);
  const value = { client, ...(daemon !== undefined && { daemon }) };
  const text = await formatOutput(context.output, value, () =>
    formatPairs([
      ["tortie", client],
      ["tortied", daemon ?? "not running"],
    ]),
  );
  context.stdout.write(text);
  return ExitCode.done;
}

/** No daemon is no error here. */
async function daemonVersion(socket: string): Promise<string | undefined> {
  try {
    return (await new ApiClient(socket).status()).version;
  } catch (error) {
    if (error instanceof DaemonUnreachable) return undefined;
    throw error;
  }
}
