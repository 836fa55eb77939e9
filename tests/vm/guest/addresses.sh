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
rewind $tape
refused "without another medium it fails" 3 'medium|tape' into $tape blocktar backup large -q --overwrite --compression none --record-size 512
finish
