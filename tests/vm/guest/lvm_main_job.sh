# The main job: a mounted ext4 that is written to between backups; a full and three increments from classic snapshots, from thin ones, and of a plain
# device by comparing digests. Every state comes back by blocktar, with tar, zstd and dd alone, and out of merged archives.
. "$HERE/lvm_checks.sh"
modprobe ext4
vg=main-job.1+
group $vg /dev/disk-5
volume $vg root_2-a.b+ 16
quiet lvcreate -q -y -L 64M -T $vg/pool-1 -c 512k --poolmetadatasize 4M
thin $vg pool-1 thin-.v 16
mkdir mounted
export truth
freshly_taken='cat $(lvs --noheadings -o lv_dm_path,lv_tags @blocktar | awk "/:process:/ {print \$1}") > $truth'

# work NUMBER: what happens in the mounted file system between two backups.
work() {
  head -c 900000 /dev/urandom > "mounted/file $1"
  head -c $((200000 + $1)) /dev/urandom > mounted/log
  printf 'line %s\n' {1..2000} >> mounted/text
  if (($1 > 1)); then rm "mounted/file $(($1 - 2))"; fi
}

# named FIRST LAST: `-i` and each archive of the chain between them.
named() { for ((link = $1; link <= $2; link++)); do echo "-i $link.tar"; done; }

# by_blocktar STATE ARCHIVE…
by_blocktar() {
  check "it is restored from ${*:2}" blocktar restore "${@:2}" back.img -q
  check "byte for byte" cmp "$1.img" back.img
  rm -f back.img
}

# by_hand STATE ARCHIVE TARGET: by what RESTORE.txt in it says, onto what the archive before it left; unpacked, of every second one.
by_hand() {
  tar -xOf "$2" --occurrence=1 --wildcards '*/RESTORE.txt' | sed -n 's/^    //p' > restore.sh
  if (($1 % 2)); then
    rm -rf unpacked && mkdir unpacked
    check "tar unpacks it" tar -xf "$2" -C unpacked
    check "its recipe restores it with zstd and dd" sh restore.sh unpacked/* "$3"
  else
    check "tar, zstd and dd restore it by its recipe" tar -xf "$2" --to-command="sh restore.sh $3"
  fi
  says "to the end" restored
  check "to the same bytes" cmp "$1.img" "$3"
}

# chain KIND DEVICE SOURCE HOW IF_UNTRACKED OPTION…
chain() {
  local kind=$1 device=$2 source=$3 how=$4 untracked=$5 number since=()
  shift 5
  echo "    $kind"
  quiet mke2fs -q -F -t ext4 -E nodiscard "$device"
  quiet mount -t ext4 -o discard "$device" mounted
  for number in 0 1 2 3; do
    work $number
    truth=$number.img
    if [[ $kind == plain ]]; then
      # Nothing freezes a plain device; so it rests.
      sync
      quiet mount -o remount,ro mounted
      cat "$device" > $truth
    fi
    check "backup $number of a mounted ext4" blocktar backup "$source" -o $number.tar "${since[@]}" "$@"
    quiet mount -o remount,rw mounted
    if ((number)); then says "it knows what changed" "$how"; fi
    if ((!number)); then since=(--if-untracked $untracked); fi
    since+=(--since $number.tar)
    by_blocktar $number $(named 0 $number)
    by_hand $number $number.tar by-hand.img
  done
  quiet umount mounted

  check "all four are merged" blocktar merge [0-3].tar -o merged.tar --verify
  by_blocktar 3 -i merged.tar
  rm by-hand.img
  if [[ $kind == classic ]]; then by_hand 3 merged.tar by-hand.img; fi
  # The other ways to merge do not depend on how the changes were found.
  if [[ $kind != thin ]]; then
    rm -rf ./*.tar ./*.img unpacked
    return
  fi
  check "the first two are merged" blocktar merge [01].tar -o merged.tar --overwrite
  by_blocktar 1 -i merged.tar
  by_blocktar 3 -i merged.tar $(named 2 3)
  check "the increments are merged" blocktar merge [123].tar -o merged.tar --overwrite
  by_blocktar 3 -i merged.tar -i 0.tar
  rm -rf ./*.tar ./*.img unpacked
}

lvm=(--keep-snapshot --after-snapshot "$freshly_taken")
chain classic /dev/$vg/root_2-a.b+ lvm:$vg/root_2-a.b+ 'snapshot that was kept .classic.' fail "${lvm[@]}" --snapshot-size 12M
chain thin /dev/$vg/thin-.v lvm:$vg/thin-.v 'snapshot that was kept .thin.' fail "${lvm[@]}"
chain plain /dev/disk-6 /dev/disk-6 'by digests' digest
remove_kept $vg
finish
