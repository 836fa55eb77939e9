# The snapshot that is kept is what the next increment builds on: only an archive that is complete takes its place, and what could not be read is read again.
. "$HERE/lvm_checks.sh"
vg=kept

# A device below the group of which a piece can be made unreadable. It does not begin where the disk does, so that LVM finds its volumes once.
sectors=$(($(blockdev --getsz /dev/disk-9) - 8192))
# table [SECTOR]: what the device mapper is told; eight sectors from there on are unreadable.
table() {
  if (($#)); then
    echo "0 $1 linear /dev/disk-9 8192"
    echo "$1 8 error"
    echo "$(($1 + 8)) $((sectors - $1 - 8)) linear /dev/disk-9 $((8192 + $1 + 8))"
  else
    echo "0 $sectors linear /dev/disk-9 8192"
  fi
}
# flawed [SECTOR]
flawed() {
  quiet dmsetup suspend --nolockfs flawed
  table "$@" > wanted
  quiet dmsetup load flawed wanted
  quiet dmsetup resume --noudevrules --noudevsync flawed
}
table > wanted
quiet dmsetup create --noudevrules --noudevsync flawed wanted
quiet dmsetup mknodes flawed
group $vg /dev/mapper/flawed
volume $vg thick 16
pool $vg pool 32
thin $vg pool thin 16

# kept VOLUME: which snapshots of it are kept, and for which state.
kept() { lvs --noheadings -o lv_uuid,lv_tags @blocktar -S "origin=$1"; }

# named FIRST VOLUME NUMBER: the archives up to there, each behind this word.
named() { for ((link = 0; link <= $3; link++)); do echo "$1 $2.$link.tar"; done; }

# comes_back VOLUME NUMBER
comes_back() {
  check "the chain comes back" blocktar restore $(named -i "$1" "$2") back.img -q
  check "as the volume is" cmp back.img "/dev/$vg/$1"
  rm -f back.img
}

# retried VOLUME WORD SECTOR: which of the device's sectors cannot be read at first.
retried() {
  local lv=$1 word=$2
  random /dev/$vg/$lv 0 8
  flawed "$3"
  refused "a full of $lv that cannot be read everywhere" 8 'could not be read' \
    blocktar backup lvm:$vg/$lv -o $lv.0.tar --keep-going --keep-snapshot
  refused "is no full that restores it all" 8 'could not be read' blocktar restore -i $lv.0.tar back.img
  rm -f back.img
  random /dev/$vg/$lv 6 1
  refused "an increment while that cannot be read still" 8 'could not be read' \
    blocktar backup lvm:$vg/$lv --since $lv.0.tar --if-untracked fail -o $lv.1.tar --keep-going --keep-snapshot
  says "by what LVM knows" "by the snapshot that was kept .$word."
  flawed
  check "an increment when it can be read" blocktar backup lvm:$vg/$lv $(named --since $lv 1) --if-untracked fail -o $lv.2.tar --keep-snapshot
  says "by what LVM knows" "by the snapshot that was kept .$word."
  if (($(written_bytes $lv.2.tar) <= 65536)); then pass "has that, and nothing else"; else fail "has that, and nothing else" "$(written_bytes $lv.2.tar)"; fi
  comes_back $lv 2
}

# spared NAME VOLUME STATUS WORDS OPTION…: an increment that comes to nothing leaves what is kept.
spared() {
  local name=$1 lv=$2 status=$3 words=$4 before
  shift 4
  before=$(kept $lv)
  refused "$name" "$status" "$words" blocktar backup lvm:$vg/$lv $(named --since $lv 2) --if-untracked fail --keep-snapshot "$@"
  same "leaves the snapshot that is kept" "$before" "$(kept $lv)"
}

mkdir small
quiet mount -t tmpfs -o size=1M none small
# The next medium's command comes when the first part is written, and before it is read again.
damage='dd if=/dev/zero of=again-1.tar bs=1 seek=50000 count=100 conv=notrunc 2> /dev/null'
# replaced VOLUME WORD: only by an archive that is complete, and sound if that is looked at.
replaced() {
  local lv=$1 before
  random /dev/$vg/$lv 2 3
  spared "an increment of $lv for which there is no room" $lv 3 'No space left' -o small/full.tar
  same "and no archive" "" "$(ls -A small)"
  spared "an increment that was not written right" $lv 5 'damaged|digest' -o again-%d.tar --part-size 2M --verify --next-medium "$damage"
  check "the next one knows what changed" blocktar backup lvm:$vg/$lv $(named --since $lv 2) --if-untracked fail --keep-snapshot --verify -o $lv.3.tar
  says "by what LVM knows" "by the snapshot that was kept .$2."
  comes_back $lv 3
  state=$(blocktar info $lv.3.tar --json -q | jq -r '[.. | .state? | strings] | last')
  if [[ $(kept $lv) == *:state:$state* && $(kept $lv | wc -l) == 1 ]]; then pass "and its snapshot is the one that is kept"; else fail "and its snapshot is the one that is kept" "$(kept $lv)"; fi
  rm -f again-*.tar
}

# Of the thick volume the byte at 5 MiB; of the pool's data, of which the thin volume's 8 MiB are the first, some of them.
retried thick classic $(($(dmsetup table $vg-thick | awk '{print $5}') + 10240))
replaced thick classic
retried thin thin $(($(dmsetup table $vg-pool_tdata | awk '{print $5}') + 6144))
replaced thin thin
remove_kept $vg
quiet umount small
finish
