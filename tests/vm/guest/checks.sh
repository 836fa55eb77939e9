# What the jobs in the virtual machine share. Each is run by ./run in a folder of its own; $HERE holds what was copied in, and
# drive0, drive1 … are the drives with the blank cartridges that the job's line `# cartridges:` asks for, by their sizes in MiB.
set -u
failures=0
# The size of blocktar's records unless it is told another.
record=$((512 * 1024))

# None of the jobs takes a command longer; `command blocktar` has no limit, and gets signals.
blocktar() { timeout 60 blocktar "$@"; }
export -f blocktar

pass() { echo "  ok    $1"; }

fail() {
  echo "  FAIL  $1${2+: $2}"
  failures=$((failures + 1))
}

# check NAME COMMAND…: the command succeeds; what it said is shown if it does not.
check() {
  local name=$1 status=0
  shift
  "$@" > output 2>&1 || status=$?
  if ((status == 0)); then pass "$name"; else
    fail "$name" "exit status $status of: $*"
    sed 's/^/        /' output
  fi
}

# refused NAME STATUS WORDS COMMAND…: the command ends with this exit status and these words (a pattern of grep -E; none for any).
refused() {
  local name=$1 wanted=$2 words=$3 status=0
  shift 3
  "$@" > output 2>&1 || status=$?
  if ((status == wanted)); then
    if [[ $words ]]; then says "$name" "$words"; else pass "$name"; fi
  else
    fail "$name" "exit status $status for $wanted: $*"
    sed 's/^/        /' output
  fi
}

# says NAME WORDS: what the last command of check or refused said has these words (a pattern of grep -E).
says() {
  if tr '\n' ' ' < output | grep -qE -- "$2"; then pass "$1"; else
    fail "$1" "without the words '$2'"
    sed 's/^/        /' output
  fi
}

# same NAME WANTED GOT
same() { if [[ $2 == "$3" ]]; then pass "$1"; else fail "$1" "'$2' was expected, and it is '$3'"; fi; }

# into DEVICE COMMAND…, from DEVICE COMMAND…: the command with the device as its standard output or input, as a shell would redirect it.
into() { "${@:2}" > "$1"; }
from() { "${@:2}" < "$1"; }

rewind() { mt -f "$1" rewind; }

# image FILE MIB: one with as many MiB of data, in four pieces with as much zero behind each.
image() {
  local piece=$(($2 * 1024 / 4))
  truncate -s $(($2 * 2))M "$1"
  for place in 0 1 2 3; do
    dd if=/dev/urandom of="$1" bs=1k count=$piece seek=$((place * 2 * piece)) conv=notrunc 2> /dev/null
  done
}

# records DEVICE: how many whole records of blocktar's size the tape file at hand has, + others, as dd counts them. Stands behind the filemark then.
records() { dd if="$1" of=/dev/null bs=$record 2>&1 | sed -n 's/ records in$//p'; }

finish() { exit $((failures > 0)); }
