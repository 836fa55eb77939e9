#!/usr/bin/env bash
# Measures blocktar and its peers by turns on the same data, and prints a table of medians and ratios.
#
#   benches/compare.sh                  everything: needs 28 GiB of disk and 8 GiB of memory for /dev/shm, takes a quarter of an hour
#   benches/compare.sh --quick          the same on little data, to see that everything runs; its numbers mean nothing
#   benches/compare.sh --only WORD      only the rows whose name contains the word; can be given several times
#   benches/compare.sh --clean          removes the data that is kept between runs
#
# BLOCKTAR_BENCH_SHM   where images of many extents are made, by default /dev/shm: on a disk it takes minutes to delete them
set -euo pipefail
disk_needed=$((28 << 30)) quick_disk_needed=$((2 << 30))
source "$(dirname "$0")/data.sh"
read_arguments "$@"
shm=${BLOCKTAR_BENCH_SHM:-/dev/shm}/blocktar-bench
if [[ $clean ]]; then
  rm -rf -- "$folder" "$shm"
  exit
fi
TiB=$((1 << 40)) many=500000 shm_needed=$((8 * GiB)) slow_runs=2
if [[ $quick ]]; then
  shm=$shm/quick many=5000 shm_needed=$((256 * MiB)) slow_runs=1
fi
mkdir -p "$shm"
room "$shm" "$shm_needed"
prepare

archive=$folder/blocktar.tar zstd_archive=$folder/blocktar-zstd.tar peer_archive=$folder/bsdtar.tar restored=$folder/restored
sparse=$folder/sparse.img sparse_archive=$folder/sparse.tar
scattered=$shm/scattered.img scattered_archive=$shm/scattered.tar
notes=$folder/memory-notes ranges=$folder/read-ranges.sh
# Whatever ends the run, what it restored goes; the images stay for the next run.
trap 'rm -rf -- "$restored" "$shm/restored" "$notes" "$ranges" "$folder/restic" "$folder/restic-password"' EXIT
# The tool notes the peak memory of each run; it costs about a millisecond.
timed="/usr/bin/time -a -o $notes -f %M $program"

make_scattered() { # SIZE COUNT LENGTH FILE
  python3 "$here/make_data.py" scattered "$4" --size "$1" --count "$2" --length "$3" --blocks-from "$image"
}

make_peer_archive() { bsdtar -C "$folder" -cf "$1" image.ext4; }

# row NAME ARGUMENTS-OF-measure.py…
row() {
  wanted "$1" || return 0
  python3 "$here/measure.py" --memory-notes "$notes" --runs "$runs" --name "$@"
}

# peer TOOL NAME ARGUMENTS…: a row whose peer may not be installed; that is said, not passed over.
peer() {
  local tool=$1
  shift
  if has "$tool"; then row "$@"; else echo "| $1 | not measured: $tool is not installed | | | | | |"; fi
}

machine
echo "$(tar --version | head -1); $(bsdtar --version 2> /dev/null | head -1); $(zstd --version 2> /dev/null | grep -o 'v[0-9.]*' | head -1 | sed 's/^/zstd /'); $(restic version 2> /dev/null | cut -d' ' -f1-2)"
echo "$(image_text); medians of $runs runs by turns (fastest–slowest)"
echo
echo "| job | blocktar | peer | ratio of medians (median of the pairs' ratios) | floor | met | peak memory |"
echo "|---|---|---|---|---|---|---|"

warm "$image"
none="$timed -q backup $image --compression none | cat > /dev/null"
blake3="$timed -q backup $image --compression none --digest blake3 | cat > /dev/null"
short="$timed -q backup $image --compression none --extent-limit 256K | cat > /dev/null"
zstd1="$timed -q backup $image --compression zstd:1 | cat > /dev/null"
# GNU tar does not read what it writes to /dev/null itself; behind a pipe it must.
gnu_tar="tar -C $folder -cSf - image.ext4 | cat > /dev/null"
bsd_tar="bsdtar -C $folder -cf - image.ext4 | cat > /dev/null"

row "backup, no compression, sha256" --ours "$none" --peer-name "tar -cS" --peer "$gnu_tar" --ratio 0.75
peer bsdtar "backup, no compression, sha256" --ours "$none" --peer-name bsdtar --peer "$bsd_tar" --ratio 1.0
peer bsdtar "backup, no compression, sha256, members of 256K" --ours "$short" --peer-name bsdtar --peer "$bsd_tar" --ratio 1.0
peer bsdtar "backup, no compression, blake3" --ours "$blake3" --peer-name bsdtar --peer "$bsd_tar" --ratio 0.75
peer zstd "backup, zstd:1" --ours "$zstd1" --peer-name "tar -cS, zstd -1 -T2" \
  --peer "tar -C $folder -cSf - image.ext4 | zstd -1 -T2 -q | cat > /dev/null" --ratio 0.70

if has restic && wanted "backup, zstd:1, restic"; then
  head -c 18 /dev/urandom | base64 > "$folder/restic-password"
  restic="restic -q --no-cache -r $folder/restic --password-file $folder/restic-password"
  runs=$slow_runs row "backup, zstd:1, restic" --ours "$zstd1" --before "rm -rf -- $folder/restic; $restic init" \
    --peer-name restic --peer "$restic backup $image" --ratio 0.35
elif wanted "backup, zstd:1, restic"; then
  echo "| backup, zstd:1, restic | not measured: restic is not installed | | | | | |"
fi

from_pipe="restore from a pipe, synced" from_file="restore from a file, synced" verify="verify, no compression" compare="compare, no compression"
extract_none="64 KiB out of 4 GiB, none: extract" extract_zstd="64 KiB out of 4 GiB, zstd:1: extract"
if wanted "$from_pipe" || wanted "$from_file" || wanted "$verify" || wanted "$compare" || wanted "$extract_none"; then
  make "$archive" "$program" -q backup "$image" --compression none -o
  warm "$archive"
fi
before_restore="rm -rf -- $restored; mkdir $restored; sync -f $folder"
restore_pipe="cat $archive | $timed -q restore $restored/new.img" restore_file="$timed -q restore -i $archive $restored/new.img"
copy="nbdcopy $image $restored/new.img && sync -f $restored/new.img"
if wanted "$from_pipe" && has bsdtar; then
  make "$peer_archive" make_peer_archive
  warm "$peer_archive"
fi
peer bsdtar "$from_pipe" --before "$before_restore" --ours "$restore_pipe" --peer-name "bsdtar -x, sync -f" \
  --peer "cat $peer_archive | bsdtar -C $restored -xf - && sync -f $restored/image.ext4" --ratio 0.75
peer nbdcopy "$from_pipe" --before "$before_restore" --ours "$restore_pipe" --peer-name "nbdcopy file to file, sync -f" --peer "$copy" --ratio 1.3
peer nbdcopy "$from_file" --before "$before_restore" --ours "$restore_file" --peer-name "nbdcopy file to file, sync -f" --peer "$copy" --ratio 1.3
row "$verify" --ours "$timed -q verify $archive" --peer-name "cat, cat" --peer "cat $archive | cat > /dev/null" --ratio 1.6

# The programs themselves come back into the page cache before the time begins.
uncached="backup of an uncached image, no compression"
if wanted "$uncached" && [[ -w /proc/sys/vm/drop_caches ]]; then
  python3 "$here/data_ranges.py" "$image" > "$ranges"
  drop="sync -f $folder; echo 3 > /proc/sys/vm/drop_caches; { $program --version; dd --version; echo | cat; } > /dev/null"
  for digest in sha256 blake3; do
    row "$uncached, $digest" --before "$drop" --ours "$timed -q backup $image --compression none --digest $digest | cat > /dev/null" \
      --peer-name "dd iflag=direct bs=4M of the same ranges" --peer "bash $ranges" --ratio 1.05
  done
elif wanted "$uncached"; then
  echo "| $uncached | not measured: only root can drop the page cache | | | | | |"
fi

if wanted "$compare"; then
  warm "$archive" "$image"
  row "$compare" --ours "$timed -q compare $archive $image" --peer-name "verify, cat" \
    --peer "$program -q verify $archive && cat $image > /dev/null" --ratio 1.0
fi
# `cat` finds what it read before in the device's page cache, unless that is emptied; blocktar reads past it.
increment="increment of an unchanged loop device"
if wanted "$increment" && has losetup && [[ $EUID == 0 ]]; then
  loop=$(losetup -f -r --show "$image") parent=$folder/blocktar-loop.tar
  trap 'losetup -d "$loop"; rm -rf -- "$restored" "$shm/restored" "$notes" "$ranges" "$folder/restic" "$folder/restic-password" "$parent"' EXIT
  for digest in sha256 blake3; do
    "$program" -q backup "$loop" --digest "$digest" --overwrite -o "$parent"
    ours="$timed -q backup $loop --since $parent | cat > /dev/null"
    row "$increment, $digest" --ours "$ours" --before "cat $loop > /dev/null" --peer-name "cat, cached" --peer "cat $loop > /dev/null" --ratio 2.5
    row "$increment, $digest" --ours "$ours" --before "blockdev --flushbufs $loop" --peer-name "cat, not cached" --peer "cat $loop > /dev/null" --ratio 2.5
  done
elif wanted "$increment"; then
  echo "| $increment | not measured: only root can set up a loop device | | | | | |"
fi
# Where the files lie, in the middle of them.
piece="--offset $((tree_bytes / 2)) --length 64K"
if wanted "$extract_none"; then
  warm "$archive"
  row "$extract_none" --ours "$timed -q extract $archive $piece > /dev/null" --seconds 0.02
fi
if wanted "$extract_zstd"; then
  make "$zstd_archive" "$program" -q backup "$image" --compression zstd:1 -o
  warm "$zstd_archive"
  row "$extract_zstd" --ours "$timed -q extract $zstd_archive $piece > /dev/null" --seconds 0.02
fi

if wanted "1 TiB, 100 extents: backup" || wanted "1 TiB, 100 extents: restore"; then
  make "$sparse" make_scattered "$TiB" 100 65536
fi
row "1 TiB, 100 extents: backup" --ours "$timed -q backup $sparse | cat > /dev/null" --seconds 0.05
if wanted "1 TiB, 100 extents: restore"; then
  "$program" -q backup "$sparse" -o "$sparse_archive" --overwrite
  row "1 TiB, 100 extents: restore" --before "rm -rf -- $restored" \
    --ours "cat $sparse_archive | $timed -q restore $restored" --seconds 0.05
fi

for compression in none zstd:1; do
  if wanted "$many extents, $compression: backup" || wanted "$many extents, $compression: restore"; then
    make "$scattered" make_scattered $((many * 131072)) "$many" 4096
  fi
  row "$many extents, $compression: backup" --count "$many" --per-second 150000 \
    --ours "$timed -q backup $scattered --compression $compression | cat > /dev/null"
  if wanted "$many extents, $compression: restore"; then
    "$program" -q backup "$scattered" --compression "$compression" -o "$scattered_archive" --overwrite
    row "$many extents, $compression: restore" --before "rm -rf -- $shm/restored" --count "$many" --per-second 150000 \
      --ours "cat $scattered_archive | $timed -q restore $shm/restored"
    rm -f -- "$scattered_archive"
  fi
done
echo
echo "done: compare.sh"
