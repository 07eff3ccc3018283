#!/usr/bin/env bash
# What an operator without scap would script for three hosts, in parallel, here without ssh. Called by scripts/bench:
#   stock-tools.sh in-place STAGING HOSTS             rsync over the served directory
#   stock-tools.sh link-dest STAGING HOSTS NEW [OLD]  rsync into a new directory, unchanged files linked, then a rename
#   stock-tools.sh archive REPOSITORY HOSTS NEW       git archive into a new directory, then a rename
#   stock-tools.sh switch HOSTS NAME                  only the rename: a rollback
set -uo pipefail

in_place() {
  rsync -a --delete-delay --delay-updates "$1/" "$2/live/"
}

link_dest() {
  rsync -a ${4:+"--link-dest=../$4"} "$1/" "$2/$3/" && switch "$2" "$3"
}

archive() {
  mkdir "$2/$3" && git --git-dir="$1" archive HEAD | tar -x -C "$2/$3" && switch "$2" "$3"
}

# rename(2) of a new link over the old one.
switch() {
  ln -s "$2" "$1/live.new" && mv -T "$1/live.new" "$1/live"
}

# The word HOST stands for the directory of each host. All other words are absolute paths or names like r3.
case $1 in
  in-place) command=(in_place "$2" HOST) hosts=$3 ;;
  link-dest) command=(link_dest "$2" HOST "$4" "${5:-}") hosts=$3 ;;
  archive) command=(archive "$2" HOST "$4") hosts=$3 ;;
  switch) command=(switch HOST "$3") hosts=$2 ;;
  *) exit 2 ;;
esac

pids=()
for host in web1 web2 web3; do
  "${command[@]/#HOST/$hosts/$host}" &
  pids+=($!)
done
status=0
for pid in "${pids[@]}"; do wait "$pid" || status=1; done
exit "$status"
