# A backup that is stopped or killed while its snapshot is held.
. "$HERE/lvm_checks.sh"
group stop /dev/disk-2
volume stop lv 24
pool stop pool 32
thin stop pool thin 24
random /dev/stop/lv 0 24
random /dev/stop/thin 0 24

# stopped VOLUME SIGNAL
stopped() {
  signalled "SIG$2 while $1 is read" "$2" "lvm:stop/$1" -o stopped.tar --bwlimit 2M -q
  none_left "leaves no snapshot"
}
stopped lv INT
stopped lv TERM
stopped lv HUP
stopped thin INT

# Blocked in a write, so that the snapshot stays open to the end.
mkfifo pipe
sleep 20 < pipe &
sleeper=$!
command blocktar backup lvm:stop/lv -q --compression none > pipe 2> said &
backup=$!
wait_for_snapshot
sleep 1
kill -TERM $backup
wait $backup
same "SIGTERM while nobody reads the archive" 143 $?
kill $sleeper
none_left "leaves no snapshot either"

set -m
"$BLOCKTAR" backup lvm:stop/lv -o stopped.tar -q --before-snapshot 'touch begun; sleep 30' --after-snapshot 'echo thawed > thawed' &
backup=$!
set +m
for _ in {1..100}; do
  [[ ! -e begun ]] || break
  sleep 0.1
done
kill -INT $backup
wait $backup
same "a command before the snapshot is stopped" 130 $?
same "and the one behind it run" thawed "$(cat thawed)"

for lv in lv thin; do
  signalled "kill -9 while $lv is read" KILL lvm:stop/$lv -o killed.tar --bwlimit 2M -q
  left=$(snapshots)
  if [[ $left == /dev/mapper/* ]]; then pass "leaves a snapshot"; else fail "leaves a snapshot"; fi
  command blocktar backup lvm:stop/$lv -o slow-$lv.tar --bwlimit 8M 2> slow &
  slow=$!
  wait_for_snapshot "$left"
  check "another backup of $lv at the same time" blocktar backup lvm:stop/$lv -o quick-$lv.tar
  same "leaves the first one's snapshot alone" 0 "$(grep -c removed output)"
  wait $slow
  same "which goes on to its end" 0 $?
  same "and has removed what the killed one left, and said so" 1 "$(grep -c 'removed the snapshot stop/blocktar-.*killed' slow)"
  none_left "none is left in the end"
  check "both hold the volume" blocktar compare slow-$lv.tar /dev/stop/$lv -q
  check "both hold the volume" blocktar compare quick-$lv.tar /dev/stop/$lv -q
done

# The lvremove behind the end of the process that was stopped or killed, which comes first once.
mkdir faster
cat > faster/lvremove << END
#!/bin/bash
[[ -e $PWD/was-faster ]] || { touch $PWD/was-faster && $(command -v lvremove) "\$@"; }
exec $(command -v lvremove) "\$@"
END
chmod +x faster/lvremove

# An increment that comes to nothing leaves what the next one builds on.
for lv in lv thin; do
  check "a snapshot of $lv is kept" blocktar backup lvm:stop/$lv -o kept-$lv.tar --keep-snapshot --snapshot-size 12M -q
  random /dev/stop/$lv 5 6
  for signal in INT KILL; do
    signalled "SIG$signal while an increment is written" $signal \
      lvm:stop/$lv --since kept-$lv.tar --if-untracked fail -o inc-$lv.tar --keep-snapshot --snapshot-size 8M --bwlimit 1M
  done
  rm -f was-faster
  check "the next one knows what changed" env PATH="$PWD/faster:$PATH" bash -c 'blocktar "$@"' - backup lvm:stop/$lv --since kept-$lv.tar --if-untracked fail -o inc-$lv.tar --snapshot-size 8M
  says "and tells of what the killed one left" 'the snapshot stop/blocktar-.*killed'
  check "though another lvremove came first" test -e was-faster
  check "the chain comes back" blocktar restore -i kept-$lv.tar -i inc-$lv.tar back.img -q
  check "as the volume is" cmp back.img /dev/stop/$lv
  rm back.img
done
remove_kept stop

# Killed while it has reserved the pool's tables.
mkdir slower
cat > slower/thin_dump << END
#!/bin/bash
echo \$\$ > $PWD/dumping
exec sleep 60
END
mkdir slowest
cat > slowest/dmsetup << END
#!/bin/bash
$(command -v dmsetup) "\$@" || exit
if [[ "\$*" == *reserve_metadata_snap ]]; then
  echo \$\$ > $PWD/dumping
  exec sleep 60
fi
END
chmod +x slower/thin_dump slowest/dmsetup
note=/var/lib/blocktar/thin-pool-$(lvs --noheadings -o lv_uuid stop/pool | tr -d ' ')
# killed_while_reserved [FOLDER]: where what it runs then takes so long that there is time to kill it.
killed_while_reserved() {
  rm -f dumping
  env PATH="$PWD/${1-slower}:$PATH" "$BLOCKTAR" backup lvm:stop/thin -o killed.tar -q &
  local killed=$!
  for _ in {1..100}; do
    [[ ! -s dumping ]] || break
    sleep 0.1
  done
  kill -9 $killed $(cat dumping)
  wait $killed
  if [[ $(tables stop pool) != - ]]; then pass "kill -9 leaves the tables reserved"; else fail "kill -9 leaves the tables reserved"; fi
}
same "nobody has reserved the tables" - "$(tables stop pool)"

# released_by_next NAME: within seconds, where others would be waited for.
released_by_next() {
  check "$1" timeout 30 "$BLOCKTAR" backup lvm:stop/thin -o next.tar --overwrite
  says "which says so" 'released the tables of the thin pool stop-pool-tpool.*killed'
  same "and needs not read all" 0 "$(grep -c 'all of' output)"
  same "the tables are free" - "$(tables stop pool)"
}
killed_while_reserved
released_by_next "the next backup releases them"

killed_while_reserved slowest
same "before it could note which block" - "$(cut -d ' ' -f 2 "$note")"
released_by_next "the next backup releases that too"

# The reservation outlasts the pool's end; the machine's is the note of another start.
killed_while_reserved
quiet lvchange -an stop
quiet lvchange -ay stop
if [[ $(tables stop pool) != - ]]; then pass "so does the pool's end"; else fail "so does the pool's end"; fi
sed -i -E 's/^([^:]*):[^:]*:/\1:another:/' "$note"
released_by_next "a backup after the machine's next start releases them"

# respected NAME: what others have reserved, or may have.
respected() {
  refused "$1" 130 '' timeout -s INT 6 "$BLOCKTAR" backup lvm:stop/thin -o next.tar --overwrite
  same "and is told nothing of" 0 "$(grep -c released output)"
  if [[ $(tables stop pool) != - ]]; then pass "is not released"; else fail "is not released"; fi
}
killed_while_reserved
exec {reader}< /dev/mapper/stop-pool_tmeta
respected "what a reader may have reserved"
exec {reader}<&-
released_by_next "when nobody reads them any more they are released"

killed_while_reserved
cp "$note" noted
quiet dmsetup message stop-pool-tpool 0 release_metadata_snap
random /dev/stop/thin 3 1
quiet dmsetup message stop-pool-tpool 0 reserve_metadata_snap
respected "what others have reserved since"
same "the note is gone" "" "$(cat "$note")"
# As if they had got the same block, and nobody had looked meanwhile.
awk -v block="$(tables stop pool)" '{$2 = block; print}' noted > "$note"
respected "what others have reserved in the same block"
quiet dmsetup message stop-pool-tpool 0 release_metadata_snap
none_left "no snapshot of a killed one is left"
finish
