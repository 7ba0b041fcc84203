import type { Command } from "../cli/command.ts";
import { ExitCode } from "../cli/exit-code.ts";
import { DATASTORE_OPTIONS } from "../cli/global-options.ts";
import { EXIT_TEXT, type ExitName } from "./exit-text.ts";

/** Every command on one page of Markdown, made from the table of commands. */
export function commandReference(commands: readonly Command[]): string {
  return [
    "# Commands",
    "",
    "Made by `npm run docs` from `src/cli/rows/`; do not edit. `calicoctl` is the same program under another name.",
    "",
    "| command | what it does |",
    "|---|---|",
    ...commands.map(
      (command) => `| [${nameOf(command)}](#${anchorOf(command)}) | ${command.summary} |`,
    ),
    "",
    "## Exit codes",
    "",
    "| code | meaning |",
    "|---|---|",
    ...Object.entries(ExitCode).map(
      ([name, code]) => `| ${code} | ${EXIT_TEXT[name as ExitName]} |`,
    ),
    "",
    "## Where the datastore is",
    "",
    "The first that is there counts: `--directory` or `--etcd-endpoints`; `--config FILE`; `TORTIE_DATASTORE_DIR`; `ETCD_ENDPOINTS` (with `ETCD_CA_CERT_FILE`, `ETCD_CERT_FILE`,",
    "`ETCD_KEY_FILE`, `ETCD_USERNAME`, `ETCD_PASSWORD`); `ETCD_AUTHORITY` (with `ETCD_SCHEME`); `/etc/calico/calicoctl.cfg`; `/etc/tortie/tortied.yaml`; `/etc/tortie/cluster`.",
    "",
    ...commands.flatMap(commandLines),
  ].join("\n");
}

function commandLines(command: Command): readonly string[] {
  const options = [
    ...(command.options ?? []),
    ...(command.formats
      ? [{ flags: "-o, --output <format>", description: command.formats.join(", ") }]
      : []),
    ...(command.datastore === true ? DATASTORE_OPTIONS : []),
  ];
  return [
    `## ${nameOf(command)}`,
    "",
    `${command.description ?? command.summary}.`,
    "",
    "```",
    `tortie ${usageOf(command)}`,
    "```",
    "",
    ...(command.arguments ?? []).map(
      ({ name, description }) => `- \`${name.toUpperCase()}\`: ${description}`,
    ),
    ...options.map(({ flags, description }) => `- \`${flags}\`: ${description}`),
    ...((command.arguments?.length ?? 0) + options.length > 0 ? [""] : []),
    "```",
    ...command.examples.map(({ command: line, does }) => `tortie ${line}   # ${does}`),
    "```",
    "",
  ];
}

function usageOf(command: Command): string {
  const words = (command.arguments ?? []).map(({ name, required, variadic }) => {
    const word = `${name.toUpperCase()}${variadic === true ? "..." : ""}`;
    return required ? word : `[${word}]`;
  });
  return [...command.path, ...words, "[options]"].join(" ");
}

function nameOf({ path }: Command): string {
  return path.join(" ");
}

function anchorOf({ path }: Command): string {
  return path.join("-");
}
