#!/usr/bin/env bash
# A night's backups of logical volumes: a full on Sunday, increments on the other days, and of what is older than two weeks one full that is made of
# archives. For cron, which mails what this prints, or a systemd timer:
#
#   nightly-lvm.sh GROUP/VOLUME…     nightly-lvm.sh vg/web vg/db
#
#   FOLDER         where the archives lie, those of each volume in a folder of its own (default /var/backups/blocktar)
#   FULL_ON        the day of the fulls, 1 for Monday to 7 for Sunday (default 7); where one is missing, the next night makes it
#   DAYS           how many days back each night's state can be restored (default 14)
#   SNAPSHOT_SIZE  room for all that is written to a volume in a day, unless it is thin (default: a tenth of it)
#   BEFORE, AFTER  commands that bring an application to rest for its snapshot, and let it go on
#   TAPE           a drive: what its cartridge lacks of the newest full and the increments on it is put there, too
#   NOW            act as if it were this time, in seconds since 1970: NOW=$(date -d 'next sunday' +%s)
#
# An archive counts when it was read back: until then it lies in FOLDER/.new. What a run that was cut off has left there the next one reads back, and keeps
# or removes. Old archives go when the full that replaces them is in its place, the newest first, so that at every moment whole chains are there.
# It goes on with the other volumes where one fails, and ends with the exit code of the first that did.
set -euo pipefail
shopt -s nullglob
folder=${FOLDER:-/var/backups/blocktar} full_on=${FULL_ON:-7} days=${DAYS:-14} tape=${TAPE-}
today=$(date -d "@${NOW:-$(date +%s)}" +%F)
noon=$(date -u -d "$today 12:00" +%s)
options=()
[[ ! ${SNAPSHOT_SIZE-} ]] || options+=(--snapshot-size "$SNAPSHOT_SIZE")
# Without the lock (9): a program that they leave running must not keep it.
[[ ! ${BEFORE-} ]] || options+=(--before-snapshot "exec 9>&-; $BEFORE")
[[ ! ${AFTER-} ]] || options+=(--after-snapshot "exec 9>&-; $AFTER")

stop() {
  echo "nightly-lvm.sh: $1" >&2
  exit "${2:-1}"
}

# day NUMBER: the date so many days ago. At noon, UTC, no change of the clock is near.
day() { date -u -d "@$((noon - $1 * 86400))" +%F; }

# date_of ARCHIVE: the night whose state it leaves.
date_of() {
  local name=${1##*/}
  echo "${name%-*}"
}

# admit ARCHIVE: one that was read back, from FOLDER/.new to those that count, for good.
admit() {
  mv -f -- "$1" "$place/"
  sync "$place"
}

# settle: what a run that was cut off has left.
settle() {
  local archive
  for archive in "$new"/*.tar; do
    if blocktar verify "$archive" -q; then
      echo "$archive was complete, and is kept"
      admit "$archive"
    else
      echo "$archive is not sound, and is removed" >&2
    fi
  done
  rm -rf -- "$new"
  mkdir -p "$new"
}

# back_up: tonight's archive; a full if there was none since the last day of fulls.
back_up() {
  local kind=full since=() fulls=("$place"/*-full.tar) there=("$place/$today"-*.tar)
  if ((${#there[@]})); then
    echo "${there[0]} is there already"
    return
  fi
  if ((${#fulls[@]})) && [[ ! $(date_of "${fulls[-1]}") < $(day $((($(date -u -d "@$noon" +%u) - full_on + 7) % 7))) ]]; then
    kind=increment since=(--since "$place" --if-untracked digest)
  fi
  blocktar backup "lvm:$volume" -o "$new/$today-$kind.tar" --name "$volume" --keep-snapshot --verify "${since[@]}" "${options[@]}"
  admit "$new/$today-$kind.tar"
}

# prune: of all up to the first night that is to stay one full is made, and those are removed which nothing needs any more.
prune() {
  local archive date limit number chain=() old=()
  limit=$(day "$days")
  for archive in "$place"/*.tar; do
    date=$(date_of "$archive")
    [[ ! $date > $limit ]] || break
    if [[ $archive == *-full.tar ]]; then
      old+=("${chain[@]}")
      chain=("$archive")
    elif [[ -e $place/$date-full.tar ]]; then
      # A run was cut off when it had made this full, and before it had removed this.
      old+=("$archive")
    else
      chain+=("$archive")
    fi
  done
  if ((${#chain[@]} > 1)); then
    [[ ${chain[0]} == *-full.tar ]] || stop "the increment ${chain[0]} is the oldest archive: its full is missing" 7
    date=$(date_of "${chain[-1]}")
    blocktar merge "${chain[@]}" -o "$new/$date-full.tar" --verify
    admit "$new/$date-full.tar"
    old+=("${chain[@]}")
  fi
  for ((number = ${#old[@]} - 1; number >= 0; number--)); do rm -- "${old[number]}"; done
}

# copy_to_tape: the newest full and its increments, as far as the cartridge has none of them.
copy_to_tape() {
  local archive id found status=0 chain=()
  for archive in "$place"/*.tar; do
    [[ $archive != *-full.tar ]] || chain=()
    chain+=("$archive")
  done
  # An incomplete backup on the cartridge (4) is none of these: they would be copied anew.
  found=$(blocktar list "$tape" --json -q) || status=$?
  ((status == 0 || status == 4)) || return "$status"
  found=$(jq -r '.archives[] | select(.state == "complete") | .info.id' <<< "$found")
  for archive in "${chain[@]}"; do
    id=$(blocktar info "$archive" --json -q | jq -er .info.id)
    if [[ $'\n'$found$'\n' != *$'\n'$id$'\n'* ]]; then
      blocktar reblock "$archive" -o "$tape"
      blocktar verify "$tape" --id "$id" -q
    fi
  done
}

# night: all that is to be done for a volume. It ends at the first failure, so that nothing is removed after one.
night() {
  set -e
  place=$folder/$volume new=$folder/.new/$volume
  mkdir -p "$place" "$new"
  settle
  back_up
  prune
  [[ ! $tape ]] || copy_to_tape
  rmdir -- "$new"
}

(($#)) || stop "name what to back up: nightly-lvm.sh GROUP/VOLUME…" 2
command -v flock > /dev/null || stop "flock is missing"
[[ ! $tape ]] || command -v jq > /dev/null || stop "jq is missing"
mkdir -p "$folder"
# What this starts has the lock too: a blocktar that outlives this script is still at work.
exec 9> "$folder/.lock"
flock -n 9 || stop "another run is at work in $folder"

failed=() code=0
for volume in "$@"; do
  # In a condition, bash would go on after a failed command.
  set +e
  (night)
  status=$?
  set -e
  if ((status)); then
    failed+=("$volume ($status)")
    code=$((code ? code : status))
  fi
done
blocktar list "$folder" || code=$((code ? code : $?))
((${#failed[@]} == 0)) || stop "failed, with exit code: ${failed[*]}" "$code"
exit "$code"
