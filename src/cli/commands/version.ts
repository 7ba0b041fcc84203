import { ApiClient, DaemonUnreachable } from "../../api/client.ts";
import { version } from "../../lib/version.ts";
import type { CommandContext } from "../command.ts";
import { ExitCode } from "../exit-code.ts";
import { formatOutput } from "../output.ts";
import { formatPairs } from "../text-table.ts";

/** The API's version, and how many minor versions this program and a daemon may lie apart. */
const API = "v1";
const MOST_MINORS_APART = 1;

/** `tortie version` */
export async function versionCommand(context: CommandContext): Promise<number> {
  const client = version();
  const daemon = await daemonVersion(context.socket);
  const skew = daemon === undefined ? undefined : skewOf(client, daemon);
  const value = { client, api: [API], ...(daemon !== undefined && { daemon, skew }) };
  const text = await formatOutput(context.output, value, () =>
    formatPairs([
      ["tortie", client],
      ["tortied", daemon ?? "not running"],
    ]),
  );
  context.stdout.write(text);
  if (skew === "too-far") {
    context.stderr.write(
      "warning: program and daemon are more than one minor version apart; their API may differ\n",
    );
  }
  return ExitCode.done;
}

/** Fields are only ever added within a major version, and a program knows those of one minor before and after its own. */
export function skewOf(client: string, daemon: string): "ok" | "too-far" {
  const [clientMajor, clientMinor = 0] = client.split(".").map(Number);
  const [daemonMajor, daemonMinor = 0] = daemon.split(".").map(Number);
  const near = Math.abs(clientMinor - daemonMinor) <= MOST_MINORS_APART;
  return clientMajor === daemonMajor && near ? "ok" : "too-far";
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
