import { readFileSync } from "node:fs";

/** One line that a person typed: at a host's prompt, or in the container that the line before has entered. */
export type TypedLine =
  | { readonly at: "host"; readonly host: string; readonly folder: string; readonly line: string }
  | { readonly at: "container"; readonly line: string };

/** The lines of a section of the README that stand behind a prompt, "[root@Host1 ~]# ", in their order. */
export function readTranscript(
  heading: string,
  values: { readonly [placeholder: string]: string },
): readonly TypedLine[] {
  const text = readFileSync(new URL("../../README.md", import.meta.url), "utf8");
  const start = text.indexOf(`## ${heading}\n`);
  if (start < 0) throw new Error(`the README has no section ${heading}`);
  const end = text.indexOf("\n## ", start + 1);
  const lines = text.slice(start, end < 0 ? undefined : end).split("\n");
  return lines.flatMap((line): TypedLine[] => {
    const [, host, folder, typed] = /^\[root@(\S+) (\S+)\]# (.+)$/.exec(line) ?? [];
    if (host === undefined || folder === undefined || typed === undefined) return [];
    const filled = typed.replaceAll(/<(\w+)>/g, (whole, name) => values[name] ?? whole);
    return /^Host\d$/.test(host)
      ? [{ at: "host", host, folder, line: filled }]
      : [{ at: "container", line: filled }];
  });
}
