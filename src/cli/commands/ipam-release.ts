import type { Datastore } from "../../datastore/datastore.ts";
import { describeFinding, findingKey } from "../../ipam/finding.ts";
import { Ipam } from "../../ipam/ipam.ts";
import { checkIpam } from "../../ipam/ipam-check.ts";
import { repairFinding } from "../../ipam/ipam-repair.ts";
import type { CommandContext } from "../command.ts";
import { withDatastore } from "../datastore.ts";
import { ExitCode } from "../exit-code.ts";
import { CommandFailure } from "../failure.ts";
import { leaksOfReport } from "../ipam-report.ts";
import { addressWord, usage } from "../ipam-words.ts";

/** `tortie ipam release` */
export async function ipamRelease(context: CommandContext): Promise<number> {
  const { ip, fromReport } = context.options;
  if ((ip === undefined) === (fromReport === undefined)) {
    throw usage(
      "name either an address or a report",
      "--ip 192.168.0.17, or --from-report ipam.json",
    );
  }
  return withDatastore(context, (datastore) =>
    ip === undefined ? releaseLeaks(context, datastore) : releaseAddress(context, datastore),
  );
}

async function releaseAddress(context: CommandContext, datastore: Datastore): Promise<number> {
  const { options, stdout } = context;
  const address = addressWord(options["ip"]);
  const ipam = new Ipam({ datastore });
  const owner = await ipam.ownerOf(address);
  if (owner === undefined) {
    stdout.write(`IP ${address} is not assigned\n`);
    return ExitCode.done;
  }
  const { findings } = await checkIpam(datastore);
  const isLeak = findings.some((each) => each.type === "leak" && each.address === address);
  if (!isLeak && options["force"] !== true) {
    throw new CommandFailure({
      what: `${address} is in use`,
      why: `it belongs to ${owner.handle ?? "an owner without a handle"} on ${owner.attributes["node"] ?? "an unknown node"}`,
      fix: "remove the workload instead; --force if you know better",
      exitCode: ExitCode.conflict,
    });
  }
  if (options["dryRun"] === true) {
    stdout.write(`would release ${address} of ${owner.handle ?? "nobody that is known"}\n`);
    return ExitCode.done;
  }
  // What was looked at is what is released: an owner that came in between keeps the address.
  const { handle, sequenceNumber } = owner;
  const same = {
    address,
    ...(handle !== undefined && { handle }),
    ...(sequenceNumber !== undefined && { sequenceNumber }),
  };
  const { released } = await ipam.release({ addresses: [same] });
  if (released.length === 0) {
    throw new CommandFailure({
      what: `${address} has changed hands meanwhile, and was kept`,
      fix: "look again with 'tortie ipam show --ip'",
      exitCode: ExitCode.conflict,
    });
  }
  stdout.write(`Successfully released IP address ${address}\n`);
  return ExitCode.done;
}

/** What all reports call a leak, and is one still: an owner that has come since, or an endpoint, keeps its address. */
async function releaseLeaks(context: CommandContext, datastore: Datastore): Promise<number> {
  const { options, stdout } = context;
  const files = String(options["fromReport"]).split(",");
  const unconfirmed = options["force"] === true || files.length > 1;
  const reports = await Promise.all(files.map((each) => leaksOfReport(each, { unconfirmed })));
  const [first = [], ...others] = reports;
  const now = await checkIpam(datastore);
  const known = [...others, now.findings].map((each) => new Set(each.map(findingKey)));
  const leaks = first.filter((leak) => known.every((keys) => keys.has(findingKey(leak))));
  const ipam = new Ipam({ datastore });
  let released = 0;
  for (const leak of leaks) {
    if (options["dryRun"] === true) {
      stdout.write(`would release: ${describeFinding(leak)}\n`);
      continue;
    }
    const result = await repairFinding(ipam, leak);
    if (result === "repaired") released++;
    stdout.write(`${result === "repaired" ? "released" : result}: ${describeFinding(leak)}\n`);
  }
  const kept = first.length - leaks.length;
  if (kept > 0) stdout.write(`${kept} of the report are leaks no more, and were kept\n`);
  if (options["dryRun"] === true) return ExitCode.done;
  stdout.write(`${released} addresses released\n`);
  return released === leaks.length ? ExitCode.done : ExitCode.partial;
}
