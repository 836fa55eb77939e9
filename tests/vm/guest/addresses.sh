# A drive with addresses, a right end of data and a hard end of the medium: scsi_debug's, which keeps four bytes of each record. So positions and
# errors are looked at here, not content.
# cartridges: 64
. "$HERE/checks.sh"
modprobe scsi_debug ptype=1 delay=0
for ((tries = 0; tries < 100; tries++)); do
  tape=/dev/$(cd /dev && ls -v | grep '^nst[0-9]*$' | tail -1)
  [[ $tape != "$changer_drive" ]] && break
  sleep 0.05
done
# address: where the drive says it stands.
address() { mt -f $tape tell | sed 's/[^0-9]//g'; }
image disk 8

check "the drive holds to the contract" env BLOCKTAR_TEST_DRIVE=$tape BLOCKTAR_TEST_DRIVE_KEEPS=4 "$HERE/drive_contract" --nocapture the_drive_of_the_environment
mt -f $tape rewind
mt -f $tape erase 0
rewind $tape
check "the drive has addresses" mt -f $tape tell
rewind $tape
check "a backup by redirection" into $tape blocktar backup disk -q --overwrite
records=$(($(blocktar backup disk -q --record-size 512K | wc -c) / record))
same "takes its records and one filemark" $((records + 1)) "$(address)"
check "a second" into $tape blocktar backup disk -q
same "stands behind it" $((2 * (records + 1))) "$(address)"
mt -f $tape seek 3
refused "between records, recorded data would be cut off" 6 'overwrite' into $tape blocktar backup disk -q
same "and the tape stands where it stood" 3 "$(address)"
mt -f $tape eod
same "nothing was cut off" $((2 * (records + 1))) "$(address)"
check "behind the end of data it goes on" into $tape blocktar backup disk -q
same "and stands there" $((3 * (records + 1))) "$(address)"
rewind $tape
check "with --overwrite the tape begins anew" into $tape blocktar backup disk -q --overwrite
same "where it stands" $((records + 1)) "$(address)"
mt -f $tape eod
same "and all else is gone" $((records + 1)) "$(address)"

# 10,000 records fit on this tape, and 20 of them lie behind the early warning: too few to close a part with members of 1 MiB.
image large 6
fills() { blocktar backup large -q --overwrite --compression none --record-size 512 "$@"; }
rewind $tape
refused "the same cartridge again and again is refused, redirected" 6 '5 cartridges would not do.*not blank' into $tape fills --next-medium true
rewind $tape
refused "and by name" 6 '5 cartridges would not do.*part of this very archive' fills -o $tape --next-medium "echo $tape"
rewind $tape
# Each dd ends with the filemark of a close; 10,000 of either come before the end.
for ((tries = 0; tries < 30; tries++)); do dd if=/dev/zero of=$tape bs=512 count=10000 2> /dev/null; done
refused "at the hard end there is no room" 1 'No space' dd if=/dev/zero of=$tape bs=512 count=2
check "behind which the drive holds to the contract" env BLOCKTAR_TEST_DRIVE=$tape BLOCKTAR_TEST_DRIVE_KEEPS=4 "$HERE/drive_contract" --nocapture the_drive_of_the_environment
rewind $tape
# It gives the cartridge out: who opens the drive now waits in the driver, for two minutes, unless the cartridge is taken in again.
refused "without another medium it fails" 3 'medium|tape' into $tape fills
check "the cartridge is out" grep -q 'none is loaded' <(blocktar tape status $tape)
check "and is taken in again" mt -f $tape load
check "so that the drive answers at once" timeout 20 blocktar list $tape
finish
