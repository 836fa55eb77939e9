#!/usr/bin/env bash
# Measures blocktar and its peers by turns on the same data, and prints a table of medians and ratios.
#
#   benches/compare.sh                  everything: needs 25 GiB of disk and 8 GiB of memory for /dev/shm, takes half an hour
#   benches/compare.sh --quick          the same on little data, to see that everything runs; its numbers mean nothing
#   benches/compare.sh --only WORD      only the rows whose name contains the word; can be given several times
#   benches/compare.sh --clean          removes the data that is kept between runs
#
# BLOCKTAR_BENCH_DIR   where a folder blocktar-bench with the data is made, by default target/bench
# BLOCKTAR_BENCH_SHM   the same for images of many extents, by default /dev/shm: on a disk it takes minutes to delete them
# BLOCKTAR_BENCH_RUNS  how many runs of each, by default 5
# BLOCKTAR             the program to measure, by default target/release/blocktar
set -euo pipefail
cd "$(dirname "$0")/.."

here=$PWD/benches
# Folders of our own, so that --clean removes nothing else.
folder=$(realpath -m "${BLOCKTAR_BENCH_DIR:-target/bench}")/blocktar-bench
shm=${BLOCKTAR_BENCH_SHM:-/dev/shm}/blocktar-bench
runs=${BLOCKTAR_BENCH_RUNS:-5}
program=$(realpath -m "${BLOCKTAR:-target/release/blocktar}")
quick= only=()

while (($#)); do
  case $1 in
    --quick) quick=1 ;;
    --clean) rm -rf -- "$folder" "$shm"; exit ;;
    --only) only+=("$2"); shift ;;
    -h | --help) sed -n '2,/^set/{/^set/!s/^# \?//p}' "$0"; exit ;;
    *) echo "compare.sh: unknown argument $1; see --help" >&2; exit 2 ;;
  esac
  shift
done

MiB=$((1 << 20)) GiB=$((1 << 30)) TiB=$((1 << 40))
image_bytes=$((8 * GiB)) tree_bytes=$((4 * GiB)) many=500000 disk_needed=$((25 * GiB)) shm_needed=$((8 * GiB)) slow_runs=2
if [[ $quick ]]; then
  folder=$folder/quick shm=$shm/quick runs=${BLOCKTAR_BENCH_RUNS:-1} slow_runs=1
  image_bytes=$((256 * MiB)) tree_bytes=$((64 * MiB)) many=5000 disk_needed=$((2 * GiB)) shm_needed=$((256 * MiB))
fi

has() { command -v "$1" > /dev/null; }
PATH=$PATH:/usr/sbin:/sbin

for tool in python3 tar mke2fs /usr/bin/time; do
  has "$tool" || { echo "compare.sh: $tool is missing (Debian: python3, tar, e2fsprogs, time)" >&2; exit 1; }
done
[[ -x $program ]] || { echo "compare.sh: $program is missing: run cargo build --release" >&2; exit 1; }
mkdir -p "$folder" "$shm"

# room FOLDER BYTES: refuses to start what would end with a full disk; what is there already from earlier runs counts.
room() {
  local free used
  free=$(df --output=avail -B1 "$1" | tail -1)
  used=$(du -s -B1 "$1" | cut -f1)
  if ((free + used < $2)); then
    echo "compare.sh: $1 has room for $((free / MiB)) MiB, but $(($2 / MiB)) MiB are needed: name another folder" >&2
    exit 1
  fi
}
room "$folder" "$disk_needed"
room "$shm" "$shm_needed"

image=$folder/image.ext4 archive=$folder/blocktar.tar peer_archive=$folder/bsdtar.tar restored=$folder/restored
sparse=$folder/sparse.img sparse_archive=$folder/sparse.tar
scattered=$shm/scattered.img scattered_archive=$shm/scattered.tar
notes=$folder/memory-notes
# Whatever ends the run, what it restored goes; the images stay for the next run.
trap 'rm -rf -- "$restored" "$shm/restored" "$notes" "$folder/restic" "$folder/restic-password"' EXIT
export BLOCKTAR_NOTES=$notes
# The tool notes the peak memory of each run; it costs about a millisecond.
timed="/usr/bin/time -a -o $notes -f %M $program"

# make FILE COMMAND…: has it made under another name first, so that what is there is whole.
make() {
  local file=$1
  shift
  [[ -e $file ]] && return
  echo "making $file" >&2
  rm -f -- "$file.partial"
  "$@" "$file.partial"
  mv -- "$file.partial" "$file"
}

make_image() {
  rm -rf -- "$folder/tree"
  python3 "$here/make_data.py" tree "$folder/tree" "$tree_bytes"
  truncate -s "$image_bytes" "$1"
  mke2fs -q -t ext4 -F -d "$folder/tree" "$1"
  rm -rf -- "$folder/tree"
  sync -f "$1"
}

make_scattered() { # SIZE COUNT LENGTH FILE
  python3 "$here/make_data.py" scattered "$4" --size "$1" --count "$2" --length "$3" --blocks-from "$image"
}

make_peer_archive() { bsdtar -C "$folder" -cf "$1" image.ext4; }

make "$image" make_image
make "$sparse" make_scattered "$TiB" 100 65536
make "$scattered" make_scattered $((many * 131072)) "$many" 4096

warm() { cat -- "$@" > /dev/null; }

wanted() {
  ((${#only[@]})) || return 0
  local word
  for word in "${only[@]}"; do [[ $1 == *"$word"* ]] && return 0; done
  return 1
}

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

echo "$(uname -sr), $(nproc) processors, $(awk -F': ' '/^model name/{print $2; exit}' /proc/cpuinfo), $(date -u +%F)$([[ $quick ]] && echo ', QUICK: these numbers mean nothing')"
echo "$(tar --version | head -1); $(bsdtar --version 2> /dev/null | head -1); $(zstd --version 2> /dev/null | grep -o 'v[0-9.]*' | head -1 | sed 's/^/zstd /'); $(restic version 2> /dev/null | cut -d' ' -f1-2)"
echo "image: $((image_bytes / MiB)) MiB ext4, $(($(stat -c %b "$image") / 2048)) MiB allocated; medians of $runs runs by turns (fastest–slowest)"
echo
echo "| job | blocktar | peer | ratio of medians (median of the pairs' ratios) | floor | met | peak memory |"
echo "|---|---|---|---|---|---|---|"

warm "$image"
none="$timed -q backup $image --compression none | cat > /dev/null"
blake3="$timed -q backup $image --compression none --digest blake3 | cat > /dev/null"
zstd1="$timed -q backup $image --compression zstd:1 | cat > /dev/null"
# GNU tar does not read what it writes to /dev/null itself; behind a pipe it must.
gnu_tar="tar -C $folder -cSf - image.ext4 | cat > /dev/null"
bsd_tar="bsdtar -C $folder -cf - image.ext4 | cat > /dev/null"

row "backup, no compression, sha256" --ours "$none" --peer-name "tar -cS" --peer "$gnu_tar" --ratio 0.75
peer bsdtar "backup, no compression, sha256" --ours "$none" --peer-name bsdtar --peer "$bsd_tar" --ratio 1.15
peer bsdtar "backup, no compression, blake3" --ours "$blake3" --peer-name bsdtar --peer "$bsd_tar" --ratio 0.9
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

if wanted "restore" || wanted "verify"; then
  make "$archive" "$program" -q backup "$image" --compression none -o
fi
if wanted "restore from a pipe"; then
  if has bsdtar; then make "$peer_archive" make_peer_archive; fi
  warm "$archive" "$peer_archive"
  peer bsdtar "restore from a pipe, synced" --before "rm -rf -- $restored; mkdir $restored; sync -f $folder" \
    --ours "cat $archive | $timed -q restore $restored/new.img" --peer-name "bsdtar -x, sync -f" \
    --peer "cat $peer_archive | bsdtar -C $restored -xf - && sync -f $restored/image.ext4" --ratio 0.9
fi
if wanted "verify"; then
  warm "$archive"
  row "verify, no compression" --ours "$timed -q verify $archive" --peer-name "cat, cat" \
    --peer "cat $archive | cat > /dev/null" --ratio 2.0
fi

row "1 TiB, 100 extents: backup" --ours "$timed -q backup $sparse | cat > /dev/null" --seconds 0.05
if wanted "1 TiB, 100 extents: restore"; then
  "$program" -q backup "$sparse" -o "$sparse_archive" --overwrite
  row "1 TiB, 100 extents: restore" --before "rm -rf -- $restored" \
    --ours "cat $sparse_archive | $timed -q restore $restored" --seconds 0.05
fi

for compression in none zstd:1; do
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
