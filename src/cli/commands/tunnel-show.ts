import { ApiClient } from "../../api/client.ts";
import type { TunnelDeviceReport, TunnelsReport } from "../../api/tunnel-report.ts";
import type { CommandContext } from "../command.ts";
import { ExitCode } from "../exit-code.ts";
import { formatOutput } from "../output.ts";
import { formatTable, type TableColumn, type TableView } from "../text-table.ts";

/** `tortie tunnel show` */
export async function tunnelShow(context: CommandContext): Promise<number> {
  const report = await new ApiClient(context.socket).tunnels();
  const text = await formatOutput(context.output, report, (view) => tables(report, view, context));
  context.stdout.write(text);
  return ExitCode.done;
}

function tables(
  { devices, pools }: TunnelsReport,
  view: TableView,
  { width }: Pick<CommandContext, "width">,
): string {
  if (devices.length === 0) {
    return "This host has no tunnels: no IPPool has an ipipMode or vxlanMode other than Never.\n";
  }
  const options = { ...view, width };
  const parts = [formatTable(DEVICES, devices, options)];
  if (pools.length > 0) parts.push(formatTable(POOLS, pools, options));
  const remotes = devices.flatMap(({ name, remotes: ends }) =>
    ends.map((end) => ({ device: name, ...end })),
  );
  if (view.wide && remotes.length > 0) parts.push(formatTable(REMOTES, remotes, options));
  for (const { name, notReady } of devices) {
    if (notReady.length === 0) continue;
    parts.push(
      `Without ${name}, because their Node bears no address of it: ${notReady.join(", ")}. Packets to them take the plain way.\n`,
    );
  }
  return parts.join("\n");
}

const DEVICES: readonly TableColumn<TunnelDeviceReport>[] = [
  { header: "DEVICE", value: ({ name }) => name },
  { header: "TYPE", value: ({ type }) => type },
  { header: "STATE", value: ({ up }) => (up ? "up" : "missing") },
  { header: "ADDRESS", value: ({ address }) => address ?? "-" },
  { header: "FROM", value: ({ local }) => local },
  { header: "MTU", value: ({ mtu }) => (mtu === undefined ? "-" : String(mtu)), align: "right" },
  { header: "VNI", value: ({ vni }) => (vni === undefined ? "-" : String(vni)), dropOrder: 2 },
  { header: "PORT", value: ({ port }) => (port === undefined ? "-" : String(port)), dropOrder: 1 },
  { header: "FAR ENDS", value: ({ remotes }) => String(remotes.length), align: "right" },
];

const POOLS: readonly TableColumn<TunnelsReport["pools"][number]>[] = [
  { header: "POOL", value: ({ cidr }) => cidr },
  { header: "THROUGH", value: ({ device }) => device },
  {
    header: "WHEN",
    value: ({ mode }) => (mode === "Always" ? "always" : "the node is in another subnet"),
  },
];

type Remote = TunnelDeviceReport["remotes"][number] & { readonly device: string };

const REMOTES: readonly TableColumn<Remote>[] = [
  { header: "NODE", value: ({ node }) => node },
  { header: "DEVICE", value: ({ device }) => device },
  { header: "TO", value: ({ underlay }) => underlay },
  { header: "ITS ADDRESS", value: ({ address }) => address },
  { header: "MAC", value: ({ macAddress }) => macAddress ?? "-" },
];
