import { type Prefix, prefixContainsAddress } from "../../../protocol/types/prefix.ts";
import type { Datastore } from "../../datastore/datastore.ts";
import { Ipam } from "../../ipam/ipam.ts";
import { objectOf } from "../../ipam/ipam-objects.ts";
import { poolHolding, readSettings } from "../../ipam/settings.ts";
import { blockName } from "../../resources/ipam-names.ts";
import type { CommandContext } from "../command.ts";
import { withDatastore } from "../datastore.ts";
import { ExitCode } from "../exit-code.ts";
import { CommandFailure } from "../failure.ts";
import { rangeWord } from "../ipam-words.ts";

/** Where people read why. */
const NOTE = "tortie.io/note";

/** `tortie ipam reserve` */
export async function ipamReserve(context: CommandContext): Promise<number> {
  const range = rangeWord(context.arguments[0]);
  return withDatastore(context, (datastore) =>
    context.options["remove"] === true
      ? unreserve(range, context, datastore)
      : reserve(range, context, datastore),
  );
}

async function reserve(
  range: Prefix,
  context: CommandContext,
  datastore: Datastore,
): Promise<number> {
  const { stdout, stderr, options } = context;
  const name = nameOf(range);
  const note = options["note"];
  const metadata = { name, ...(typeof note === "string" && { annotations: { [NOTE]: note } }) };
  const key = { kind: "IPReservation", name };
  const result = await datastore.create(objectOf(key, { reservedCIDRs: [range] }, metadata));
  if (result.type !== "written") {
    throw new CommandFailure({
      what: `${range} is reserved already, as IPReservation ${name}`,
      fix: `tortie ipam reserve ${range} --remove`,
      exitCode: ExitCode.conflict,
    });
  }
  stdout.write(`Reserved ${range} as IPReservation ${name}\n`);
  if (poolHolding(await readSettings(datastore), range) === undefined) {
    stderr.write(`note: no pool holds ${range} as a whole\n`);
  }
  const taken = (await new Ipam({ datastore }).all()).filter(({ address }) =>
    prefixContainsAddress(range, address),
  );
  // A reservation takes nothing away from anybody.
  if (taken.length > 0) {
    const some = taken.slice(0, 5).map(({ address }) => address);
    stderr.write(
      `note: ${taken.length} of them are in use, and stay so: ${some.join(", ")}${taken.length > 5 ? ", …" : ""}\n`,
    );
  }
  return ExitCode.done;
}

async function unreserve(
  range: Prefix,
  { stdout }: CommandContext,
  datastore: Datastore,
): Promise<number> {
  const name = nameOf(range);
  const result = await datastore.delete({ kind: "IPReservation", name });
  if (result.type !== "deleted") {
    throw new CommandFailure({
      what: `there is no IPReservation ${name}`,
      fix: "tortie get ipreservations; another name is deleted with 'tortie delete ipreservation NAME'",
      exitCode: ExitCode.failed,
    });
  }
  stdout.write(`${range} is not reserved any more\n`);
  return ExitCode.done;
}

function nameOf(range: Prefix): string {
  return `reserved-${blockName(range)}`;
}
