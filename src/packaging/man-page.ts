import type { Command } from "../cli/command.ts";
import { ExitCode } from "../cli/exit-code.ts";
import { DATASTORE_OPTIONS } from "../cli/global-options.ts";
import { EXIT_TEXT, type ExitName } from "./exit-text.ts";

/** tortie(1) as roff, made from the table of commands. */
export function manPage(commands: readonly Command[], version: string): string {
  return [
    `.TH TORTIE 1 "" "tortie ${version}" "User commands"`,
    ".SH NAME",
    "tortie \\- what this host's routing daemon does, and why",
    ".SH SYNOPSIS",
    ".B tortie",
    ".I COMMAND",
    "[options]",
    ".SH DESCRIPTION",
    ".B tortie",
    "reads and writes the cluster's resources, and asks the daemon tortied(8) of this host over its API socket. Reading needs no privileges; acting needs root or group",
    ".BR tortie .",
    "Tables are for eyes; JSON and YAML are for programs: fields are only ever added.",
    ".SH COMMANDS",
    ...commands.flatMap(commandLines),
    ".SH GLOBAL OPTIONS",
    ...term("\\-\\-socket PATH", "The daemon's API socket; /run/tortie/tortie.sock."),
    ...term("\\-\\-demo HOST", "Ask a host of 'npm run demo'."),
    ".SH ENVIRONMENT",
    ...term("TORTIE_SOCKET", "The API socket, unless \\-\\-socket is given."),
    ...term("TORTIE_DATASTORE_DIR", "A directory of YAML as the datastore."),
    ...term(
      "ETCD_ENDPOINTS, ETCD_CA_CERT_FILE, ETCD_CERT_FILE, ETCD_KEY_FILE, ETCD_USERNAME, ETCD_PASSWORD",
      "etcd as the datastore, as calicoctl reads them; ETCD_AUTHORITY and ETCD_SCHEME as in 2015.",
    ),
    ...term("NO_COLOR, EDITOR, VISUAL", "As everywhere."),
    ...term("TORTIE_DEMO_DIR", "Where \\-\\-demo looks for HOST/tortie.sock; /run/tortie\\-demo."),
    ".SH EXIT STATUS",
    ...Object.entries(ExitCode).flatMap(([name, code]) =>
      term(String(code), EXIT_TEXT[name as ExitName]),
    ),
    ".SH SEE ALSO",
    ".BR tortied (8)",
    "",
  ].join("\n");
}

function commandLines(command: Command): string[] {
  const words = (command.arguments ?? []).map(({ name, required, variadic }) => {
    const word = `${name.toUpperCase()}${variadic === true ? "..." : ""}`;
    return required ? word : `[${word}]`;
  });
  const options = [
    ...(command.options ?? []).map(({ flags, description }) => ({ flags, description })),
    ...(command.formats
      ? [{ flags: "-o, --output <format>", description: command.formats.join(", ") }]
      : []),
    ...(command.datastore === true ? DATASTORE_OPTIONS : []),
  ];
  return [
    `.SS ${escapeRoff(["tortie", ...command.path, ...words].join(" "))}`,
    `${escapeRoff(command.description ?? command.summary)}.`,
    ...options.flatMap(({ flags, description }) =>
      term(escapeRoff(flags), escapeRoff(description)),
    ),
    ...command.examples.flatMap(({ command: line, does }) => [
      ".PP",
      `${escapeRoff(does)}:`,
      ".RS",
      `.B tortie ${escapeRoff(line)}`,
      ".RE",
    ]),
  ];
}

function term(name: string, text: string): string[] {
  return [".TP", `.B ${name}`, text];
}

function escapeRoff(text: string): string {
  return text.replaceAll("\\", "\\e").replaceAll("-", "\\-").replaceAll("'", "\\(aq");
}
