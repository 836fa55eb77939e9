# What the benchmarks share: their arguments, their folder with the data, and the image that all of them measure with.
# It is sourced by them, after they have set `disk_needed` and `quick_disk_needed` in bytes.
#
# BLOCKTAR_BENCH_DIR   where a folder blocktar-bench with the data is made, by default target/bench
# BLOCKTAR_BENCH_RUNS  how many runs of each
# BLOCKTAR             the program to measure, by default target/release/blocktar
cd "$(dirname "${BASH_SOURCE[0]}")/.."
PATH=$PATH:/usr/sbin:/sbin

here=$PWD/benches script=$(basename "$0")
MiB=$((1 << 20)) GiB=$((1 << 30))
# A folder of our own, so that --clean removes nothing else.
folder=$(realpath -m "${BLOCKTAR_BENCH_DIR:-target/bench}")/blocktar-bench
runs=${BLOCKTAR_BENCH_RUNS:-${default_runs:-5}}
program=$(realpath -m "${BLOCKTAR:-target/release/blocktar}")
image_bytes=$((8 * GiB)) tree_bytes=$((4 * GiB))
small_image_bytes=$((256 * MiB)) small_tree_bytes=$((64 * MiB))
quick='' clean='' only=()

stop() {
  echo "$script: $1" >&2
  exit "${2:-1}"
}

has() { command -v "$1" > /dev/null; }

# help FILE: the comment at the top of a script.
help() { sed -n '2,/^[^#]/{/^#/s/^# \?//p}' "$1"; }

read_arguments() {
  while (($#)); do
    case $1 in
      --quick) quick=1 ;;
      --clean) clean=1 ;;
      --only) only+=("${2?--only needs a word}"); shift ;;
      -h | --help) help "$here/$script"; help "$here/data.sh" | sed -n '/^BLOCKTAR/p'; exit ;;
      *) stop "unknown argument $1; see --help" 2 ;;
    esac
    shift
  done
  if [[ $quick ]]; then
    folder=$folder/quick runs=${BLOCKTAR_BENCH_RUNS:-1} disk_needed=$quick_disk_needed
    image_bytes=$small_image_bytes tree_bytes=$small_tree_bytes
  fi
  image=$folder/image.ext4
}

# wanted NAME: whether --only leaves this row.
wanted() {
  ((${#only[@]})) || return 0
  local word
  for word in "${only[@]}"; do [[ $1 == *"$word"* ]] && return 0; done
  return 1
}

# room FOLDER BYTES: refuses to start what would end with a full disk; what is there already from earlier runs counts.
room() {
  local free used
  free=$(df --output=avail -B1 "$1" | tail -1)
  used=$(du -s -B1 "$1" | cut -f1)
  ((free + used >= $2)) || stop "$1 has room for $((free / MiB)) MiB, but $(($2 / MiB)) MiB are needed: name another folder"
}

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

make_image() { # IMAGE-BYTES TREE-BYTES FILE
  local tree=$3.tree
  rm -rf -- "$tree"
  python3 "$here/make_data.py" tree "$tree" "$2"
  truncate -s "$1" "$3"
  mke2fs -q -t ext4 -F -d "$tree" "$3"
  rm -rf -- "$tree"
  sync -f "$3"
}

# Checks what every benchmark needs, and makes the folder and the image.
prepare() {
  local tool
  for tool in python3 tar mke2fs /usr/bin/time; do
    has "$tool" || stop "$tool is missing (Debian: python3, tar, e2fsprogs, time)"
  done
  [[ -x $program ]] || stop "$program is missing: run cargo build --release"
  mkdir -p "$folder"
  room "$folder" "$disk_needed"
  make "$image" make_image "$image_bytes" "$tree_bytes"
}

warm() { cat -- "$@" > /dev/null; }

# The machine, the day and the image, above each table.
machine() {
  echo "$(uname -sr), $(nproc) processors, $(awk -F': ' '/^model name/{print $2; exit}' /proc/cpuinfo), $(date -u +%F)$([[ $quick ]] && echo ', QUICK: these numbers mean nothing')"
}

image_text() { echo "image: $((image_bytes / MiB)) MiB ext4, $(($(stat -c %b "$image") / 2048)) MiB allocated"; }
