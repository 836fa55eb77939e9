# A backup over several cartridges: other drives, and a changer on an inherited descriptor.
# cartridges: 10 256 10 10
. "$HERE/checks.sh"
small=$drive0 large=$drive1
image disk 16
cat > other_drive.sh <<'O'
#!/bin/bash
# Goes on with the drives in turn, by the number of the part.
drives=($DRIVES)
echo "$BLOCKTAR_DIRECTION $BLOCKTAR_PART $BLOCKTAR_REASON $BLOCKTAR_MEDIUM" >> asked
echo "${drives[$((BLOCKTAR_PART - 1))]}"
O
chmod +x other_drive.sh
export DRIVES="$small $large"

check "a cartridge of 10 MiB, then one of 256" blocktar backup disk -o $small --name long --compression none --next-medium ./other_drive.sh -q
same "which was asked for once" "write 2 next $small" "$(cat asked)"
for drive in $small $large; do
  rewind $drive
  same "all records on $drive are full" 0 "$(records $drive | cut -d+ -f2)"
  rewind $drive
  check "and GNU tar reads it" tar -b 1024 -tf $drive
  says "to its end member" '/end.json *$'
done
for part in "1 $small" "2 $large"; do
  check "list of part ${part% *}" blocktar list "${part#* }"
  says "tells which it is" "long .*part ${part% *}"
done
rewind $small
rewind $large
check "both parts come back" blocktar restore -i $small --next-medium ./other_drive.sh back -q
check "byte for byte" cmp disk back
rewind $large
refused "verify of the second alone says what it has not seen" 4 'part 1 of it was not given.* 0 to ' blocktar verify $large
rewind $small
rewind $large
check "a range of both is fetched" bash -c "blocktar extract $small --next-medium ./other_drive.sh --offset 4M --length 20M -q > range"
check "and is the same" cmp range <(dd if=disk bs=1M skip=4 count=20 2> /dev/null)
rewind $large
truncate -s "$(stat -c %s disk)" part2
check "the second part alone goes into an image" blocktar restore -i $large --single-part part2 -q
check "and nothing but what it holds" cmp <(tail -c 8388608 disk) <(tail -c 8388608 part2)

rewind $small
rewind $large
check "verify of a chosen archive reads all its parts" blocktar verify $small --name long --next-medium ./other_drive.sh
says "and says so" 'sound.*part 1: sound.*part 2: sound'
refused "info tells of the part at hand" 4 'part, others missing.*continues' blocktar info $small --name long
rm back range part2

export CHANGER=/dev/changer NOTES=$PWD/notes
mtx -f $CHANGER load 1 0 > output 2>&1
rewind $changer_drive
check "an inherited descriptor, cartridges changed" into $changer_drive blocktar backup disk --name changed --compression none --next-medium next-medium-mtx.sh -q
same "over two of them" "1 slot1 2 slot2" "$(cut -d' ' -f2- notes | tr '\n' ' ' | sed 's/ $//')"
mtx -f $CHANGER unload 2 0 > output 2>&1
mtx -f $CHANGER load 3 0 >> output 2>&1
rewind $changer_drive
refused "a blank one is not the first" 3 'blank' from $changer_drive blocktar restore wrong -q
mtx -f $CHANGER unload 3 0 > output 2>&1
mtx -f $CHANGER load 1 0 >> output 2>&1
rewind $changer_drive
check "and back" from $changer_drive blocktar restore changed --next-medium next-medium-mtx.sh -q
check "byte for byte" cmp disk changed

# A chain: behind that, the full on the second and third, an increment on the third, and another on the first.
rm changed
load() {
  mtx -f $CHANGER unload
  mtx -f $CHANGER load $1 0
}
image small 6
blocktar backup small -o full.tar -q
dd if=/dev/urandom of=small bs=256k seek=3 count=2 conv=notrunc 2> /dev/null
blocktar backup small --since full.tar -o 1.tar -q
dd if=/dev/urandom of=small bs=256k seek=4 count=2 conv=notrunc 2> /dev/null
blocktar backup small --since full.tar --since 1.tar -o 2.tar -q
load 2 > output 2>&1
check "a full over two cartridges" blocktar reblock full.tar -o $changer_drive --next-medium "mtx -f $CHANGER next 0" -q
says "and what mtx says is no path" 'Loading'
check "an increment behind it" blocktar reblock 1.tar -o $changer_drive -q
load 1 > output 2>&1
check "and one elsewhere" blocktar reblock 2.tar -o $changer_drive --overwrite -q
export FULL=$(blocktar info full.tar --json | jq -r .info.id) SECOND=$(blocktar info 2.tar --json | jq -r .info.id)
cat > by_part.sh <<'O'
#!/bin/bash
# The cartridge of the part that is wanted; what mtx says of it is no path.
case $BLOCKTAR_PART-$BLOCKTAR_ARCHIVE in
  1-$FULL) slot=2 ;;
  1-$SECOND) slot=1 ;;
  *) slot=3 ;;
esac
echo "$BLOCKTAR_MEDIUM" >> media
mtx -f $CHANGER unload
mtx -f $CHANGER load $slot 0
O
chmod +x by_part.sh
check "the chain comes back from three cartridges" blocktar restore -i $changer_drive --file 0 --next-medium ./by_part.sh chain -q
check "byte for byte" cmp small chain
rm chain
rewind $changer_drive
check "so it does redirected" from $changer_drive blocktar restore chain --next-medium ./by_part.sh -q
check "byte for byte" cmp small chain
same "and the command is told of the drive by its name" $changer_drive "$(sort -u media)"
refused "nobody who brings them: what is on no cartridge at hand is missed" 7 'which was not named|builds on' blocktar restore -i $changer_drive --file 0 none -q
load 3 > output 2>&1
refused "and so are the other parts" 6 'only part 2 .*nobody can be asked' blocktar restore -i $changer_drive --file 1 none -q
finish
