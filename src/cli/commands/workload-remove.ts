import { ApiClient } from "../../api/client.ts";
import type { CommandContext } from "../command.ts";
import { ExitCode } from "../exit-code.ts";

/** `tortie workload remove` */
export async function workloadRemove(context: CommandContext): Promise<number> {
  const { workload, ...rest } = identityOf(context);
  const { existed } = await new ApiClient(context.socket).removeWorkload({ workload, ...rest });
  context.stdout.write(existed ? `${workload} is removed\n` : `there was no ${workload}\n`);
  return ExitCode.done;
}

/** The identity of a workload that a person named. */
export function identityOf({ arguments: [name = ""] }: CommandContext): {
  readonly orchestrator: string;
  readonly workload: string;
  readonly endpoint: string;
} {
  return { orchestrator: "tortie", workload: name, endpoint: "eth0" };
}
