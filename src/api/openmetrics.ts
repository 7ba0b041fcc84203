/** One metric with its series, as OpenMetrics 1.0 writes it. */
export type MetricFamily = {
  /** Without the suffix that the type adds ("_total", "_info"). */
  readonly name: string;
  readonly type: "gauge" | "counter" | "info" | "stateset" | "histogram";
  /** Says what it counts, and what to do when it moves. */
  readonly help: string;
  readonly samples: readonly Sample[];
};

export type Sample = {
  readonly labels: Labels;
  readonly value: number;
  /** Which series of a histogram this is. */
  readonly suffix?: "_bucket" | "_sum" | "_count";
};
export type Labels = { readonly [label: string]: string | number };

const SUFFIX = {
  gauge: "",
  counter: "_total",
  info: "_info",
  stateset: "",
  histogram: "",
} as const;

/** The whole exposition. Families without samples are left out. */
export function formatOpenMetrics(families: readonly MetricFamily[]): string {
  const texts = families.filter(({ samples }) => samples.length > 0).map(formatFamilyText);
  return `${texts.join("")}# EOF\n`;
}

function formatFamilyText({ name, type, help, samples }: MetricFamily): string {
  const head = `# TYPE ${name} ${type}\n# HELP ${name} ${escapeText(help)}\n`;
  const lines = samples.map(
    ({ labels, value, suffix }) =>
      `${name}${suffix ?? SUFFIX[type]}${formatLabels(labels)} ${value}\n`,
  );
  return head + lines.join("");
}

function formatLabels(labels: Labels): string {
  const pairs = Object.entries(labels).map(
    ([label, value]) => `${label}="${escapeText(String(value)).replaceAll('"', '\\"')}"`,
  );
  return pairs.length === 0 ? "" : `{${pairs.join(",")}}`;
}

function escapeText(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n");
}
