# examples/nightly-lvm.sh over two weeks of which every night can be restored for three days; it is cut off at each step of its clearing up.
# cartridges: 96
. "$HERE/lvm_checks.sh"
group night /dev/disk-7
pool night pool 64
thin night pool thin 12
volume night classic 12
export FOLDER=$PWD/archives DAYS=3 SNAPSHOT_SIZE=12M NIGHT NOW CUT=''
export AFTER='cat $(lvs --noheadings -o lv_dm_path,lv_tags @blocktar | awk "/:process:/ {print \$1}") > ${BLOCKTAR_VOLUME#*/}.$NIGHT.img'
# The script is to call blocktar itself.
export -fn blocktar
random /dev/night/thin 1 6
random /dev/night/classic 1 4

# Programs that cut the script off behind one step: all of its processes are killed.
mkdir cut
for tool in blocktar sync rm; do
  cat > cut/$tool << END
#!/bin/bash
PATH=\${PATH#*:}
$tool "\$@" || exit
case "$tool \$1" in "blocktar backup" | "blocktar merge") step=\$1 ;; "rm --") step=remove ;; esac
case "\$CUT \${step-$tool}" in
  "damage merge") dd if=/dev/zero of=\$(ls \$FOLDER/.new/*/*/*.tar) bs=1 seek=20000 count=100 conv=notrunc 2> /dev/null; kill -9 0 ;;
  "backup backup" | "sync sync" | "rm remove") kill -9 0 ;;
  "fail merge") exit 5 ;;
esac
END
  chmod +x cut/$tool
done

# night NUMBER [VOLUME…]: the first one is a Sunday.
night() {
  NIGHT=$1 NOW=$(($(date -u -d '2026-03-01 03:00' +%s) + $1 * 86400))
  shift
  random /dev/night/thin $((NIGHT % 8)) 1
  dd if=/dev/urandom of=/dev/night/classic bs=4k count=20 seek=$((NIGHT * 50)) conv=notrunc,fsync 2> /dev/null
  nightly-lvm.sh "${@:-night/thin}"
}

# cut_off WHERE NUMBER: the night is cut off there.
cut_off() {
  set -m
  CUT=$1 PATH=$PWD/cut:$PATH night "$2" > output 2>&1 &
  set +m
  wait $!
  same "a night that is cut off behind $1" 137 $?
}

# there VOLUME: what lies in its folder, by the days of March.
there() { (cd "$FOLDER/night/$1" && ls | sed 's/2026-03-//; s/.tar//; s/ncrement//; s/ull//' | tr '\n' ' '); }

# all_restorable VOLUME: every state that is there is what was frozen in its night.
all_restorable() {
  local archive chain=() day
  for archive in "$FOLDER/night/$1"/*.tar; do
    [[ $archive != *-full.tar ]] || chain=()
    # A cut-off night has left the full that was made of this one.
    [[ ! -e ${archive%-*}-full.tar || $archive == *-full.tar ]] || continue
    chain+=(-i "$archive")
    day=${archive##*/2026-03-} day=${day%%-*}
    check "day $day of $1 comes back" blocktar restore "${chain[@]}" back.img -q
    check "as it was" cmp "$1.$((10#$day - 1)).img" back.img
    rm -f back.img
  done
}

check "the first night" night 0 night/thin night/classic
same "makes fulls" "01-f 01-f " "$(there thin)$(there classic)"
check "on Monday" night 1 night/thin night/classic
says "it is known what changed" 'kept .thin..*kept .classic.'
check "a night later than the next" night 3
same "increments are there" "01-f 02-i 04-i " "$(there thin)"
check "the same night once more" night 3
says "adds nothing" 'is there already'

refused "a volume that is not there" 6 'failed, with exit code: night/none .6.' night 4 night/none night/thin night/classic
same "the others have theirs; what is too old has become a full" "02-f 04-i 05-i 02-f 05-i " "$(there thin)$(there classic)"
all_restorable thin
all_restorable classic

exec {held}> "$FOLDER/.lock"
flock "$held"
refused "while another run is at work" 1 'another run is at work' night 6
exec {held}>&-

refused "a merge that fails" 5 'failed, with exit code: night/thin .5.' env CUT=fail PATH="$PWD/cut:$PATH" bash -c "$(declare -f random night); night 6"
same "and nothing goes" "02-f 04-i 05-i 07-i " "$(there thin)"
rm -r "$FOLDER/.new/night/thin"
cut_off damage 6
same "and nothing goes" "02-f 04-i 05-i 07-i " "$(there thin)"
cut_off sync 6
says "the next has removed what it left, which was damaged" 'is not sound, and is removed'
same "and has put the merged one in its place" "02-f 04-f 04-i 05-i 07-i " "$(there thin)"
check "with both there, it is known on what an increment builds" blocktar backup lvm:night/thin --since "$FOLDER/night/thin" --if-untracked fail -o x.tar
all_restorable thin
cut_off rm 6
same "the newest that nothing needs goes first" "02-f 04-f 05-i 07-i " "$(there thin)"
check "and the rest" night 6
same "is removed the next time" "04-f 05-i 07-i " "$(there thin)"
cut_off backup 8
same "and nothing counts that was not read back" "04-f 05-i 07-i " "$(there thin)"
check "the archive that was left" night 8
says "is kept" 'was complete, and is kept.* is there already'
same "a Sunday was missed: a full on Monday" "05-f 07-i 09-f " "$(there thin)"

check "at last, onto the tape" env TAPE=$drive0 bash -c "$(declare -f random night); night 11"
same "what the full replaces is gone" "09-f 12-i " "$(there thin)"
all_restorable thin
check "the same night once more" env TAPE=$drive0 bash -c "$(declare -f random night); night 11"
check "the newest is on the tape" blocktar list $drive0 --json -q
same "once" "full increment" "$(jq -r '.archives[].info.kind' output | tr '\n' ' ' | sed 's/ $//')"
id=$(jq -r '.archives[-1].info.id' output)
check "and comes back from it, with its full" blocktar restore -i $drive0 --id "$id" back.img -q
check "as it was" cmp thin.11.img back.img
same "nothing is left over" "" "$(find "$FOLDER/.new" -type f)"
remove_kept night
finish
