# Reading whatever comes: archives that another program put on the tape, in records of any size.
# cartridges: 128 10
. "$HERE/checks.sh"
tape=$drive0 blank=$drive1
image disk 6

for size in 10k 64k 512k 1024k; do
  blocktar backup disk --name "in-$size" -q | dd of=$tape bs=$size iflag=fullblock 2> /dev/null
done
check "list" blocktar list $tape
says "has all four" 'in-10k.*in-64k.*in-512k.*in-1024k'
rewind $tape
for size in 10k 64k 512k 1024k; do
  check "records of $size are read from where the tape stands" from $tape blocktar restore new -q
  check "byte for byte" cmp disk new
  rm -f new
done
for size in 10k 1024k; do
  check "and found by name, in records of $size" blocktar restore -i $tape --name "in-$size" new -q
  check "byte for byte" cmp disk new
  rm -f new
  check "a range is fetched" into range blocktar extract $tape --name "in-$size" --offset 3M --length 100K -q
  check "and is the same" cmp range <(dd if=disk bs=1k skip=3072 count=100 2> /dev/null)
done
check "info of the third" blocktar info $tape --file 2
says "is of the third" 'in-512k'
check "verify" blocktar verify $tape
mt -f $tape setblk 512
rewind $tape
check "fixed blocks, left by somebody, are no hindrance" from $tape blocktar restore new -q
check "byte for byte" cmp disk new

check "a blank cartridge is listed" blocktar list $blank
refused "and holds nothing to restore" 3 'the tape is blank' from $blank blocktar restore none -q
refused "the node that rewinds is refused" 6 "$tape" blocktar list "${tape/nst/st}"
refused "a drive that is not there is told" 3 'no drive|No such' blocktar list /dev/nst77
finish
