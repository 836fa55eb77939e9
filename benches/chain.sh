#!/usr/bin/env bash
# Measures by turns how long a chain of a full and ten increments of 5 % each takes to restore, and a full of the same state; and how long to merge, and to restore and back up
# again instead.
#
#   benches/chain.sh             needs 16 GiB of disk, takes three minutes
#   benches/chain.sh --quick     the same on little data, to see that everything runs; its numbers mean nothing
#   benches/chain.sh --clean     removes the data that is kept between runs
set -euo pipefail
disk_needed=$((16 << 30)) quick_disk_needed=$((2 << 30)) default_runs=5
source "$(dirname "$0")/data.sh"
read_arguments "$@"
if [[ $clean ]]; then
  rm -rf -- "$folder"
  exit
fi
[[ $quick ]] || image_bytes=$((4 * GiB)) tree_bytes=$((2 * GiB))
image=$folder/chain.ext4
prepare

state=$folder/chain.state restored=$folder/restored notes=$folder/memory-notes
trap 'rm -rf -- "$restored" "$notes"' EXIT
timed="/usr/bin/time -a -o $notes -f %M $program"

# change NUMBER: writes to 5 % of the device, in pieces of 1 MiB that lie here and there.
change() {
  local pieces=$((image_bytes / MiB)) piece
  for ((piece = $1; piece < pieces; piece += 20)); do
    dd status=none if=/dev/urandom of="$state" bs=1M count=1 seek=$(((piece * 7 + $1 * 3) % pieces)) conv=notrunc
  done
}

chain=("$folder/chain-0.tar")
make_chain() { # FULL
  rm -f -- "$folder"/chain-*.tar
  cp --sparse=always "$image" "$state"
  "$program" -q backup "$state" --compression none -o "${chain[0]}"
  local number since=(--since "${chain[0]}")
  for number in {1..10}; do
    change "$number"
    "$program" -q backup "$state" --compression none "${since[@]}" -o "$folder/chain-$number.tar"
    since+=(--since "$folder/chain-$number.tar")
  done
  "$program" -q backup "$state" --compression none -o "$1"
}
make "$folder/same-state.tar" make_chain
for number in {1..10}; do chain+=("$folder/chain-$number.tar"); done
warm "${chain[@]}" "$folder/same-state.tar"

machine
echo "device: $((image_bytes / MiB)) MiB; increments: $(($(cat "${chain[@]:1}" | wc -c) / MiB)) MiB; medians of $runs runs by turns (fastest–slowest)"
echo
echo "| job | blocktar | peer | ratio of medians (median of the pairs' ratios) | floor | met | peak memory |"
echo "|---|---|---|---|---|---|---|"
before="rm -rf -- $restored; mkdir $restored; sync -f $folder"
python3 "$here/measure.py" --memory-notes "$notes" --runs "$runs" --name "restore of a full and 10 increments" --before "$before" \
  --ours "$timed -q restore ${chain[*]/#/-i } $restored/new.img" \
  --peer-name "of a full of the same state" --peer "$program -q restore -i $folder/same-state.tar $restored/new.img" --ratio 1.1
python3 "$here/measure.py" --memory-notes "$notes" --runs "$runs" --name "merge of a full and 10 increments" --before "$before" \
  --ours "$timed -q merge ${chain[*]} -o $restored/merged.tar" --peer-name "restore, then backup" \
  --peer "$program -q restore ${chain[*]/#/-i } $restored/new.img && $program -q backup $restored/new.img --compression none -o $restored/new.tar"
"$program" -q merge "${chain[@]}" -o "$restored/merged.tar" --overwrite
"$program" -q compare "$restored/merged.tar" "$state"
"$program" -q restore "${chain[@]/#/--input=}" "$restored/chain.img"
cmp "$restored/chain.img" "$state"
echo "the restored image and the merged archive are the device, byte for byte"
