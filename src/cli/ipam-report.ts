import { readFile } from "node:fs/promises";
import { describeFinding, type Finding, findingKey } from "../ipam/finding.ts";
import type { IpamReport } from "../ipam/ipam-check.ts";
import { parseExactJson } from "../lib/exact-json.ts";
import { ExitCode } from "./exit-code.ts";
import { CommandFailure } from "./failure.ts";
import { prettyJson } from "./output.ts";

type Leak = Extract<Finding, { readonly type: "leak" }>;

/** A report as `ipam check -o` writes it and `ipam release --from-report` reads it. */
export function ipamReportText(
  { findings, ...report }: IpamReport,
  { confirmed, now }: { readonly confirmed: readonly Finding[]; readonly now: Date },
): string {
  const sure = new Set(confirmed.map(findingKey));
  const items = findings.map((finding) => ({
    ...finding,
    confirmed: sure.has(findingKey(finding)),
    text: describeFinding(finding),
  }));
  return `${prettyJson({ kind: "IPAMCheckReport", takenAt: now.toISOString(), ...report, items })}\n`;
}

/** The leaks of a report; those that two looks have seen, or all. */
export async function leaksOfReport(
  path: string,
  { unconfirmed }: { readonly unconfirmed: boolean },
): Promise<readonly Leak[]> {
  const report = await readReport(path);
  const items = report.items.filter(
    (item): item is Leak & { readonly confirmed: boolean } => item.type === "leak",
  );
  return items.filter((item) => unconfirmed || item.confirmed).map(asSeen);
}

type StoredReport = { readonly items: readonly { readonly type: string }[] };

async function readReport(path: string): Promise<StoredReport> {
  try {
    const value = parseExactJson(await readFile(path, "utf8")) as Partial<StoredReport> & {
      readonly kind?: unknown;
    };
    if (value.kind !== "IPAMCheckReport" || !Array.isArray(value.items)) {
      throw new SyntaxError("it is not a report of 'ipam check'");
    }
    return { items: value.items };
  } catch (error) {
    throw new CommandFailure(
      {
        what: `the report ${path} cannot be used`,
        why: (error as Error).message,
        fix: "write one with 'tortie ipam check -o FILE'",
        exitCode: ExitCode.invalidInput,
      },
      { cause: error },
    );
  }
}

/** Without what the report added; a sequence number small enough came back as a number. */
function asSeen({ type, address, block, handle, sequenceNumber, attributes, reason }: Leak): Leak {
  const number = sequenceNumber === undefined ? undefined : BigInt(sequenceNumber);
  return { type, address, block, handle, sequenceNumber: number, attributes, reason };
}
