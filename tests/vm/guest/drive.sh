# That a drive behind st holds to the same contract as the simulated one.
# cartridges: 64
. "$HERE/checks.sh"

check "the contract of a drive" env BLOCKTAR_TEST_DRIVE=$drive0 "$HERE/drive_contract" --nocapture the_drive_of_the_environment
says "which was looked at" '1 passed'
finish
