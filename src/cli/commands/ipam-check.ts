import { writeFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import type { Datastore } from "../../datastore/datastore.ts";
import { confirmed, describeFinding, type Finding } from "../../ipam/finding.ts";
import { Ipam } from "../../ipam/ipam.ts";
import { checkIpam, type IpamReport } from "../../ipam/ipam-check.ts";
import { type RepairResult, repairFinding } from "../../ipam/ipam-repair.ts";
import type { CommandContext } from "../command.ts";
import { withDatastore } from "../datastore.ts";
import { ExitCode } from "../exit-code.ts";
import { ipamReportText } from "../ipam-report.ts";
import { secondsWord } from "../ipam-words.ts";
import { showAudit } from "./ipam-audit.ts";

/** Findings of a kind that are printed unless all are asked for. */
const SHOWN_OF_A_KIND = 10;

/** `tortie ipam check` */
export async function ipamCheck(context: CommandContext): Promise<number> {
  const { options, stdout } = context;
  const settle = secondsWord(String(options["settle"]));
  const { output, repair } = options;
  if (options["audit"] === true) return showAudit(context);
  return withDatastore(context, async (datastore) => {
    const first = await checkIpam(datastore);
    const looks = await lookAgain(datastore, { first, settle, context });
    const report = ipamReportText(looks.last, { confirmed: looks.confirmed, now: context.now });
    if (output === "json") stdout.write(report);
    else {
      if (typeof output === "string") await writeFile(output, report);
      stdout.write(textOf(looks, context));
      if (options["showAllIps"] === true) stdout.write(await allAddresses(datastore));
    }
    if (looks.confirmed.length > 0 && repair !== "none") {
      return repairAll(datastore, { findings: looks.confirmed, context });
    }
    return looks.last.findings.length === 0 ? ExitCode.done : ExitCode.failed;
  });
}

type Looks = {
  readonly last: IpamReport;
  readonly confirmed: readonly Finding[];
  readonly settle: number;
};

/** A second look, where the first found anything: what is young or half written is another by then. */
async function lookAgain(
  datastore: Datastore,
  {
    first,
    settle,
    context,
  }: { readonly first: IpamReport; readonly settle: number; readonly context: CommandContext },
): Promise<Looks> {
  if (first.findings.length === 0 || settle === 0) return { last: first, confirmed: [], settle };
  context.stderr.write(`${first.findings.length} suspects; a second look in ${settle} s\n`);
  await sleep(settle * 1000);
  const last = await checkIpam(datastore);
  return { last, confirmed: confirmed(first.findings, last.findings), settle };
}

function textOf({ last, confirmed: sure, settle }: Looks, { options }: CommandContext): string {
  const all = options["showProblemIps"] === true;
  const { blocks, allocations, endpoints, handles, revision, inUse, findings } = last;
  const lines = [
    "Checking IPAM for inconsistencies...",
    ` blocks ${blocks}  allocations ${allocations}  endpoints ${endpoints}  handles ${handles}    snapshot rev ${revision} (no lock taken)`,
    ` ok       ${String(inUse).padStart(5)}  allocation and live endpoint agree`,
  ];
  for (const [type, heading] of Object.entries(HEADINGS)) {
    const some = findings.filter((each) => each.type === type);
    if (some.length === 0) continue;
    lines.push(` ${heading[0].padEnd(8)} ${String(some.length).padStart(5)}  ${heading[1]}`);
    const shown = all ? some : some.slice(0, SHOWN_OF_A_KIND);
    lines.push(...shown.map((each) => `            ${describeFinding(each)}`));
    if (shown.length < some.length)
      lines.push(`            and ${some.length - shown.length} more: --show-problem-ips`);
  }
  if (findings.length > 0 && settle > 0) {
    lines.push(
      `Second look after ${settle}s (--settle): ${sure.length} of ${findings.length} confirmed.`,
    );
  }
  if (sure.length > 0 && options["repair"] === "none") lines.push(NEXT);
  return `${lines.join("\n")}\n`;
}

const NEXT =
  "Next: tortie ipam check --repair apply      each repair compares with what was seen, and writes only if nothing changed";

const HEADINGS: { readonly [T in Finding["type"]]: readonly [string, string] } = {
  leak: ["suspect", "allocated, no endpoint"],
  notAllocated: ["mismatch", "in use, not allocated"],
  usedTwice: ["mismatch", "used by several endpoints"],
  handleCount: ["suspect", "handles that count wrong"],
  strayAffinity: ["suspect", "claims on blocks that are not there, or somebody else's"],
  missingAffinity: ["suspect", "blocks that their host's index does not name"],
  emptyOrphan: ["suspect", "empty blocks of nobody"],
  abandonedBlock: ["suspect", "blocks of hosts that are gone"],
  unreadable: ["mismatch", "objects that cannot be read"],
};

async function allAddresses(datastore: Datastore): Promise<string> {
  const assignments = await new Ipam({ datastore }).all();
  const lines = assignments.map(
    ({ address, handle, attributes }) =>
      ` ${address}  ${handle ?? "(no handle)"}  ${attributes["node"] ?? "-"}\n`,
  );
  return `All ${assignments.length} allocated addresses:\n${lines.join("")}`;
}

async function repairAll(
  datastore: Datastore,
  {
    findings,
    context,
  }: { readonly findings: readonly Finding[]; readonly context: CommandContext },
): Promise<number> {
  const ipam = new Ipam({ datastore });
  const counts: Record<RepairResult, number> = { repaired: 0, changed: 0, "needs a person": 0 };
  for (const finding of findings) {
    if (context.options["repair"] === "plan") {
      context.stderr.write(`would repair: ${describeFinding(finding)}\n`);
      continue;
    }
    const result = await repairFinding(ipam, finding);
    counts[result]++;
    context.stderr.write(`${result}: ${describeFinding(finding)}\n`);
  }
  const left =
    context.options["repair"] === "plan" || counts["needs a person"] > 0 || counts.changed > 0;
  return left ? ExitCode.failed : ExitCode.done;
}
