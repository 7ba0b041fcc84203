import type { EventReport } from "../../api/api-types.ts";
import { ApiClient } from "../../api/client.ts";
import type { CommandContext } from "../command.ts";
import { ExitCode } from "../exit-code.ts";
import { formatOutput } from "../output.ts";

/** `tortie events` */
export async function events(context: CommandContext): Promise<number> {
  const { peer, limit } = context.options;
  const list = await new ApiClient(context.socket).events({
    limit: Number(limit),
    ...(typeof peer === "string" && { peer }),
  });
  const text = await formatOutput(context.output, list, () =>
    list.items.map((event) => `${eventText(event)}\n`).join(""),
  );
  context.stdout.write(text);
  return ExitCode.done;
}

/** "2026-11-24T08:00:00.000Z info peer.up peer=tor-1 holdTimeSeconds=90". */
export function eventText({ at, level, name, peer, fields }: EventReport): string {
  const pairs = Object.entries({ ...(peer !== undefined && { peer }), ...fields }).map(
    ([field, value]) => `${field}=${typeof value === "string" ? value : JSON.stringify(value)}`,
  );
  return [at, level, name, ...pairs].join(" ");
}
