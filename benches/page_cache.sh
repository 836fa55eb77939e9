#!/usr/bin/env bash
# Shows with fincore how much of an image lies in the page cache before and after a backup of it, and prints a table.
# It fails if blocktar leaves more there than it found, or less. 16 MiB more are let pass: where a page is read that somebody else's reading has
# marked, the kernel goes on with that readahead, which may reach beyond all that blocktar looks at.
#
#   benches/page_cache.sh             needs 5 GiB of disk and 12 GiB of memory, takes a minute
#   benches/page_cache.sh --quick     the same on little data
#   benches/page_cache.sh --clean     removes the data that is kept between runs
set -euo pipefail
disk_needed=$((5 << 30)) quick_disk_needed=$((1 << 30))
source "$(dirname "$0")/data.sh"
read_arguments "$@"
if [[ $clean ]]; then
  rm -rf -- "$folder"
  exit
fi
has fincore || stop "fincore is missing (Debian: util-linux)"
prepare

cached_mib() { echo $(($(fincore --noheadings --bytes --output RES "$image") / MiB)); }

quarter=$((image_bytes / MiB / 4))
# Puts a share of the image into the page cache, and nothing else of it. With nocache and no count, dd drops what is there.
found() {
  sync "$image"
  dd status=none if="$image" iflag=nocache count=0
  case $1 in
    nothing) ;;
    "a quarter") dd status=none if="$image" of=/dev/null bs=1M skip="$quarter" count="$quarter" ;;
    all) warm "$image" ;;
  esac
}

blocktar_backup() { "$program" -q backup "$image" --compression none | cat > /dev/null; }
gnu_tar_backup() { tar -C "$folder" -cSf - image.ext4 | cat > /dev/null; }

machine
echo "$(image_text)"
echo
echo "| in the page cache | tool | MiB before | MiB after |"
echo "|---|---|---|---|"
failed=''
for share in nothing "a quarter" all; do
  for tool in blocktar gnu_tar; do
    found "$share"
    before=$(cached_mib)
    "${tool}_backup"
    after=$(cached_mib)
    echo "| $share | ${tool/gnu_tar/GNU tar -S} | $before | $after |"
    if [[ $tool == blocktar ]] && ((after > before + 16 || after < before)); then failed=1; fi
  done
done
echo
[[ ! $failed ]] || stop "blocktar left more or less in the page cache than it found; or others have read the image meanwhile, or wanted its memory"
echo "done: page_cache.sh"
