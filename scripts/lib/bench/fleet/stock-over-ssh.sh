#!/usr/bin/env bash
# What an operator without scap would script for hosts behind SSH. Called by scripts/bench --fleet:
#   stock-over-ssh.sh in-place LIMIT HOSTS STAGING         rsync over the served directory
#   stock-over-ssh.sh link-dest LIMIT HOSTS STAGING NEW [OLD]
#                                  rsync into a new directory, unchanged files linked; once all have it, a rename on each
# At most LIMIT hosts at once. HOSTS is a file: the SSH client with its options in the first line, then a line for each
# host: its destination for SSH and the directory there. No word holds blanks or anything a shell would read more into.
set -uo pipefail

tool=$1 limit=$2 staging=$4 new=${5:-} old=${6:-}
mapfile -t lines <"$3"
read -ra ssh <<<"${lines[0]}"

in_place() {
  rsync -a --delete-delay --delay-updates -e "${ssh[*]}" "$staging/" "$1:$2/live/"
}

link_dest() {
  rsync -a ${old:+"--link-dest=../$old"} -e "${ssh[*]}" "$staging/" "$1:$2/$new/"
}

# rename(2) of a new link over the old one.
switch() {
  "${ssh[@]}" "$1" "ln -s $new $2/live.new && mv -T $2/live.new $2/live"
}

# Calls a function for each host; fails when it failed for one.
on_all() {
  local line failed=0 running=0
  for line in "${lines[@]:1}"; do
    if ((running == limit)); then
      wait -n || failed=1
      ((running--))
    fi
    # shellcheck disable=SC2086 # two words
    "$1" $line &
    ((running++))
  done
  while ((running > 0)); do
    wait -n || failed=1
    ((running--))
  done
  return "$failed"
}

case $tool in
  in-place) on_all in_place ;;
  link-dest) on_all link_dest && on_all switch ;;
  *) exit 2 ;;
esac
