#!/usr/bin/env bash
# Shows where the processor time of a job goes: the functions that take most of it, and a flame graph.
#
#   benches/profile.sh IMAGE                     profiles backups of the image, and verify and restore of such an archive
#   benches/profile.sh IMAGE 'verify a.tar'      profiles what blocktar does with these arguments; its output goes through a pipe
#
# Needs perf (Debian: linux-perf) and, for the flame graphs, inferno (cargo install inferno). The graphs go to target/profile/*.svg.
set -euo pipefail
cd "$(dirname "$0")/.."

if (($# == 0)) || [[ $1 == -* ]]; then
  sed -n '2,/^set/{/^set/!s/^# \?//p}' "$0"
  exit 2
fi
image=$(realpath "$1")
[[ -r $image ]] || { echo "profile.sh: $1 cannot be read" >&2; exit 1; }
shift
command -v perf > /dev/null || { echo "profile.sh: perf is missing (Debian: linux-perf)" >&2; exit 1; }

# With frame pointers, so that the callers of a function are known.
folder=$PWD/target/profile
RUSTFLAGS="-C force-frame-pointers=yes" cargo build --release --locked --quiet --target-dir "$folder"
program=$folder/release/blocktar

# profile NAME ARGUMENTS: the arguments are split as a shell does it.
profile() {
  local data=$folder/$1.data svg=$folder/$1.svg
  echo "== $1: blocktar $2"
  bash -c "set -o pipefail; perf record -q -F 1999 -g -o '$data' -- '$program' -q $2 | cat > /dev/null"
  perf report -i "$data" --stdio --no-children -g none --percent-limit 1 2> /dev/null | grep -v '^#' | grep . | head -15
  if command -v inferno-flamegraph > /dev/null; then
    perf script -i "$data" 2> /dev/null | inferno-collapse-perf 2> /dev/null | inferno-flamegraph --title "blocktar $2" > "$svg"
    echo "flame graph: $svg"
  else
    echo "no flame graph: inferno is not installed"
  fi
  rm -f -- "$data"
}

if (($#)); then
  profile job "$1"
  exit
fi
cat -- "$image" > /dev/null
profile backup-sha256 "backup '$image' --compression none"
profile backup-blake3 "backup '$image' --compression none --digest blake3"
profile backup-zstd "backup '$image'"
archive=$folder/archive.tar restored=$folder/restored.img
trap 'rm -f -- "$archive" "$restored"' EXIT
"$program" -q backup "$image" --compression none -o "$archive" --overwrite
profile verify "verify '$archive'"
profile restore "restore -i '$archive' '$restored' --overwrite"
