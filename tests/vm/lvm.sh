#!/usr/bin/env bash
# Tests blocktar on real LVM: builds the virtual machine and runs the jobs guest/lvm_*.sh in it.
#
#   tests/vm/lvm.sh           everything, in three to five minutes
#   tests/vm/lvm.sh JOB…      only these jobs, by the names of files in guest/
#
# BLOCKTAR: the program to test, by default target/release/blocktar, which is built.
set -euo pipefail
cd "$(dirname "$0")/../.."
program=${BLOCKTAR:-target/release/blocktar}
# Each in one machine, which take about as long.
first=(lvm_increments lvm_kept lvm_nightly lvm_drbd) second=(lvm_main_job lvm_snapshot lvm_interrupted lvm_trouble)
if (($#)); then first=("$@") second=(); fi

if ((EUID != 0)); then
  echo "lvm.sh: nothing was tested: the virtual machine needs a network namespace, and that root; run it as root" >&2
  exit 1
fi
[[ ${BLOCKTAR-} ]] || cargo build --release --locked
tests/vm/build.sh

work=$(mktemp -d "${TMPDIR:-/tmp}/blocktar-lvm.XXXXXX")
trap 'rm -rf -- "$work"' EXIT

# boot JOB…: runs them in a machine of their own, each with its own disk (the main job with two), and drives with the cartridges that its file asks for.
boot() {
  local job=$work/$1 name sizes='' cartridges
  mkdir "$job"
  cp tests/vm/guest/* examples/{drbd-preload,nightly-lvm}.sh "$program" "$job/"
  for name in "$@"; do
    cartridges=$(sed -n 's/^# cartridges: //p' "tests/vm/guest/$name.sh")
    sizes+=" $cartridges"
    echo "$name $cartridges"
  done > "$job/jobs"
  tests/vm/run.sh --seconds 600 --disks '300M 300M 200M 400M 200M 16M 200M 200M 160M' --tapes "$sizes" "$job"
}

status=0
boot "${first[@]}" > "$work/output" 2>&1 &
running=$!
((!${#second[@]})) || boot "${second[@]}" || status=1
wait "$running" || status=1
cat "$work/output"
((status == 0)) || { echo "lvm.sh: failed" >&2; exit 1; }
echo "lvm.sh: passed in $SECONDS s"
