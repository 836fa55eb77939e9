# Snapshots of volumes with awkward names, classic and thin: each archive holds what the frozen snapshot held.
. "$HERE/lvm_checks.sh"
modprobe ext4
vg=my-vg.1+
group $vg /dev/disk-1
volume $vg root_2-a.b+ 32
pool $vg pool-1 96
thin $vg pool-1 thin-.v 128
export HERE OUT

# Copies the snapshot when it was taken, as the command behind it: that is the truth.
copy='cat $(lvs --noheadings -o lv_dm_path @blocktar) > frozen'

# backup_while_written NAME VOLUME OPTION…: of a mounted ext4 that is written to all the time.
backup_while_written() {
  local kind=$1 lv=$2 device=/dev/$vg/$2
  shift 2
  rm -f frozen back.img back.tar
  mkdir -p mounted
  quiet mke2fs -q -F -t ext4 "$device"
  quiet mount -t ext4 "$device" mounted
  head -c 5242880 /dev/urandom > mounted/first
  (
    number=0
    while [[ ! -e enough ]]; do
      head -c 204800 /dev/urandom > mounted/file$((number % 20))
      number=$((number + 1))
    done
  ) &
  check "a backup of a mounted $kind volume" blocktar backup "lvm:$vg/$lv" -o back.tar --after-snapshot "$copy" --bwlimit 20M "$@"
  touch enough
  says "it says which" "backed up lvm:my-vg.1./${lv%+}.? in"
  wait
  rm enough
  umount mounted
  none_left "its snapshot is removed"
  check "the archive comes back" blocktar restore -i back.tar back.img -q
  check "and is the frozen snapshot" cmp frozen back.img
  refused "which the volume is no longer" 1 '' blocktar compare back.tar "$device" -q
}

backup_while_written classic root_2-a.b+
check "the archive names the volume" bash -c 'blocktar info back.tar --json -q > info.json'
same "by its own names, not the snapshot's" "lvm:$vg/root_2-a.b+ $vg root_2-a.b+" \
  "$(jq -r '.. | .device? // empty | "\(.path) \(.vg) \(.lv)"' info.json | head -1)"

backup_while_written thin thin-.v
blocktar info back.tar --extents -q > extents
holes=$(awk '$3 == "hole" {bytes += $2} END {print bytes + 0}' extents)
if ((holes > 80 << 20)); then pass "of a thin volume only what is mapped is read"; else fail "of a thin volume only what is mapped is read" "$holes bytes of holes"; fi
same "its pool's tables are free again" - "$(dmsetup status --target thin-pool | awk '{print $8}' | head -1)"

# A thin volume may show another one where nothing is mapped: that is no hole.
volume $vg base 8
random /dev/$vg/base 0 8
quiet lvchange -an $vg/base
quiet lvchange -pr $vg/base
quiet lvcreate -q -y -s -n over --thinpool $vg/pool-1 $vg/base
dd if=/dev/$vg/over of=over.img bs=1M 2> /dev/null
check "a backup of a thin volume over another one" blocktar backup lvm:$vg/over -o over.tar -q
check "holds the other one's bytes" blocktar compare over.tar over.img -q

refused "a volume that is not active" 6 'lvchange' blocktar backup lvm:$vg/base -o x.tar
check "commands around the snapshot" blocktar backup lvm:$vg/root_2-a.b+ -o commands.tar -q \
  --before-snapshot 'echo "before $BLOCKTAR_VOLUME $(lvs --noheadings @blocktar | wc -l)" >> order' \
  --after-snapshot 'echo "after $BLOCKTAR_VOLUME $(lvs --noheadings @blocktar | wc -l)" >> order'
same "run around it" "before $vg/root_2-a.b+ 0 after $vg/root_2-a.b+ 1" "$(tr '\n' ' ' < order | sed 's/ $//')"
rm order
quiet lvcreate -q -y -W n -l 100%FREE -n filler $vg
refused "a group without room" 6 'no room left' blocktar backup lvm:$vg/root_2-a.b+ -o x.tar
refused "a snapshot that cannot be had" 3 'lvcreate' blocktar backup lvm:$vg/root_2-a.b+ -o x.tar --snapshot-size 16M --after-snapshot 'echo thawed > order'
same "lets the application go on" thawed "$(cat order)"
refused "a volume that is not there" 6 'no volume none' blocktar backup lvm:$vg/none -o x.tar
refused "a group that is not there" 3 'not found' blocktar backup lvm:none/none -o x.tar
refused "a pool is nobody's disk" 6 'bookkeeping' blocktar backup lvm:$vg/pool-1 -o x.tar
same "no archive is left of what failed" "" "$(ls x.tar* .x.tar* 2> /dev/null)"
none_left "and no snapshot"
finish
