#!/usr/bin/env bash
# Tests blocktar on the real st driver: builds the virtual machine, runs the jobs of guest/ in it, and says what was not tested.
#
#   tests/vm/tape.sh           everything, in about two minutes
#   tests/vm/tape.sh JOB…      only these jobs, by the names of files in guest/; `salvage` needs what `damaged` leaves
#
# BLOCKTAR: the program to test, by default target/release/blocktar, which is built.
set -euo pipefail
cd "$(dirname "$0")/../.."
program=${BLOCKTAR:-target/release/blocktar}
first=(st drive messages reset main_job reading append chain interrupted changer spanning prompt nightly damaged) second=(salvage addresses) skipped=()
if (($#)); then
  first=() second=()
  for job in "$@"; do
    case $job in
      salvage | addresses) second+=("$job") ;;
      *) first+=("$job") ;;
    esac
  done
fi

if ((EUID != 0)); then
  echo "tape.sh: nothing was tested: the virtual machine needs a network namespace, and that root; run it as root" >&2
  exit 1
fi
[[ ${BLOCKTAR-} ]] || cargo build --release --locked
contract=$(cargo test --locked --no-run --test drive_contract --message-format json | jq -r 'select(.target.name == "drive_contract").executable')
tests/vm/build.sh

work=$(mktemp -d "${TMPDIR:-/tmp}/blocktar-tape.XXXXXX")
trap 'rm -rf -- "$work"' EXIT
mkdir "$work/job"
cp tests/vm/guest/* examples/{next-medium-mtx,nightly-tape}.sh "$program" "$work/job/"
cp "$contract" "$work/job/drive_contract"
status=0

# cartridges JOB: the sizes that the job's file asks for.
cartridges() { sed -n 's/^# cartridges: //p' "tests/vm/guest/$1.sh"; }

# boot KERNEL FOLDER JOB…: runs the jobs with the cartridges in the folder, each with drives of its own.
boot() {
  local kernel=$1 folder=$2 job sizes='' failed=0
  shift 2
  echo "=== $kernel kernel: $*"
  for job in "$@"; do
    sizes+=" $(cartridges "$job")"
    echo "$job $(cartridges "$job")"
  done > "$work/job/jobs"
  tests/vm/run.sh --seconds 240 --kernel "$kernel" --tapes "$sizes" --changer '10 10 10' --disks 64M --faulty '32M 12289 12291' --cartridges "$folder" --out "$work/job" "$work/job" || failed=$?
  ((failed == 0)) || status=1
}

# damage CARTRIDGE RECORD BYTE COUNT: spoils bytes of a record of 512 KiB of the only tape file on it, as tgtd keeps them: behind 1,152 bytes of its
# own, each record has 48 bytes before it.
damage() {
  local offset=$((1152 + $2 * (48 + 512 * 1024) + 48 + $3))
  head -c "$4" /dev/urandom | dd of="$1" bs=64K oflag=seek_bytes seek=$offset conv=notrunc status=none
}

((!${#first[@]})) || boot stable "$work/first" "${first[@]}"
mkdir -p "$work/second"
if [[ " ${second[*]} " == *" salvage "* ]]; then
  # What the job `damaged` wrote is on the last three.
  mapfile -t written < <(find "$work/first" -name 'tape*' | sort -V | tail -3)
  for number in 0 1 2; do cp "${written[number]}" "$work/second/tape$number"; done
  damage "$work/second/tape0" 10 1000 200000
  damage "$work/second/tape0" 20 99 1
  damage "$work/second/tape1" 12 -48 48
fi
if [[ -d target/vm/backports ]]; then
  ((!${#second[@]})) || boot backports "$work/second" "${second[@]}"
elif [[ " ${second[*]} " == *" addresses "* ]]; then
  skipped+=("the drive with addresses and a hard end, as the kernel of trixie-backports could not be had")
  [[ " ${second[*]} " != *" salvage "* ]] || boot stable "$work/second" salvage
fi
((status == 0)) || { echo "tape.sh: failed" >&2; exit 1; }
for what in "${skipped[@]}"; do echo "tape.sh: SKIPPED: $what"; done
echo "tape.sh: passed in $SECONDS s"
