import type { Command } from "../cli/command.ts";
import { ExitCode } from "../cli/exit-code.ts";

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
    "asks the daemon tortied(8) of this host over its API socket. Reading needs no privileges; acting needs root or group",
    ".BR tortie .",
    "Tables are for eyes; JSON and YAML are for programs: fields are only ever added.",
    ".SH COMMANDS",
    ...commands.flatMap(commandLines),
    ".SH GLOBAL OPTIONS",
    ...term("\\-\\-socket PATH", "The daemon's API socket; /run/tortie/tortie.sock."),
    ...term("\\-\\-demo HOST", "Ask a host of 'npm run demo'."),
    ".SH ENVIRONMENT",
    ...term("TORTIE_SOCKET", "The API socket, unless \\-\\-socket is given."),
    ...term(
      "TORTIE_DATASTORE_DIR",
      "The directory datastore of apply, create and delete; /etc/tortie/cluster.",
    ),
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

type ExitName = keyof typeof ExitCode;

const EXIT_TEXT: { readonly [name in ExitName]: string } = {
  done: "Done.",
  failed: "Not found, a check found problems, or the operation failed.",
  usage: "Wrong usage, or an act that needs root or group tortie.",
  invalidInput: "The input did not validate.",
  unreachable: "The daemon or the datastore cannot be reached.",
  conflict: "Conflict: it exists already, or was changed meanwhile.",
  partial: "Done in part; standard error has the rest.",
  timedOut: "Timed out.",
  interrupted: "Interrupted.",
};

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
