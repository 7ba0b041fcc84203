import { type AddressPeriod, addressHistory } from "../../ipam/address-history.ts";
import type { CommandContext } from "../command.ts";
import { withDatastore } from "../datastore.ts";
import { ExitCode } from "../exit-code.ts";
import { addressWord } from "../ipam-words.ts";
import { formatOutput } from "../output.ts";
import { formatTable, type TableColumn } from "../text-table.ts";

/** `tortie ipam history` */
export async function ipamHistory(context: CommandContext): Promise<number> {
  const address = addressWord(context.arguments[0]);
  return withDatastore(context, async (datastore) => {
    const { periods, remembers } = await addressHistory(datastore, address);
    const value = { kind: "IPAMAddressHistory", address, remembers, items: periods };
    const text = await formatOutput(context.output, value, (view) =>
      periods.length === 0
        ? `Nothing is known of ${address}: no block holds it.\n`
        : formatTable(COLUMNS, periods, { ...view, width: context.width }),
    );
    context.stdout.write(text);
    if (!remembers)
      context.stderr.write("note: this datastore keeps the present only; etcd keeps more\n");
    return ExitCode.done;
  });
}

const COLUMNS: readonly TableColumn<AddressPeriod>[] = [
  { header: "STATE", value: ({ state }) => STATES[state] },
  { header: "SINCE REVISION", value: ({ since }) => since ?? "-", align: "right" },
  { header: "AT", value: ({ at }) => at ?? "-" },
  { header: "HANDLE", value: ({ handle }) => handle ?? "-" },
  { header: "NODE", value: ({ attributes }) => attributes["node"] ?? "-" },
  {
    header: "WORKLOAD",
    wide: true,
    value: ({ attributes: { namespace, pod } }) =>
      [namespace, pod].filter(Boolean).join("/") || "-",
  },
];

const STATES: { readonly [S in AddressPeriod["state"]]: string } = {
  assigned: "assigned",
  coolingDown: "cooling down",
  free: "free",
};
