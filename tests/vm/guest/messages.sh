# What users are told when something is not as it should be: what, on what, why, and what to do.
# cartridges: 64 64 10r
. "$HERE/checks.sh"
tape=$drive0 other=$drive1 protected=$drive2
image disk 1

# advised NAME STATUS WORDS COMMAND…: refused, with these words, and with what helps.
advised() {
  refused "$@"
  says "and what helps" 'help: '
}

tar -b 1024 -cf $tape disk
advised "a cartridge of another program" 6 "write to $tape: .*a tar of another program .*add --overwrite" blocktar backup disk -o $tape
check "with --overwrite it is begun anew" blocktar backup disk -o $tape --name first --overwrite
says "and what is lost is told" 'cut off: 1 tape file: a tar of another program'
check "a second backup" blocktar backup disk -o $tape --name second -q
rewind $tape
advised "recorded data where the tape stands" 6 "write to $tape: .*mt -f $tape eod" into $tape blocktar backup disk
advised "a name that is not there" 6 'named none .*first \(.*second \(.*blocktar list' blocktar restore -i $tape --name none new
advised "an id that is not there" 6 'first \(.*second \(' blocktar restore -i $tape --id ffff new
advised "a tape file that is not there" 6 'it has no tape file 99: it has 2, 0 to 1' blocktar restore -i $tape --file 99 new
advised "the one behind the last" 6 'it has no tape file 2: it has 2, 0 to 1' blocktar restore -i $tape --file 2 new
advised "a tape file of a blank cartridge" 6 'the cartridge is blank' blocktar info $other --file 1
advised "a label over backups" 6 "label $tape as A: .*begins with a backup first .*add --overwrite" blocktar tape label $tape A
check "a label" blocktar tape label $other A -q
advised "a label over a label" 6 'begins with the label of medium A' blocktar tape label $other B
advised "a cartridge with nothing but a label" 6 'the label of medium A, not a backup' blocktar restore -i $other --file 0 new
exec 4< $tape
advised "a drive that is in use" 3 "opening $tape: another program has it open .*fuser -v $tape" blocktar backup disk -o $tape
exec 4<&-
advised "the node that rewinds" 6 "rewinds the tape .*use $tape" blocktar backup disk -o "${tape/nst/st}"
advised "no cartridge" 3 "$changer_drive: no cartridge is loaded" blocktar backup disk -o $changer_drive

advised "a protected cartridge" 6 "write to $protected: the cartridge is write-protected" blocktar backup disk -o $protected
advised "a label for it" 6 "label $protected: the cartridge is write-protected" blocktar tape label $protected A
refused "the driver refuses it to a redirection" 1 '' bash -c "blocktar backup disk > $protected"
check "its state" blocktar tape status $protected
says "has the protection in it" 'write-protected'
says "what the drive answers of compression, and what it does not of encryption" 'compression off +encryption +off, or the drive does not tell'
finish
