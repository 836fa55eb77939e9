# That examples/next-medium-mtx.sh changes the right cartridges, by itself and for blocktar.
. "$HERE/checks.sh"
export CHANGER=/dev/changer NOTES=$PWD/notes BLOCKTAR_MEDIUM=$changer_drive BLOCKTAR_ARCHIVE=01-example

# next DIRECTION PART [REASON]
next() { BLOCKTAR_DIRECTION=$1 BLOCKTAR_PART=$2 BLOCKTAR_REASON=${3:-next} next-medium-mtx.sh; }
in_drive() { mtx -f $CHANGER status | sed -n 's/^Data Transfer Element 0:Full (Storage Element \([0-9]*\) .*/\1/p'; }

check "the first cartridge is loaded" mtx -f $CHANGER load 1 0
check "a backup goes on" next write 2
same "with the next slot" 2 "$(in_drive)"
check "and on" next write 3
same "with the one behind it" 3 "$(in_drive)"
refused "there is no fourth" 1 'no full slot behind slot 3' next write 4
same "the cartridges are noted" "1 slot1 2 slot2 3 slot3" "$(cut -d' ' -f2- notes | tr '\n' ' ' | sed 's/ $//')"
check "a restore asks for the second part" next read 2
same "which is in the second slot" 2 "$(in_drive)"
check "and for the first" next read 1
same "which is in the first" 1 "$(in_drive)"
check "when it was the wrong one" next read 1 wrong
same "it tries the next" 2 "$(in_drive)"
check "the drive is emptied" mtx -f $CHANGER unload 2 0
check "an empty drive is filled" next read 2
same "with the cartridge of the notes" 2 "$(in_drive)"
check "the cartridge goes back" mtx -f $CHANGER unload 2 0
finish
