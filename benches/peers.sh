#!/usr/bin/env bash
# Puts blocktar beside its peers on the same image, and prints the table: time, memory, size of the result, what is checked, what is noticed.
#
#   benches/peers.sh                  everything: needs 18 GiB of disk and 12 GiB of memory, takes twenty minutes
#   benches/peers.sh --quick          the same on little data, to see that everything runs; its numbers mean nothing
#   benches/peers.sh --only WORD      only the tools whose name contains the word; can be given several times
#   benches/peers.sh --clean          removes the data that is kept between runs
#
# The peers are Debian's tar, libarchive-tools, zstd, qemu-utils, libnbd-bin, restic and borgbackup. One that is not installed is named in the table.
set -euo pipefail
disk_needed=$((18 << 30)) quick_disk_needed=$((1 << 30)) default_runs=3
source "$(dirname "$0")/data.sh"
read_arguments "$@"
if [[ $clean ]]; then
  rm -rf -- "$folder"
  exit
fi
prepare

small_image=$folder/small/image.ext4 work=$folder/peers
if [[ $quick ]]; then small_image=$image; fi
mkdir -p "$(dirname "$small_image")" "$work"
make "$small_image" make_image "$small_image_bytes" "$small_tree_bytes"
# Whatever ends the run, what the tools wrote goes; the images stay for the next run.
trap 'rm -rf -- "$work"' EXIT

flips=8
if [[ $quick ]]; then flips=2; fi
slow_runs=$((runs < 2 ? runs : 2))
machine
echo "$(image_text); medians of $runs runs by turns (of restic and borg $slow_runs), synced; damage and pipes on a $((small_image_bytes / MiB)) MiB image"
python3 "$here/peers.py" --image "$image" --small-image "$small_image" --folder "$work" --program "$program" \
  --runs "$runs" --slow-runs "$slow_runs" --flips "$flips" "${only[@]/#/--only=}"
echo
echo "done: peers.sh"
