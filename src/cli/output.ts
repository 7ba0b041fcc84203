/** How a command's answer is written: tables are for eyes, JSON and YAML are an interface that only ever grows. */
export type OutputFormat = "table" | "wide" | "json" | "yaml";

export const OUTPUT_FORMATS: readonly OutputFormat[] = ["table", "wide", "json", "yaml"];

/** The value as JSON or YAML, or whatever `table` makes of it. */
export async function formatOutput(
  format: OutputFormat,
  value: unknown,
  table: (options: { readonly wide: boolean }) => string,
): Promise<string> {
  switch (format) {
    case "json":
      return `${JSON.stringify(value, undefined, 2)}\n`;
    case "yaml":
      return toYaml(value);
    case "table":
    case "wide":
      return table({ wide: format === "wide" });
  }
}

/** The library is loaded only when it is needed: it costs a third of the program's start. */
export async function toYaml(value: unknown): Promise<string> {
  const { yamlText } = await import("./yaml-text.ts");
  return yamlText(value);
}
