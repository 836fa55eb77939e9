# A drive that is reset loses its place: nothing that is recorded is lost with it, and what cannot be done is said.
# cartridges: 64
. "$HERE/checks.sh"
tape=$drive0
generic=/dev/$(ls /sys/class/scsi_tape/${tape##*/}/device/scsi_generic)
reset() { sg_reset -d $generic > /dev/null; }
# unless_lost NAME STATUS WORDS COMMAND…: as refused; the driver may have lost where the tape stands, and then says so until it was rewound.
unless_lost() {
  local name=$1
  shift
  "${@:3}" > output 2>&1
  if grep -q 'was reset in between' output; then rewind $tape; fi
  refused "$name" "$@"
}
image disk 1
image large 12

check "a backup" blocktar backup disk -o $tape --name first --verify
says "which was read again" 'sound|verified'
check "a second" blocktar backup disk -o $tape --name second -q
"$BLOCKTAR" backup large --name cut --compression none --bwlimit 4M --buffer 1M -q > $tape 2> output &
backup=$!
sleep 1.5
# Stopped, so that no command is on its way to the drive: what becomes of one depends on when the reset comes.
kill -STOP $backup
sleep 0.2
reset
kill -CONT $backup
status=0
wait $backup || status=$?
same "a backup whose drive is reset fails" 3 $status
says "and says so" 'was reset in between.*mt -f .* rewind'
refused "list tells what is there" 4 'first .*second .*cut ' blocktar list $tape
check "what was there comes back" blocktar restore -i $tape --name second back -q
check "byte for byte" cmp disk back
check "the next goes behind what has no filemark" blocktar backup disk -o $tape --name third -q
refused "where list finds it" 4 'first .*second .*cut .*third ' blocktar list $tape

# Nothing runs: the driver takes the tape to be at its beginning.
mt -f $tape rewind
mt -f $tape fsf 1
reset
status=0
into $tape blocktar backup disk --name fourth -q 2> output || status=$?
# It goes behind everything, or is refused as nobody knows where the tape stands.
same "a backup where the tape stood costs nothing" yes "$( ((status == 0 || status == 3 || status == 6)) && echo yes || cat output)"
reset
unless_lost "-o goes behind everything" 0 '' blocktar backup disk -o $tape --name fifth -q
reset
unless_lost "restore finds what it is asked for" 0 '' blocktar restore -i $tape --name first back -q --overwrite
reset
unless_lost "status answers" 0 'label ' blocktar tape status $tape
reset
unless_lost "a label is refused" 6 'begins with a backup first' blocktar tape label $tape LOST
rewind $tape
reset
unless_lost "and all of it is there" 4 'first .*second .*cut .*third .*fifth ' blocktar list $tape
finish
