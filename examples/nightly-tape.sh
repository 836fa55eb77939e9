#!/usr/bin/env bash
# A night's backups onto tape, a cartridge for each week, and the cartridges by turns. For cron, which mails what this prints, or a systemd timer:
#
#   nightly-tape.sh SOURCE…          devices or images, best snapshots: nightly-tape.sh /dev/vg/web-snap /dev/vg/db-snap
#
#   TAPE        the drive (default /dev/nst0)
#   SET         what the cartridges are called: SET-1, SET-2 … (default WEEK)
#   CARTRIDGES  how many take turns (default 4)
#   NOW         act as if it were this time, in seconds since 1970: NOW=$(date -d 'next monday' +%s) shows which cartridge is wanted then
#
# It writes only on the cartridge whose turn it is, or on a blank one, which gets that label. In its week the backups are appended; when its turn comes
# again and all on it is of earlier turns, it is begun anew. Each backup is read back. It fails if anything did, and goes on with the other sources.
set -euo pipefail
export TAPE=${TAPE:-/dev/nst0}
set_name=${SET:-WEEK} cartridges=${CARTRIDGES:-4}
now=${NOW:-$(date +%s)}
# Weeks begin on Monday; 1970 began on a Thursday.
week=$(((now / 86400 + 3) / 7))
week_begins=$(((week * 7 - 3) * 86400))
label=$set_name-$((week % cartridges + 1))
failed=()

stop() {
  echo "nightly-tape.sh: $1" >&2
  exit 1
}

(($#)) || stop "name what to back up: nightly-tape.sh SOURCE…"
command -v jq > /dev/null || stop "jq is missing"

# on_cartridge ARGUMENT…: what `list` says of the cartridge. An incomplete backup among those on it (4) failed on its own night.
on_cartridge() {
  local status=0
  blocktar list "$TAPE" -q "$@" || status=$?
  ((status == 0 || status == 4))
}

status=$(blocktar tape status "$TAPE" --json) || stop "the drive $TAPE cannot be asked"
[[ $(jq .online <<< "$status") == true ]] || stop "there is no cartridge in $TAPE: tonight it is the turn of $label"
found=$(jq -r '.label.name // empty' <<< "$status")
if [[ $(jq .blank <<< "$status") == true ]]; then
  blocktar tape label "$TAPE" "$label" || stop "the blank cartridge in $TAPE could not be labelled"
elif [[ $found != "$label" ]]; then
  stop "tonight it is the turn of $label, and in $TAPE is ${found:-a cartridge without a label}"
else
  listed=$(on_cartridge --json) || stop "what is on $label could not be listed"
  last=$(jq '[.archives[].info.created? // empty] | max // empty | fromdate' <<< "$listed")
  if [[ $last ]] && ((last < week_begins)); then
    age=$(((now - last) / 86400))
    ((age >= (cartridges - 1) * 7)) || stop "$label holds a backup of only $age days ago; was a cartridge labelled wrongly?"
    blocktar tape label "$TAPE" "$label" --overwrite -q || stop "$label could not be begun anew"
    echo "$label is begun anew: its newest backup was $age days old"
  fi
fi

for source in "$@"; do
  name=$(basename "$source")
  if id=$(blocktar backup "$source" -o "$TAPE" --name "$name" --json -q | jq -er .info.id); then
    blocktar verify "$TAPE" --id "$id" -q || failed+=("$name (it was written, and does not read back)")
  else
    failed+=("$name")
  fi
done

echo "$label in $TAPE:"
on_cartridge || failed+=("the list of $label")
((${#failed[@]} == 0)) || stop "failed: $(printf '%s; ' "${failed[@]}" | sed 's/; $//')"
echo "all $# backups are on $label, and read back"
