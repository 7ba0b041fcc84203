import type { Lab } from "./lab.ts";
import type { LabFamily } from "./speakers/lab-speaker.ts";
import type { WorkloadPlan } from "./workload.ts";

export type PingResult = {
  readonly from: string;
  readonly to: string;
  readonly family: LabFamily;
  readonly sent: number;
  readonly received: number;
  /** Median is not to be had from ping; this is its average. */
  readonly averageMilliseconds: number | undefined;
};

/** Pings every workload from every other one, all at once, in both families. */
export function pingAll(lab: Lab, workloads: readonly WorkloadPlan[]): Promise<PingResult[]> {
  const pings: Promise<PingResult>[] = [];
  for (const from of workloads) {
    for (const to of workloads) {
      if (from === to) continue;
      pings.push(ping(lab, from, to, "ipv4"), ping(lab, from, to, "ipv6"));
    }
  }
  return Promise.all(pings);
}

/** Three echo requests from one workload to another. */
export async function ping(
  lab: Lab,
  from: WorkloadPlan,
  to: WorkloadPlan,
  family: LabFamily,
): Promise<PingResult> {
  const options = [family === "ipv4" ? "-4" : "-6", "-n", "-q", "-c", "3", "-i", "0.2", "-W", "10"];
  const { stdout } = await lab.try(from.name, ["ping", ...options, to[family]]);
  const counts = /(\d+) packets transmitted, (\d+) received/.exec(stdout);
  const average = /= [\d.]+\/([\d.]+)\//.exec(stdout)?.[1];
  return {
    from: from.name,
    to: to.name,
    family,
    sent: Number(counts?.[1] ?? 0),
    received: Number(counts?.[2] ?? 0),
    averageMilliseconds: average === undefined ? undefined : Number(average),
  };
}

/** True when every request was answered. */
export function allAnswered(result: PingResult): boolean {
  return result.sent > 0 && result.received === result.sent;
}

/** The way from one workload to another, as traceroute prints it. */
export async function traceroute(
  lab: Lab,
  from: WorkloadPlan,
  to: WorkloadPlan,
  family: LabFamily,
): Promise<string> {
  const options = [family === "ipv4" ? "-4" : "-6", "-n", "-I", "-q", "1", "-w", "1", "-m", "8"];
  const { stdout, stderr } = await lab.try(from.name, ["traceroute", ...options, to[family]]);
  return (stdout || stderr).trimEnd();
}
