#!/usr/bin/env bash
# Tests blocktar on real LVM: builds the virtual machine and runs the jobs guest/lvm_*.sh in it.
#
#   tests/vm/lvm.sh           everything, in one to two minutes
#   tests/vm/lvm.sh JOB…      only these jobs, by the names of files in guest/
#
# BLOCKTAR: the program to test, by default target/release/blocktar, which is built.
set -euo pipefail
cd "$(dirname "$0")/../.."
program=${BLOCKTAR:-target/release/blocktar}
jobs=(lvm_increments lvm_snapshot lvm_interrupted lvm_trouble)
if (($#)); then jobs=("$@"); fi

if ((EUID != 0)); then
  echo "lvm.sh: nothing was tested: the virtual machine needs a network namespace, and that root; run it as root" >&2
  exit 1
fi
[[ ${BLOCKTAR-} ]] || cargo build --release --locked
tests/vm/build.sh

work=$(mktemp -d "${TMPDIR:-/tmp}/blocktar-lvm.XXXXXX")
trap 'rm -rf -- "$work"' EXIT

# boot JOB…: runs them in a machine of their own.
boot() {
  local job=$work/$1
  mkdir "$job"
  cp tests/vm/guest/* "$program" "$job/"
  printf '%s\n' "$@" > "$job/jobs"
  tests/vm/run.sh --seconds 300 --disks '300M 300M 200M 400M' "$job"
}

# Two machines at a time: the longest job has one for itself.
status=0
boot "${jobs[0]}" > "$work/first" 2>&1 &
first=$!
((${#jobs[@]} == 1)) || boot "${jobs[@]:1}" || status=1
wait "$first" || status=1
cat "$work/first"
((status == 0)) || { echo "lvm.sh: failed" >&2; exit 1; }
echo "lvm.sh: passed in $SECONDS s"
