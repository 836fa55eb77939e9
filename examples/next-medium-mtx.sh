#!/usr/bin/env bash
# Changes cartridges in a library with mtx, for blocktar's --next-medium:
#
#   blocktar backup /dev/vg/snap -o /dev/nst0 --next-medium 'CHANGER=/dev/sg3 next-medium-mtx.sh'
#   blocktar restore /dev/vg/lv -i /dev/nst0 --next-medium 'CHANGER=/dev/sg3 next-medium-mtx.sh'
#
# A backup goes on with the next full slot behind that of the cartridge that is in the drive. Which cartridge took which part is noted in $NOTES, and a restore
# takes the cartridges that stand there; without such notes, or when blocktar says that the cartridge was the wrong one, it takes the next full slot too.
#
#   CHANGER  the library as mtx takes it, for example /dev/sg3 (`lsscsi -g` names it: mediumx)
#   DRIVE    the number of the drive in the library (default 0)
#   NOTES    where the notes are kept (default /var/lib/blocktar/cartridges)
set -euo pipefail
changer=${CHANGER:?set CHANGER to the library, for example /dev/sg3}
drive=${DRIVE:-0}
notes=${NOTES:-/var/lib/blocktar/cartridges}
# What blocktar says: the drive, the part that is wanted, of which archive, to write or to read, and why.
medium=${BLOCKTAR_MEDIUM:?this is run by blocktar --next-medium} part=$BLOCKTAR_PART archive=$BLOCKTAR_ARCHIVE

stop() {
  echo "next-medium-mtx.sh: $1" >&2
  exit 1
}

# Lines `SLOT CARTRIDGE` of the full slots; the name of a cartridge is its barcode, or its slot where the library reads none. Import and export are left alone.
full_slots() {
  sed -nE '/IMPORT/d; s/^ *Storage Element ([0-9]+):Full( *:VolumeTag *= *([^ ]+).*)?.*/\1 \3/p' <<< "$status" | awk '{print $1, $2 == "" ? "slot-" $1 : $2}'
}

# note PART CARTRIDGE: keeps which cartridge has which part, once.
note() {
  mkdir -p "$(dirname "$notes")"
  grep -qsxF "$archive $1 $2" "$notes" || echo "$archive $1 $2" >> "$notes"
}

status=$(mtx -f "$changer" status) || stop "$changer does not say what is in its slots"
loaded=$(grep "^Data Transfer Element $drive:" <<< "$status") || stop "$changer has no drive $drive"
home=$(sed -nE 's/.*\(Storage Element ([0-9]+) Loaded\).*/\1/p' <<< "$loaded")
in_drive=$(sed -nE 's/.*:VolumeTag *= *([^ ]+).*/\1/p' <<< "$loaded")
if [[ $loaded == *:Full* && -z $in_drive ]]; then in_drive=slot-$home; fi

slot='' name=''
if [[ $BLOCKTAR_DIRECTION == read && $BLOCKTAR_REASON != wrong ]]; then
  wanted=$(awk -v archive="$archive" -v part="$part" '$1 == archive && $2 == part {name = $3} END {print name}' "$notes" 2> /dev/null || true)
  if [[ $wanted ]]; then
    read -r slot name < <(full_slots | awk -v wanted="$wanted" '$2 == wanted') || stop "part $part is on the cartridge $wanted, which is in no slot: put it in"
  fi
fi
if [[ ! $slot ]]; then
  read -r slot name < <(full_slots | awk -v home="${home:-0}" '$1 > home') || stop "there is no full slot behind slot ${home:-0}: put in cartridges, and say where to go on by loading one"
fi

if [[ $loaded == *:Full* ]]; then
  # blocktar has given the cartridge out already where it holds the drive; somebody who tries this by hand has not.
  mt -f "$medium" offline 2> /dev/null || true
  mtx -f "$changer" unload ${home:+"$home"} "$drive" >&2
fi
mtx -f "$changer" load "$slot" "$drive" >&2
if [[ $BLOCKTAR_DIRECTION == write ]]; then
  if [[ $in_drive && $BLOCKTAR_REASON != wrong ]]; then note $((part - 1)) "$in_drive"; fi
  note "$part" "$name"
fi
