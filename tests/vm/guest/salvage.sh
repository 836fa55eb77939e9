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
rewind $drive1
refused "and costs a salvage what lies behind it" 8 'lost +7 MiB .* in 3 ranges.*could not be read either' blocktar salvage -i $drive1 stuck --lost stuck.json
rewind $drive2
check "which comes from another cartridge" blocktar restore -i $drive2 --only stuck.json stuck -q
check "and that is whole too" cmp "$HERE/disk" stuck

# An archive on a disk with two bad sectors, between which there is a good one.
check "a backup onto a disk" into /dev/disk-faulty blocktar backup "$HERE/disk" --compression none -q
echo 3 > /proc/sys/vm/drop_caches
refused "which has bad sectors" 3 '/dev/disk-faulty' blocktar restore -i /dev/disk-faulty bad -q
blocktar salvage -i /dev/disk-faulty bad --lost bad.json --json -q > told 2> said
same "costs the sectors, and the member in which they are" '1024 1' "$(jq -r '"\(.unreadable_bytes) \(.lost_ranges)"' told)"
rewind $drive2
check "which comes from tape" blocktar restore -i $drive2 --only bad.json bad -q
check "and the disk is whole" cmp "$HERE/disk" bad
finish
