# A backup that is interrupted, and those behind it; a pipe that has lost the blocking.
# cartridges: 64 64
. "$HERE/checks.sh"
tape=$drive0 other=$drive1
image disk 8

check "a backup" blocktar backup disk -o $tape --name whole -q
refused "one that is interrupted" 130 '' timeout -s INT 2 "$BLOCKTAR" backup disk -o $tape --name cut --bwlimit 3M --buffer 1M -q
check "one behind it" blocktar backup disk -o $tape --name behind
says "which says what it follows" "cut .*not complete"
refused "list tells which is incomplete" 4 'whole.*cut.*behind' blocktar list $tape
same "and only that" 1 "$(grep -ci incomplete output)"
check "the last comes back" blocktar restore -i $tape --name behind back -q
check "byte for byte" cmp disk back
refused "the cut one does not" 4 'incomplete' blocktar restore -i $tape --name cut broken -q
refused "and leaves no image" 1 '' test -e broken

# As ssh hands it on: whatever each read returned.
blocktar backup disk --name far -q | dd bs=7k 2> /dev/null > pipe.tar
check "a pipe is written in whole records" bash -c "dd if=pipe.tar bs=9k 2> /dev/null | blocktar reblock -o $other -q"
rewind $other
same "all full" 0 "$(records $other | cut -d+ -f2)"
rewind $other
id() { from "$1" blocktar list --json -q | jq -r '.. | .id? // empty' | head -1; }
same "it is the same archive" "$(id pipe.tar)" "$(id $other)"
rewind $other
check "and comes back" from $other blocktar restore far -q
check "byte for byte" cmp disk far
finish
