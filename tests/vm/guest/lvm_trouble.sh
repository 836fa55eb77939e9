# A snapshot that overflows, and a pool whose tables another program reads.
. "$HERE/lvm_checks.sh"
group trouble /dev/disk-3
volume trouble lv 24
random /dev/trouble/lv 0 24

for option in '' --keep-going; do
  command blocktar backup lvm:trouble/lv -o over.tar --snapshot-size 4M --bwlimit 8M $option > output 2>&1 &
  backup=$!
  wait_for_snapshot
  sleep 1
  random /dev/trouble/lv 12 12
  wait $backup
  same "an overflowed snapshot fails the backup $option" 3 $?
  says "and says so" 'overflowed.*--snapshot-size'
  same "there is no archive" "" "$(ls over.tar .over.tar* 2> /dev/null)"
  none_left "and no snapshot"
done
check "with enough room" bash -c 'blocktar backup lvm:trouble/lv -o room.tar --snapshot-size 16M --bwlimit 20M --after-snapshot "dd if=/dev/urandom of=/dev/trouble/lv bs=1M count=14 oflag=direct 2> /dev/null"'
says "a store that was nearly full is told" '[89][0-9] % of the snapshot .*--snapshot-size'

pool trouble pool 32
thin trouble pool thin 16
random /dev/trouble/thin 3 5
quiet dmsetup message trouble-pool-tpool 0 reserve_metadata_snap
refused "SIGINT while others read the tables" 130 '' timeout -s INT 1.5 "$BLOCKTAR" backup lvm:trouble/thin -o thin.tar -q
if [[ $(tables trouble pool) != - ]]; then pass "leaves their reservation alone"; else fail "leaves their reservation alone"; fi
none_left "and no snapshot of its own"
(sleep 2 && dmsetup message trouble-pool-tpool 0 release_metadata_snap) &
check "a backup waits for them" blocktar backup lvm:trouble/thin -o thin.tar
same "and then has its own turn" 0 "$(grep -c 'all of' output)"
check "it holds the volume" blocktar compare thin.tar /dev/trouble/thin -q
wait
same "the tables are free again" - "$(tables trouble pool)"
finish
