/** How a command's answer is written: tables are for eyes, JSON and YAML are an interface that only ever grows. */
export type OutputFormat = "table" | "wide" | "json" | "yaml";

export const OUTPUT_FORMATS: readonly OutputFormat[] = ["table", "wide", "json", "yaml"];
