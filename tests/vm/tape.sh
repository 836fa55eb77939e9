#!/usr/bin/env bash
# Tests blocktar on the real st driver: builds the virtual machine, runs the jobs of guest/ in it, and says what was not tested.
#
#   tests/vm/tape.sh           everything, in about two minutes
#   tests/vm/tape.sh JOB…      only these jobs of the first boot: the names of files in guest/
#
# BLOCKTAR: the program to test, by default target/release/blocktar, which is built.
set -euo pipefail
cd "$(dirname "$0")/../.."
program=${BLOCKTAR:-target/release/blocktar}
jobs=(st)

if ((EUID != 0)); then
  echo "tape.sh: SKIPPED: the virtual machine needs a network namespace, and that root"
  exit
fi
[[ ${BLOCKTAR-} ]] || cargo build --release --locked
tests/vm/build.sh
if (($#)); then jobs=("$@"); fi

work=$(mktemp -d "${TMPDIR:-/tmp}/blocktar-tape.XXXXXX")
trap 'rm -rf -- "$work"' EXIT
mkdir "$work/job" "$work/cartridges"
cp tests/vm/guest/* "$program" "$work/job/"
status=0

# cartridges JOB: the sizes that the job's file asks for.
cartridges() { sed -n 's/^# cartridges: //p' "tests/vm/guest/$1.sh"; }

# boot KERNEL JOB…
boot() {
  local kernel=$1 job tapes=''
  shift
  echo "=== kernel: $kernel"
  for job in "$@"; do
    tapes+=" $(cartridges "$job")"
    echo "$job $(cartridges "$job")"
  done > "$work/job/jobs"
  tests/vm/run.sh --kernel "$kernel" --tapes "$tapes" --changer '10 10 10' --disks '64M 64M' --cartridges "$work/cartridges" "$work/job" || status=$?
}

boot stable "${jobs[@]}"
((status == 0)) || { echo "tape.sh: failed" >&2; exit 1; }
echo "tape.sh: passed in $SECONDS s"
