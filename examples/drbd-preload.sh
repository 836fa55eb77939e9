#!/usr/bin/env bash
# Brings a backup onto a node of a DRBD resource. Run on both nodes, each with its own copy of the archives, it spares the full resync over the network:
#
#   drbd-preload.sh [--overwrite] RESOURCE ARCHIVE…     a full, or a full and increments: drbd-preload.sh r0 full.tar inc1.tar
#   drbdadm up RESOURCE                                 on both nodes, when both are done
#
# It restores through DRBD's own device, which has the size that is left beside DRBD's metadata and stands alone meanwhile. Then it notes in the metadata that
# the disk is up to date and nothing need be sent, with a generation whose number is that of the state which the newest archive leaves. DRBD compares these
# numbers when the nodes find each other: the same tell that both hold the same; where the nodes were given different backups, they differ.
#
# The resource must be down. --overwrite allows that its disk holds something. For DRBD 8.4, the one in Linux, and resources with one volume.
set -euo pipefail

stop() {
  echo "drbd-preload.sh: $1" >&2
  exit 1
}

# undo: where the restore fails, the disk must not pass for one that is up to date, which a primary's is.
undo() {
  drbdadm down "$resource" && drbdadm create-md --force "$resource" < /dev/null > /dev/null
}

overwrite=() force=()
if [[ ${1-} == --overwrite ]]; then
  overwrite=(--overwrite) force=(--force)
  shift
fi
(($# > 1)) || stop "name a resource and what to bring onto it: drbd-preload.sh [--overwrite] RESOURCE ARCHIVE…"
resource=$1
shift
for tool in drbdadm drbdmeta jq; do command -v "$tool" > /dev/null || stop "$tool is missing"; done
device=$(drbdadm sh-dev "$resource")
[[ $device == /dev/* && $device != *[[:space:]]* ]] || stop "$resource has not one volume"
minor=$(drbdadm sh-minor "$resource")
[[ $(drbdadm cstate "$resource" 2> /dev/null) =~ ^(Unconfigured)?$ ]] || stop "$resource is in use: \`drbdadm down $resource\`"

# What has metadata, or anything else, is asked about unless it may be overwritten.
drbdadm create-md "${force[@]}" "$resource" < /dev/null || stop "$resource has no new metadata; if what its disk holds may go, give --overwrite"
trap undo EXIT
for step in new-resource new-minor attach "primary --force"; do drbdadm $step "$resource"; done
answer=$(blocktar restore "${@/#/--input=}" "${overwrite[@]}" --json -q "$device")
# Nothing of what was written need be sent.
drbdadm new-current-uuid --clear-bitmap "$resource"
drbdadm secondary "$resource"
drbdadm down "$resource"
trap - EXIT

# The number's last bit says that a node is primary, which neither is.
state=$(jq -er '.chain[-1].state // .end.state' <<< "$answer")
generation=$(printf '%016X' $((0x${state:0:16} & ~1)))
drbdmeta --force "$minor" v08 "$(drbdadm sh-md-dev "$resource")" "$(drbdadm sh-md-idx "$resource")" set-gi "$generation:0:0:0:1:1" > /dev/null
echo "$resource holds the state $state, generation $generation: when the other node says the same, \`drbdadm up $resource\` on both"
