import { ApiClient } from "../../api/client.ts";
import type { TunnelTestReport } from "../../api/tunnel-report.ts";
import type { CommandContext } from "../command.ts";
import { ExitCode } from "../exit-code.ts";
import { CommandFailure } from "../failure.ts";
import { formatOutput } from "../output.ts";
import { formatTable, type TableColumn } from "../text-table.ts";

/** `tortie tunnel test`: node by node, because one may take seconds. */
export async function tunnelTest(context: CommandContext): Promise<number> {
  const client = new ApiClient(context.socket);
  const { devices, ...envelope } = await client.tunnels();
  const wanted = context.arguments[0];
  const known = [...new Set(devices.flatMap(({ remotes }) => remotes.map(({ node }) => node)))];
  const nodes = known.filter((node) => wanted === undefined || node === wanted);
  if (nodes.length === 0) throw nothingToTest(wanted);
  const items: Item[] = [];
  for (const node of nodes) {
    context.stderr.write(`trying the way to ${node} …\n`);
    items.push(...(await client.testTunnels(node)).items);
  }
  const report: TunnelTestReport = { apiVersion: envelope.apiVersion, kind: "TunnelTest", items };
  const text = await formatOutput(context.output, report, (view) =>
    formatTable(COLUMNS, items, { ...view, width: context.width }),
  );
  context.stdout.write(text);
  return items.every(({ verdict }) => verdict === "ok") ? ExitCode.done : ExitCode.failed;
}

function nothingToTest(node: string | undefined): CommandFailure {
  return new CommandFailure({
    what: node === undefined ? "there is no far end to try" : `no tunnel leads to ${node}`,
    why: "no pool asks for a tunnel, or the nodes' Node resources bear no tunnel address",
    fix: "tortie tunnel show",
    exitCode: ExitCode.failed,
  });
}

type Item = TunnelTestReport["items"][number];

const COLUMNS: readonly TableColumn<Item>[] = [
  { header: "NODE", value: ({ node }) => node },
  { header: "DEVICE", value: ({ device }) => device },
  { header: "TO", value: ({ underlay }) => underlay, dropOrder: 1 },
  { header: "NEEDED", value: ({ needed }) => String(needed), align: "right" },
  { header: "PATH", value: ({ pathMtu }) => String(pathMtu ?? "-"), align: "right" },
  { header: "VERDICT", value: ({ verdict }) => verdict },
  { header: "WHAT TO DO", value: ({ advice }) => advice ?? "" },
];
