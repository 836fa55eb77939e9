# What is left of cartridges that were damaged: of the first, bytes in two records; of the second, a record that the drive cannot pass. The third is whole.
# cartridges: 64 64 64
. "$HERE/checks.sh"

refused "verify finds the damage" 5 'damaged' blocktar verify $drive0
rewind $drive0
refused "restore does too" 5 'damaged' blocktar restore -i $drive0 broken -q
rewind $drive0
refused "salvage brings back what is good" 8 'lost' blocktar salvage -i $drive0 saved --lost lost.json
same "all but three MiB" 0 $(($(cmp -l "$HERE/disk" saved 2> /dev/null | wc -l) > 3 * 1024 * 1024))
rewind $drive2
check "the lost ranges come from another cartridge" blocktar restore -i $drive2 --only lost.json saved -q
check "and all is whole" cmp "$HERE/disk" saved

rewind $drive1
refused "a record that cannot be read or passed ends a restore" 3 "$drive1" blocktar restore -i $drive1 stuck -q
finish
