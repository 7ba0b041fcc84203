# Sourced by the launchers beside it: launch ENTRY SOURCE [ARG...] runs dist/ENTRY.js, or the sources when there is no
# bundle or a source file is newer. `$self` is the launcher, symbolic links followed.
# Node is found as .ci/with-node does: the one from npm first, then a system node that strips types.

# npm installs only the binary of this machine's kind, and that needs glibc. Nothing is started to find out whether it runs:
# that would take as long as the command itself.
find_node() {
  for node in "$root"/node_modules/node-linux-*/bin/node; do
    if [ -x "$node" ] && has_glibc; then return 0; fi
  done
  node=node
  node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 22 || (a === 22 && b >= 18) ? 0 : 1)' 2>/dev/null
}

has_glibc() { [ -e /lib64/ld-linux-x86-64.so.2 ] || [ -e /lib/ld-linux-aarch64.so.1 ]; }

bundle_is_current() {
  [ -f "$root/dist/$1.js" ] || return 1
  [ -f "$root/$2" ] || return 0
  [ -z "$(find "$root/src" "$root/protocol" -name '*.ts' -newer "$root/dist/$1.js" -print -quit)" ]
}

launch() {
  entry=$1 source=$2
  shift 2
  root=$(CDPATH= cd -- "$(dirname -- "$self")/../.." && pwd)
  if ! find_node; then
    echo "error: no Node.js 22.18 or later" >&2
    echo "  cause: neither $root/node_modules/node-linux-*/bin/node nor 'node' in PATH runs" >&2
    echo "  fix: run 'npm ci' in $root (it brings one), or install Node from https://nodejs.org" >&2
    exit 1
  fi
  if bundle_is_current "$entry" "$source"; then file=$root/dist/$entry.js; else file=$root/$source; fi
  # The daemon reads source maps when it has a stack to write (src/lib/source-positions.ts): Node keeps them all, 45 MB.
  # One arena: what V8's compiler threads have freed serves the tables next. That is 40 MB less, and a third fewer page faults.
  if [ "$entry" = tortied ]; then
    export MALLOC_ARENA_MAX="${MALLOC_ARENA_MAX:-1}"
    set -- --max-semi-space-size=4 -- "$file" "$@"
  else set -- --enable-source-maps -- "$file" "$@"; fi
  exec "$node" --disable-warning=ExperimentalWarning "$@"
}
