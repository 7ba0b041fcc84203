export const SHELLS = ["bash", "zsh", "fish"] as const;
export type Shell = (typeof SHELLS)[number];

/**
 * A completion script: it asks `tortie __complete WORDS…` (complete.ts) what may follow, as the program knows its own commands
 * and the daemon the names of objects. Where nothing is offered, shells complete files.
 */
export function completionScript(shell: Shell): string {
  return `# Completion of tortie, made by 'tortie completion ${shell}'.\n${SCRIPTS[shell]}`;
}

/** Readline breaks words at ':' and '=': words are split at blanks here, and what Readline keeps is cut off the answers. */
const BASH = `_tortie() {
  local line=\${COMP_LINE:0:COMP_POINT} word candidate rest cut=""
  local -a words
  read -ra words <<<"$line"
  case $line in *[[:space:]]) words+=("") ;; esac
  word=\${words[\${#words[@]}-1]}
  case $word in *[:=]*)
    cut=\${word%"\${word##*[$COMP_WORDBREAKS]}"}
  esac
  COMPREPLY=()
  while IFS=$'\\t' read -r candidate rest; do
    COMPREPLY+=("\${candidate#"$cut"}")
  done < <("$1" __complete "\${words[@]:1}" 2>/dev/null)
  case \${COMPREPLY[0]} in *[=/,]) compopt -o nospace 2>/dev/null ;; esac
}
complete -o default -F _tortie tortie calicoctl
`;

const ZSH = `_tortie() {
  local -a candidates
  candidates=(\${(f)"$("\${words[1]}" __complete "\${(@)words[2,CURRENT]}" 2>/dev/null)"})
  if (( \${#candidates} == 0 )); then _files; return; fi
  compadd -- "\${(@)candidates%%$'\\t'*}"
}
compdef _tortie tortie calicoctl
`;

const FISH = `function __tortie_complete
  set -l words (commandline -opc) (commandline -ct)
  $words[1] __complete $words[2..-1] 2>/dev/null
end
complete -c tortie -a '(__tortie_complete)'
complete -c calicoctl -a '(__tortie_complete)'
`;

const SCRIPTS: { readonly [shell in Shell]: string } = {
  bash: BASH,
  zsh: `#compdef tortie calicoctl\n${ZSH}`,
  fish: FISH,
};
