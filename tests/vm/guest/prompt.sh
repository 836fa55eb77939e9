# The question for the next cartridge at a terminal: answered with Enter, with another drive, with nothing, and not at all.
# cartridges: 4 64
. "$HERE/checks.sh"
small=$drive0 large=$drive1
image disk 6
mkfifo keys

# begin LINE: runs it in a terminal, whose keyboard `type` is; what it shows comes to lie in the file `shown`.
begin() {
  rm -f shown
  rewind $small
  rewind $large
  # With job control, without which the shell would have Ctrl-C ignored.
  set -m
  script -qefc "$BLOCKTAR $1" shown < keys > /dev/null &
  terminal=$!
  set +m
  exec 3> keys
}
# Whoever has ended does not read it.
type() { (printf "$1" >&3) 2> /dev/null || true; }
# asked NUMBER: waits until the question was put so often.
asked() {
  for ((tries = 0; tries < 600; tries++)); do
    [[ $(grep -c 'Press Enter' shown 2> /dev/null) -lt $1 ]] || return 0
    sleep 0.05
  done
  fail "question $1 came"
}
# ended NAME STATUS WORDS: how it ended, and what the terminal shows.
ended() {
  local status=0
  wait $terminal || status=$?
  exec 3>&-
  cp shown output
  same "$1" "$2" "$status"
  says "and says so" "$3"
}

begin "backup disk -o $small --name asked --compression none"
asked 1
type '\r'
asked 2
type '/dev/nst77\r'
asked 3
type "$large\r"
ended "a backup goes on with the drive that was typed" 0 "needs the next medium.*will not do.*part of this very archive.*will not do.*nst77.*backed up"
# The line's first form, if the machine was quick: it is drawn at once, and the next one 0.2 s later.
says "with its progress before" 'backup +(⠁|[0-9]+%)'

begin "restore -i $small back"
asked 1
type '\r'
asked 2
type "$large\r"
ended "a restore does too" 0 "insert the medium with part 2.*will not do.*part 1 .*restored"
check "byte for byte" cmp disk back

begin "info $small"
ended "info asks for no other part" 4 'part, others missing.*continues.*missing'

begin "restore -i $small cut"
asked 1
type '\003'
ended "Ctrl-C ends it" 130 'interrupted'
begin "restore -i $small cut"
asked 1
type 'q\r'
ended "and so does q" 4 'part 2, which was not given'
begin "restore -i $small cut"
asked 1
type '\004'
ended "and Ctrl-D" 4 'part 2, which was not given'
refused "and no image looks whole" 1 '' test -e cut

begin "backup disk -o $small --overwrite --compression none"
asked 1
type 'q\r'
ended "a backup without a next medium fails" 3 'cut off: 1 tape file: a backup asked .*there is none for part 2'
begin "backup disk -o $small --overwrite --compression none"
asked 1
type '\003'
ended "and is interrupted by Ctrl-C" 130 'interrupted'
rewind $small
refused "and what it leaves is not whole" 4 'part 2, which was not given' blocktar restore -i $small cut
finish
