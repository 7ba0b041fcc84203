import type { Command } from "./command.ts";

export const SHELLS = ["bash", "zsh", "fish"] as const;
export type Shell = (typeof SHELLS)[number];

const GLOBAL_OPTIONS = ["--socket", "--demo", "--help"];

/** A completion script made from the table of commands: words of commands, their options, and the choices of options. */
export function completionScript(shell: Shell, commands: readonly Command[]): string {
  switch (shell) {
    case "bash":
      return bashScript(commands);
    case "zsh":
      // zsh reads bash's completions; a second grammar would be a second thing to keep right.
      return `#compdef tortie calicoctl\nautoload -U +X bashcompinit && bashcompinit\n${bashScript(commands)}`;
    case "fish":
      return fishScript(commands);
  }
}

type Words = { readonly after: string; readonly words: readonly string[] };

/** What may follow each beginning: "" → status bgp …, "bgp" → peers routes …, "bgp peers" → --output …. */
function continuations(commands: readonly Command[]): Words[] {
  const table = new Map<string, Set<string>>();
  const add = (after: string, word: string) => {
    const words = table.get(after) ?? new Set();
    table.set(after, words.add(word));
  };
  for (const command of commands) {
    command.path.forEach((word, i) => {
      add(command.path.slice(0, i).join(" "), word);
    });
    for (const option of optionsOf(command)) add(command.path.join(" "), option);
  }
  return [...table].map(([after, words]) => ({ after, words: [...words] }));
}

function optionsOf({ options = [], formats }: Command): string[] {
  const long = options.map(({ flags }) => /--[a-z-]+/.exec(flags)?.[0] ?? "");
  return [...long, ...(formats ? ["--output"] : []), ...GLOBAL_OPTIONS];
}

/** Choices by option: of commands that mean different things by one word, all of them. */
function choices(commands: readonly Command[]): Map<string, readonly string[]> {
  const table = new Map<string, readonly string[]>();
  const add = (option: string, values: readonly string[]) =>
    table.set(option, [...new Set([...(table.get(option) ?? []), ...values])]);
  for (const { options = [], formats } of commands) {
    if (formats) add("--output", formats);
    for (const { flags, choices: values } of options) {
      const option = /--[a-z-]+/.exec(flags)?.[0];
      if (option !== undefined && values !== undefined) add(option, values);
    }
  }
  return table;
}

function bashScript(commands: readonly Command[]): string {
  const values = [...choices(commands)].map(
    ([option, words]) =>
      `    ${option === "--output" ? "-o|--output" : option}) COMPREPLY=($(compgen -W "${words.join(" ")}" -- "$word")); return ;;`,
  );
  const rows = continuations(commands).map(
    ({ after, words }) => `    "${after}") words="${words.join(" ")}" ;;`,
  );
  return `# Completion of tortie, made by 'tortie completion'.
_tortie() {
  local word=\${COMP_WORDS[COMP_CWORD]} before=\${COMP_WORDS[COMP_CWORD-1]} path="" words="" i
  case $before in
${values.join("\n")}
    -f|--filename|--socket|--directory|-c|--config) COMPREPLY=($(compgen -f -- "$word")); return ;;
  esac
  for ((i = 1; i < COMP_CWORD; i++)); do
    case \${COMP_WORDS[i]} in
      --socket|--demo|-o|--output) ((i++)) ;;
      -*) ;;
      *) path="\${path:+$path }\${COMP_WORDS[i]}" ;;
    esac
  done
  while :; do
    case $path in
${rows.join("\n")}
    esac
    [ -n "$words" ] || [ -z "$path" ] && break
    case $path in *" "*) path=\${path% *} ;; *) path="" ;; esac
  done
  COMPREPLY=($(compgen -W "$words" -- "$word"))
}
complete -o default -F _tortie tortie calicoctl
`;
}

function fishScript(commands: readonly Command[]): string {
  const lines = ["# Completion of tortie, made by 'tortie completion'.", "complete -c tortie -f"];
  for (const { path, summary } of commands) {
    const [first = "", second] = path;
    const text = summary.replaceAll("'", "\\'");
    if (second === undefined) {
      lines.push(`complete -c tortie -n __fish_use_subcommand -a ${first} -d '${text}'`);
    } else {
      lines.push(`complete -c tortie -n __fish_use_subcommand -a ${first}`);
      lines.push(
        `complete -c tortie -n '__fish_seen_subcommand_from ${first}' -a ${second} -d '${text}'`,
      );
    }
  }
  for (const [option, words] of choices(commands)) {
    lines.push(`complete -c tortie -l ${option.slice(2)} -x -a '${words.join(" ")}'`);
  }
  for (const option of GLOBAL_OPTIONS) lines.push(`complete -c tortie -l ${option.slice(2)}`);
  return `${[...new Set(lines)].join("\n")}\n`;
}
