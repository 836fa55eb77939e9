# examples/drbd-preload.sh on both nodes of a DRBD resource, which live in this one kernel: they connect, and nothing is synchronised.
. "$HERE/lvm_checks.sh"
group nodes /dev/disk-8
volume nodes web 16
for number in 0 1; do volume nodes lower$number 20; done
check "the kernel has DRBD" modprobe drbd
ifconfig lo 127.0.0.1 up
hostname here
mkdir -p /var/lib/drbd /var/lock /var/run/drbd

# on NODE COMMAND…: as on the node 0 or 1. Each has a minor of its own, and finds the other on its port.
on() {
  cat > /etc/drbd.conf << END
resource node$1 {
  protocol C;
  on here { device /dev/drbd$1; disk /dev/nodes/lower$1; address 127.0.0.1:778$1; meta-disk internal; }
  on there { device /dev/drbd$((1 - $1)); disk /dev/nodes/lower$((1 - $1)); address 127.0.0.1:778$((1 - $1)); meta-disk internal; }
}
END
  "${@:2}"
}

# connected: what both nodes say, when they are done with finding each other.
connected() {
  for _ in {1..50}; do
    [[ $(grep -c 'cs:Connected\|cs:StandAlone' /proc/drbd) != 2 ]] || break
    sleep 0.2
  done
  sed -n 's/.*\(cs:[^ ]* .*ds:[^ ]*\) .*/\1/p; s/.*\(nr:[0-9]*\).*\(oos:[0-9]*\)/\1 \2/p' /proc/drbd | tr '\n' ' '
}

random /dev/nodes/web 0 6
blocktar backup lvm:nodes/web -o full.tar --keep-snapshot -q
random /dev/nodes/web 9 2
check "an increment" blocktar backup lvm:nodes/web --since full.tar --if-untracked fail -o inc.tar

for node in 0 1; do
  check "node $node is loaded" on $node drbd-preload.sh node$node full.tar inc.tar
  same "with the volume's bytes" "" "$(cmp -n $((16 << 20)) /dev/nodes/web /dev/nodes/lower$node 2>&1)"
done
on 0 drbdadm up node0
on 1 drbdadm up node1
both='cs:Connected ro:Secondary/Secondary ds:UpToDate/UpToDate nr:0 oos:0 '
same "they connect, both up to date, with nothing sent and nothing to send" "$both$both" "$(connected)"
refused "a resource that is in use" 1 'is in use' on 1 drbd-preload.sh --overwrite node1 full.tar
check "one becomes primary" on 0 drbdadm primary node0
random /dev/drbd0 3 1
check "and what it writes reaches the other" cmp -n $((16 << 20)) /dev/nodes/lower0 /dev/nodes/lower1
on 0 drbdadm down node0
on 1 drbdadm down node1

refused "a disk that holds something" 1 'give --overwrite' on 1 drbd-preload.sh node1 full.tar
check "may be overwritten" on 1 drbd-preload.sh --overwrite node1 full.tar
on 0 drbdadm up node0
on 1 drbdadm up node1
# They find each other, and part again.
if [[ $(connected) == *StandAlone*StandAlone* ]]; then pass "nodes with different states stay apart"; else fail "nodes with different states stay apart" "$(connected)"; fi
on 0 drbdadm down node0
on 1 drbdadm down node1

head -c 3000000 full.tar > cut.tar
refused "an archive that is cut" 4 'incomplete' on 1 drbd-preload.sh --overwrite node1 cut.tar
same "leaves a disk that is not up to date" Inconsistent "$(on 1 drbdadm dstate node1 2> /dev/null)"
remove_kept nodes
finish
