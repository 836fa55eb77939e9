# The main job: three backups by redirection, what is on the cartridge, and back again.
# cartridges: 256
. "$HERE/checks.sh"
tape=$drive0

for number in 1 2 3; do
  image disk$number $((number * 6))
  check "backup $number goes where the tape stands" into $tape blocktar backup disk$number --name web$number -q
done
check "list reads what is on it" blocktar list $tape
cp output list
same "and has a line for each backup" "web1 web2 web3" "$(grep -o 'web[0-9]' list | tr '\n' ' ' | sed 's/ $//')"
same "none of which is incomplete" 0 "$(grep -ci incomplete list)"

rewind $tape
check "the first comes back" from $tape blocktar restore new1 -q
check "byte for byte" cmp disk1 new1
check "the second, from where the first ended" from $tape blocktar restore new2 -q
check "is the same too" cmp disk2 new2
check "the third goes onto a device" from $tape blocktar restore /dev/disk-1 -q --overwrite
check "and is the same there" cmp -n "$(stat -c %s disk3)" disk3 /dev/disk-1

check "the second is found by its name" blocktar restore -i $tape --name web2 again2 -q
check "and is the same" cmp disk2 again2
dd if=disk3 bs=4k skip=5000 count=100 of=wanted 2> /dev/null
for way in "--file 2" "--name web3"; do
  check "a range of the third is fetched ($way)" into range blocktar extract $tape $way --offset 20480000 --length 409600 -q
  check "and is what the image holds" cmp wanted range
done

rewind $tape
for number in 1 2 3; do
  same "all records of backup $number are full" 0 "$(records $tape | cut -d+ -f2)"
done
rewind $tape
check "GNU tar reads the first" tar -b 1024 -tvf $tape
check "mt goes to the second" mt -f $tape fsf 1
check "GNU tar reads it" tar -b 1024 -tvf $tape
says "with data members in it" '/extent/'
rewind $tape
tar -b 1024 -xOf $tape --occurrence=1 --wildcards '*/RESTORE.txt' > recipe
check "the recipe comes off the tape" grep -q '^    ' recipe
check "verify reads the whole cartridge" blocktar verify $tape
same "and finds each sound" 3 "$(grep -ci sound output)"
finish
