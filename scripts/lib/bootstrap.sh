# Sourced by bin/scap (POSIX sh) and scripts/setup: npm ci and the build, each only when needed, one at a time.
# Expects $root. Narration goes to stderr; what npm and the build print is shown only when they fail.

# Every start of bin/scap asks this, so it forks nothing.
dist_is_stale() {
  stamp=$root/dist/.stamp
  [ -e "$stamp" ] || return 0
  # Directories count too: their time tells of removed files. Sources lie at most four levels deep (floors.test.ts).
  for source in "$root/package-lock.json" "$root/scripts/build.mjs" "$root/scripts/lib/entry.mjs" \
    "$root/scripts/lib/esbuild-options.mjs" "$root/src" \
    "$root"/src/* "$root"/src/*/* "$root"/src/*/*/* "$root"/src/*/*/*/*; do
    [ "$source" -nt "$stamp" ] && return 0
  done
  return 1
}

# Runs a function while holding the tree's set-up lock. Waits for whoever holds it.
under_bootstrap_lock() {
  exec 9<"$root/scripts/lib/bootstrap.sh" || return 70
  if command -v flock >/dev/null && ! flock -n 9; then
    echo 'scap: waiting for another set-up of this tree' >&2
    flock 9 || return 70
  fi
  "$@"
  bootstrap_status=$?
  exec 9<&-
  return $bootstrap_status
}

# Builds unless somebody else did while we waited.
build_if_stale() {
  dist_is_stale || return 0
  if ! [ -w "$root" ] && [ -e "$root/dist/scap.mjs" ]; then
    echo "scap: warning: $root/dist is older than its sources and not yours to rebuild" >&2
    echo "  hint: as its owner, run: $root/bin/scap --version" >&2
    return 0
  fi
  install_packages_if_needed && build_dist
}

# Installs what the build needs; in a tree that already has the tools for tests, everything.
install_packages_if_needed() {
  if [ -e "$root/node_modules/vitest" ]; then
    install_all_packages_if_needed
  elif packages_are_stale; then
    install_packages --omit=dev
  fi
}

install_all_packages_if_needed() {
  if all_packages_are_stale; then
    install_packages --include=dev
  fi
}

all_packages_are_stale() {
  packages_are_stale || ! [ -e "$root/node_modules/vitest" ]
}

# npm writes this file at the very end of an installation.
packages_are_stale() {
  installed=$root/node_modules/.package-lock.json
  ! [ -e "$installed" ] || [ "$root/package-lock.json" -nt "$installed" ]
}

install_packages() {
  if ! command -v npm >/dev/null; then
    echo 'scap: Cannot install packages: there is no "npm" in PATH' >&2
    echo '  hint: install npm, for example with: apt-get install npm' >&2
    return 3
  fi
  if [ -L "$root/node_modules" ]; then
    # npm ci empties the directory first: through a link, that of another tree.
    echo "scap: Cannot install packages: $root/node_modules is a symbolic link" >&2
    echo '  hint: remove the link, then run again' >&2
    return 70
  fi
  check_node_version || return
  echo 'scap: installing packages (npm ci), once' >&2
  run_quietly 'Cannot install packages: "npm ci" failed' 'check that the package registry can be reached, then run again' \
    npm ci --loglevel=error --no-audit --no-fund "$@"
}

build_dist() {
  check_node_version || return
  echo 'scap: building' >&2
  run_quietly 'Cannot build scap' "correct the sources above, or run: npm ci --prefix '$root'" \
    node "$root/scripts/build.mjs"
}

# The program checks by itself at every start; this is for the tools that get it there.
check_node_version() {
  node_version=$(node -p process.versions.node) || return 3
  node_major=${node_version%%.*}
  node_minor=${node_version#*.}
  node_minor=${node_minor%%.*}
  [ "$node_major" -gt 20 ] && return
  [ "$node_major" -eq 20 ] && [ "$node_minor" -ge 12 ] && return
  echo "scap: Cannot run on Node.js $node_version: 20.12 or newer is needed" >&2
  echo '  hint: install a newer Node.js and put it first in PATH' >&2
  return 3
}

# run_quietly MESSAGE HINT COMMAND...: the output is shown only when the command fails; then returns 70.
run_quietly() {
  failure_message=$1
  failure_hint=$2
  shift 2
  if command_output=$(cd "$root" && "$@" 2>&1 </dev/null 9<&-); then
    return 0
  fi
  printf '%s\n' "$command_output" | head -n 40 >&2
  printf 'scap: %s\n  hint: %s\n' "$failure_message" "$failure_hint" >&2
  return 70
}
