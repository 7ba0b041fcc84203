/** What a suite's TAP says: tap's closing counts, what was skipped, and the failures with their reasons. */

export type Counts = { readonly pass: number; readonly fail: number; readonly skip: number };

/** Sums of tap's closing lines, "# { total: 6, pass: 5, fail: 1 }"; undefined when there is none. */
export function countsOf(output: string): Counts | undefined {
  const lines = output.match(/^# \{ total: .*$/gm);
  if (lines === null) return undefined;
  const sum = (key: string) =>
    lines.reduce(
      (total, line) => total + Number(new RegExp(` ${key}: (\\d+)`).exec(line)?.[1] ?? 0),
      0,
    );
  return { pass: sum("pass"), fail: sum("fail"), skip: sum("skip") };
}

/** The first words of the reasons of all skipped tests, each once. */
export function skipsOf(output: string): readonly string[] {
  const reasons = [...output.matchAll(/# SKIP *(\S*)/g)].map(([, word]) => word ?? "");
  return [...new Set(reasons)].toSorted();
}

/** Each "not ok" with the YAML below it, and the closing counts. */
export function failuresOf(output: string): string {
  const lines: string[] = [];
  let inFailure = false;
  for (const line of output.split("\n")) {
    if (/^\s*not ok /.test(line)) inFailure = !/# (TODO|SKIP)/i.test(line);
    else if (/^\s*(ok |# Subtest|1\.\.)/.test(line)) inFailure = false;
    if (inFailure || /^# \{ total: /.test(line) || /# SKIP/.test(line)) lines.push(line);
  }
  return `${lines.join("\n")}\n`;
}
