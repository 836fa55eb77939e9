# Leaves two backups to be damaged before the next boot, and what they should hold.
# cartridges: 64 64 64
. "$HERE/checks.sh"
image disk 12
cp disk "$OUT/disk"
blocktar backup disk --name precious --compression none -q > archive
for drive in $drive0 $drive1 $drive2; do
  check "the same archive on $drive" dd if=archive of=$drive bs=$record conv=sync
done
finish
