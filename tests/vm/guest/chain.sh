# A chain on one cartridge: a full and its increments behind one another, each found by what it builds on.
# cartridges: 128
. "$HERE/checks.sh"
tape=$drive0
image disk 6
cp disk first
check "a full" blocktar backup disk -o $tape --name full -q
blocktar backup disk -o full.tar -q
dd if=/dev/zero of=disk bs=64k seek=10 count=20 conv=notrunc 2> /dev/null
check "an increment of a copy" blocktar backup disk --since full.tar -o 1.tar -q
check "which is not on this tape" blocktar reblock 1.tar -o $tape -q
refused "is missed" 7 'which was not named|builds on' blocktar restore -i $tape --file 1 none -q
check "its full goes there" blocktar reblock full.tar -o $tape -q
cp disk second
dd if=/dev/urandom of=disk bs=4k seek=700 count=5 conv=notrunc 2> /dev/null
truncate -s 13M disk
check "the next increment" blocktar backup disk --since full.tar --since 1.tar -o 2.tar -q
check "goes there too" blocktar reblock 2.tar -o $tape -q
check "list" blocktar list $tape
says "tells what builds on what" 'BUILDS ON'
check "the last is restored with all that it builds on" blocktar restore -i $tape --file 3 new -q --read-back
check "byte for byte" cmp disk new
rm -f new
check "so is the one before it" blocktar restore -i $tape --file 1 new -q
check "byte for byte" cmp second new
check "the last alone, onto that" blocktar restore -i $tape --file 3 --onto-parent new -q
check "byte for byte" cmp disk new
rm -f new
rewind $tape
check "a full, where the tape stands, alone" from $tape blocktar restore new -q
check "byte for byte" cmp first new
finish
