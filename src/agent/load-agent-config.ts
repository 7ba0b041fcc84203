import { readFileSync } from "node:fs";
import { LineCounter, parseDocument } from "yaml";
import { explainIssue, formatPath } from "../resources/explain-issue.ts";
import { SourceText } from "../resources/source-text.ts";
import type { ValidationError } from "../resources/validation-error.ts";
import { type AgentConfig, agentConfigSchema } from "./agent-config.ts";

/** The configuration, or everything that is wrong with its file. */
export type LoadedAgentConfig =
  | { readonly ok: true; readonly config: AgentConfig }
  | { readonly ok: false; readonly errors: readonly ValidationError[] };

/** Reads the file of `tortied --config FILE`. Throws only when the file cannot be read. */
export function loadAgentConfig(file: string): LoadedAgentConfig {
  return parseAgentConfig(readFileSync(file, "utf8"), file);
}

/** Checks the text of a configuration; `file` is for messages. */
export function parseAgentConfig(text: string, file: string): LoadedAgentConfig {
  const lineCounter = new LineCounter();
  const document = parseDocument(text, { lineCounter, prettyErrors: false });
  const source = new SourceText({ file, text, lineCounter });
  if (document.errors.length > 0) {
    return {
      ok: false,
      errors: document.errors.map(({ pos: [start, end], message }) => ({
        severity: "error",
        path: "",
        message: `not YAML: ${message.split("\n")[0]}`,
        place: source.placeAt(start, end),
      })),
    };
  }
  const parsed = agentConfigSchema.safeParse(document.toJS() ?? {}, { reportInput: true });
  if (parsed.success) return { ok: true, config: parsed.data };
  const complaints = parsed.error.issues.flatMap((issue) =>
    explainIssue(issue, { schema: agentConfigSchema, unknownFields: "error" }),
  );
  return {
    ok: false,
    errors: complaints.map(({ severity, path, message, fix, at }) => ({
      severity,
      path: at === "key" ? "" : formatPath(path),
      message,
      place: source.placeOf(document, path, { at }),
      ...(fix !== undefined && { fix }),
    })),
  };
}
