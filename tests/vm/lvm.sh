#!/usr/bin/env bash
# Tests blocktar on real LVM: builds the virtual machine and runs the jobs guest/lvm_*.sh in it.
#
#   tests/vm/lvm.sh           everything, in less than a minute
#   tests/vm/lvm.sh JOB…      only these jobs, by the names of files in guest/
#
# BLOCKTAR: the program to test, by default target/release/blocktar, which is built.
set -euo pipefail
cd "$(dirname "$0")/../.."
program=${BLOCKTAR:-target/release/blocktar}
jobs=(lvm_snapshot lvm_interrupted lvm_trouble lvm_increments)
if (($#)); then jobs=("$@"); fi

if ((EUID != 0)); then
  echo "lvm.sh: nothing was tested: the virtual machine needs a network namespace, and that root; run it as root" >&2
  exit 1
fi
[[ ${BLOCKTAR-} ]] || cargo build --release --locked
tests/vm/build.sh

work=$(mktemp -d "${TMPDIR:-/tmp}/blocktar-lvm.XXXXXX")
trap 'rm -rf -- "$work"' EXIT
mkdir "$work/job"
cp tests/vm/guest/* "$program" "$work/job/"
printf '%s\n' "${jobs[@]}" > "$work/job/jobs"
tests/vm/run.sh --seconds 240 --disks '300M 300M 200M 400M' "$work/job" || { echo "lvm.sh: failed" >&2; exit 1; }
echo "lvm.sh: passed in $SECONDS s"
