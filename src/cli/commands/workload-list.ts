import type { WorkloadReport } from "../../api/api-types.ts";
import { ApiClient } from "../../api/client.ts";
import type { CommandContext } from "../command.ts";
import { ExitCode } from "../exit-code.ts";
import { formatOutput } from "../output.ts";
import { formatTable, type TableColumn } from "../text-table.ts";

/** `tortie workload list` */
export async function workloadList(context: CommandContext): Promise<number> {
  const list = await new ApiClient(context.socket).workloads();
  const text = await formatOutput(context.output, list, (view) =>
    list.items.length === 0
      ? "This host has no workloads.\n"
      : formatTable(COLUMNS, list.items, { ...view, width: context.width }),
  );
  context.stdout.write(text);
  const allWell = list.items.every(
    ({ state, problems }) => state === "ready" && problems.length === 0,
  );
  return context.options["check"] === true && !allWell ? ExitCode.failed : ExitCode.done;
}

const COLUMNS: readonly TableColumn<WorkloadReport>[] = [
  { header: "WORKLOAD", value: ({ workload }) => workload },
  { header: "BY", value: ({ orchestrator }) => orchestrator, dropOrder: 2 },
  { header: "INTERFACE", value: (each) => each.interface },
  { header: "ADDRESSES", value: ({ addresses }) => addresses.join(",") },
  { header: "STATE", value: ({ state }) => state },
  { header: "PROFILES", value: ({ profiles }) => profiles.join(","), dropOrder: 1 },
  { header: "ENDPOINT", value: ({ namespace, name }) => `${namespace}/${name}`, wide: true },
  { header: "NOTE", value: ({ problems }) => problems.join("; ") },
];
