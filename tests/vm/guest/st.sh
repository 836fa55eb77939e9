# That this is the real st driver with drives that behave: what all other jobs rely on.
# cartridges: 64 10
. "$HERE/checks.sh"
tape=$drive0 small=$drive1

check "mt asks the drive" mt -f $tape status
same "st's major number" 9 "$((0x$(stat -c %t $tape)))"
image disk 4
check "GNU tar writes" tar -b 1024 -cf $tape disk
check "and a second tape file" tar -b 1024 -cf $tape disk
rewind $tape
check "GNU tar compares the first with its file" tar -b 1024 -df $tape
check "mt goes to the second" mt -f $tape fsf 1
check "which is the same" tar -b 1024 -df $tape

dd if=/dev/zero of=$small bs=$record 2> dd
same "a cartridge of 10 MiB takes 20 records" 20 "$(sed -n 's/+0 records out//p' dd)"
check "and then says that it is full" grep -q 'No space left' dd
finish
