# A full and increments of thin and classic volumes, each from a kept snapshot: every state comes back, written, zeroed, discarded, grown and shrunk.
. "$HERE/lvm_checks.sh"
vg=inc
group $vg /dev/disk-4
volume $vg thick-1 24
pool $vg pool 96
thin $vg pool thin-1 24

# The snapshot that is being read, not one that was kept.
export truth
copy='cat $(lvs --noheadings -o lv_dm_path,lv_tags @blocktar | awk "/:process:/ {print \$1}") > $truth'

# backup VOLUME NUMBER OPTION…: the next archive of a chain, and the truth beside it.
backup() {
  local lv=$1 number=$2
  shift 2
  truth=$lv.$number.img
  check "backup $number of $lv" blocktar backup "lvm:$vg/$lv" -o "$lv.$number.tar" --keep-snapshot --after-snapshot "$copy" "$@"
}

# restored VOLUME NUMBER: the chain up to there is the truth.
restored() {
  local archives=() number
  for ((number = 0; number <= $2; number++)); do archives=(-i "$1.$number.tar" "${archives[@]}"); done
  check "the chain up to $2 comes back" blocktar restore "${archives[@]}" "$1.back.img" -q
  check "and is what was frozen then" cmp "$1.$2.img" "$1.back.img"
  rm -f "$1.back.img"
}

# kept VOLUME: how many snapshots of it.
kept() { lvs --noheadings @blocktar -S "origin=$1" | wc -l; }

chain() {
  local lv=$1 word=$2 device=/dev/$vg/$1
  random "$device" 0 8
  random "$device" 20 4
  backup "$lv" 0
  same "one snapshot is kept" 1 "$(kept "$lv")"
  if [[ $word == classic ]]; then same "by chunks of 4 KiB" 4.00k "$(lvs --noheadings -o chunk_size @blocktar -S origin="$lv" | tr -d ' ')"; fi
  restored "$lv" 0

  random "$device" 4 1
  dd if=/dev/urandom of="$device" bs=4k seek=3000 count=1 conv=notrunc,fsync 2> /dev/null
  backup "$lv" 1 --since "$lv.0.tar" --if-untracked fail
  says "is made by what LVM knows" "by the snapshot that was kept .$word."
  same "the new snapshot is kept in place of the old one" 1 "$(kept "$lv")"
  if (($(written_bytes "$lv.1.tar") < 3 << 20)); then pass "only what changed is written"; else fail "only what changed is written" "$(written_bytes "$lv.1.tar")"; fi
  restored "$lv" 1

  # Zeroes where there was data, and on thin volumes what is there no longer.
  dd if=/dev/zero of="$device" bs=1M seek=5 count=1 conv=notrunc,fsync 2> /dev/null
  if [[ $word == thin ]]; then check "a discard" blkdiscard -o $((21 << 20)) -l $((2 << 20)) "$device"; fi
  backup "$lv" 2 --since "$lv.0.tar" --since "$lv.1.tar" --if-untracked fail
  restored "$lv" 2

  same "nothing changed, nothing is written" 0 "$(backup "$lv" 3 --since "$lv.0.tar" --since "$lv.1.tar" --since "$lv.2.tar" --if-untracked fail > nothing; written_bytes "$lv.3.tar")"
  restored "$lv" 3

  refused "an increment whose snapshot is no longer kept" 6 'no snapshot was kept' \
    blocktar backup "lvm:$vg/$lv" --since "$lv.0.tar" -o x.tar --if-untracked fail
  check "is found by digests" blocktar backup "lvm:$vg/$lv" --since "$lv.0.tar" -o digest.tar
  says "and it says why" 'not known what changed.*no snapshot was kept.*comparing everything'
  check "it comes back" blocktar restore -i digest.tar -i "$lv.0.tar" digest.img -q
  check "as the same" cmp "$lv.3.img" digest.img
  rm -f digest.*
}
chain thin-1 thin
chain thick-1 classic

# A volume that grew: what is new is never unchanged.
quiet lvextend -q -y -L 48M $vg/thin-1
random /dev/$vg/thin-1 40 2
backup thin-1 4 --since thin-1.0.tar --since thin-1.1.tar --since thin-1.2.tar --since thin-1.3.tar --if-untracked fail
restored thin-1 4

quiet lvreduce -q -y -f -L 24M $vg/thin-1
backup thin-1 5 --since thin-1.0.tar --since thin-1.1.tar --since thin-1.2.tar --since thin-1.3.tar --since thin-1.4.tar --if-untracked fail
restored thin-1 5
quiet lvextend -q -y -L 40M $vg/thin-1
backup thin-1 6 --since thin-1.0.tar --since thin-1.1.tar --since thin-1.2.tar --since thin-1.3.tar --since thin-1.4.tar --since thin-1.5.tar --if-untracked fail
restored thin-1 6

# Chunks of other sizes, as lvm.conf may ask for them.
state=$(blocktar info thick-1.3.tar --json -q | jq -r '[.. | .state? | strings] | last')
for snapshot in $(lvs --noheadings -o lv_full_name @blocktar -S origin=thick-1); do quiet lvremove -q -y "$snapshot"; done
for chunk in 16k 512k; do
  quiet lvcreate -q -y -s -p r -c $chunk -L 16M -n base --addtag blocktar --addtag "blocktar:state:$state" $vg/thick-1
  random /dev/$vg/thick-1 11 1
  dd if=/dev/urandom of=/dev/$vg/thick-1 bs=512 seek=12345 count=3 conv=notrunc,fsync 2> /dev/null
  check "an increment by chunks of $chunk" blocktar backup lvm:$vg/thick-1 --if-untracked fail -o chunk.tar \
    --since thick-1.0.tar --since thick-1.1.tar --since thick-1.2.tar --since thick-1.3.tar
  check "comes back" blocktar restore -i thick-1.0.tar -i thick-1.1.tar -i thick-1.2.tar -i thick-1.3.tar -i chunk.tar chunk.img -q
  check "as the volume is" cmp chunk.img /dev/$vg/thick-1
  rm -f chunk.*

  # More than it has room for.
  if [[ $chunk == 512k ]]; then
    random /dev/$vg/thick-1 0 24
    check "a kept snapshot that overflowed" blocktar backup lvm:$vg/thick-1 -o lost.tar \
      --since thick-1.0.tar --since thick-1.1.tar --since thick-1.2.tar --since thick-1.3.tar
    says "is no list of what changed" 'not known what changed.*overflowed.*comparing everything'
    check "the increment comes back" blocktar restore -i thick-1.0.tar -i thick-1.1.tar -i thick-1.2.tar -i thick-1.3.tar -i lost.tar lost.img -q
    check "as the volume is" cmp lost.img /dev/$vg/thick-1
  fi
  quiet lvremove -q -y $vg/base
done

# One that was taken later than its tag says: the volume has changed since that archive.
quiet lvcreate -q -y -s -p r -L 16M -n base --addtag blocktar --addtag "blocktar:state:$state" $vg/thick-1
refused "a list of what changed that is wrong" 7 'should be as they were' blocktar backup lvm:$vg/thick-1 -o wrong.tar \
  --since thick-1.0.tar --since thick-1.1.tar --since thick-1.2.tar --since thick-1.3.tar
same "gives no archive" "" "$(ls wrong.tar .wrong.tar* 2> /dev/null)"
remove_kept $vg
finish
