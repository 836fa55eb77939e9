# examples/nightly-tape.sh over four weeks with two cartridges.
# cartridges: 64 64
. "$HERE/checks.sh"
image web 2
image db 1
week=604800 today=$(date +%s)
export CARTRIDGES=2 SET=SET
# night DRIVE WEEKS: the night of today, so many weeks from now.
night() { TAPE=$1 NOW=$((today + $2 * week)) nightly-tape.sh web "${3-db}"; }

check "a blank cartridge is labelled and filled" night $drive0 0
says "and everything reads back" 'all 2 backups are on SET-., and read back'
first=$(grep -o 'SET-[12]' output | head -1)
check "the next night appends" night $drive0 0
says "four backups are there" 'web.*db.*web.*db'
refused "next week it is the other's turn" 1 "the turn of SET-.*is $first" night $drive0 1
check "which is blank" night $drive1 1
check "the week after the first is begun anew" night $drive0 2
says "and says so" "$first is begun anew"
says "with two backups" "$first in"
same "and no more" 2 "$(grep -cE ' (web|db) .*complete' output)"
refused "a source that fails is told" 1 'failed: nothing' night $drive0 2 nothing
says "and the other is there" 'web'

check "a cartridge is labelled for next week" blocktar tape label $drive1 "SET-$((((today / 86400 + 3) / 7 + 1) % 3 + 1))" --overwrite -q
check "and gets a backup today" blocktar backup db -o $drive1 -q
CARTRIDGES=3
refused "which is too young to be lost next week" 1 'was a cartridge labelled wrongly' night $drive1 1
finish
