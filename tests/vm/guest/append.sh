# Appending behind what is there, a labelled cartridge, and what is not overwritten.
# cartridges: 64 64
. "$HERE/checks.sh"
tape=$drive0 other=$drive1
image disk 4
image newer 5

check "a blank cartridge gets a label" blocktar tape label $tape WEEK-07
refused "which is not replaced" 6 'WEEK-07.*--overwrite' blocktar tape label $tape WEEK-08
check "status knows it" blocktar tape status $tape
same "by its name" 1 "$(grep -c WEEK-07 output)"
check "a backup is appended" blocktar backup disk -o $tape --name first -q
check "and another, without going back first" blocktar backup newer -o $tape --name second -q
rewind $tape
check "and a third, from the beginning of the tape" blocktar backup disk -o $tape --name third -q
check "list" blocktar list $tape
same "has the label and three backups" "WEEK-07 first second third" "$(grep -oE 'WEEK-07|first|second|third' output | awk '!seen[$0]++' | tr '\n' ' ' | sed 's/ $//')"
check "the second is found" blocktar restore -i $tape --name second back -q
check "and is the same" cmp newer back
rm back

mt -f $tape eod
check "list" blocktar list $tape
refused "puts the tape back" 1 '' grep 'at its beginning now' output
check "so that > goes behind what is there" into $tape blocktar backup newer --name fourth -q
check "list" blocktar list $tape
same "has four" 4 "$(grep -coE 'first|second|third|fourth' output)"
rewind $tape
refused "> does not cut off what is recorded" 6 'overwrite' into $tape blocktar backup disk -q
check "list still" blocktar list $tape
same "has four" 4 "$(grep -coE 'first|second|third|fourth' output)"
refused "the node that rewinds is refused" 6 "$tape" blocktar backup disk -o "${tape/nst/st}" -q
refused "by redirection too" 6 "$tape" into "${tape/nst/st}" blocktar backup disk -q

export TAPE=$tape
check "TAPE names the drive for status" blocktar tape status
check "and for list, at a terminal" from /dev/console blocktar list
unset TAPE

mt -f $tape setblk 512
check "fixed blocks, left by somebody, are set right" blocktar backup disk -o $tape --name fifth -q
check "and the backup is found" blocktar restore -i $tape --name fifth back -q
check "and is the same" cmp disk back
rm back
rewind $tape
for number in label 1 2 3 4 5; do
  same "all records are full in tape file $number" 0 "$(records $tape | cut -d+ -f2)"
done

check "somebody else's tar" tar -b 1024 -cf $other disk
check "gets a line of its own" blocktar list $other
refused "and nothing is appended to it" 6 'overwrite' blocktar backup disk -o $other -q
check "unless that is wanted" blocktar backup disk -o $other --name ours --overwrite -q
check "list" blocktar list $other
same "has the backup alone" 1 "$(grep -c ours output)"

# Backups of three records, as many as are read at a tape file's end.
image small 1
for number in 1 2 3; do check "a small backup" blocktar backup small -o $other --name "small$number" -q; done
check "list" blocktar list $other
same "has all of them whole" 3 "$(grep -c 'small.*complete' output)"
finish
