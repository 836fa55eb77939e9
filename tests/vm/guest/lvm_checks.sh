# What the jobs on LVM share.
. "$HERE/checks.sh"
modprobe -a dm-mod dm-snapshot dm-thin-pool

# quiet COMMAND…: sets something up; what it says is shown if it fails.
quiet() { "$@" > setup.log 2>&1 || fail "set up: $*" "$(cat setup.log)"; }

# group NAME DISK
group() {
  quiet pvcreate -q "$2"
  quiet vgcreate -q "$1" "$2"
}

# volume GROUP NAME MIB: a thick one; -Z n, as there is no udev.
volume() { quiet lvcreate -q -y -W n -L "$3M" -n "$2" "$1"; }

# pool GROUP NAME MIB
pool() { quiet lvcreate -q -y -L "$3M" -T "$1/$2" -c 64k --poolmetadatasize 4M; }

# thin GROUP POOL NAME MIB
thin() { quiet lvcreate -q -y -V "$4M" -T "$1/$2" -n "$3"; }

# snapshots: the nodes of all snapshots that blocktar took and did not remove.
snapshots() { lvs --noheadings -o lv_dm_path @blocktar 2> /dev/null | tr -d ' '; }

# none_left NAME: blocktar's last one may still be on its way out, for a few seconds.
none_left() {
  for _ in {1..30}; do
    [[ $(snapshots) ]] || break
    sleep 0.2
  done
  same "$1" "" "$(snapshots)"
}

# remove_kept GROUP: the snapshots that were kept there, so that the next job finds none.
remove_kept() { quiet lvremove -q -y "$1" -S 'tags=blocktar'; }

# wait_for_snapshot [OLDER]: until a blocktar in the background has taken one beside these.
wait_for_snapshot() {
  local found
  for _ in {1..100}; do
    for found in $(snapshots); do
      [[ " $(echo ${1-}) " == *" $found "* ]] || return 0
    done
    sleep 0.1
  done
  fail "a snapshot is taken"
}

# signalled NAME SIGNAL ARGUMENT…: a backup with these arguments gets the signal when its snapshot is there, and ends by it.
signalled() {
  local name=$1 signal=$2 older backup status=0
  shift 2
  older=$(snapshots)
  # With job control, without which the shell would have SIGINT ignored.
  set -m
  "$BLOCKTAR" backup "$@" > output 2>&1 &
  backup=$!
  set +m
  wait_for_snapshot "$older"
  # Past the command that takes it.
  sleep 1
  kill -"$signal" $backup
  wait $backup || status=$?
  same "$name" $((128 + $(kill -l "$signal"))) $status
}

# tables GROUP POOL: the block in which the pool's tables are reserved, or a dash.
tables() { dmsetup status "$1-$2-tpool" | awk '{print $7}'; }

# written_bytes ARCHIVE: the data that it holds.
written_bytes() { blocktar info "$1" --json -q | jq '[.. | .data_bytes? | numbers] | max'; }

# random DEVICE MIB_FROM MIB
random() { dd if=/dev/urandom of="$1" bs=1M seek="$2" count="$3" conv=notrunc,fsync 2> /dev/null; }
