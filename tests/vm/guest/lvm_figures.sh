# The figure of the README on LVM: an increment of 100 changed chunks in a thin volume of 100 GiB, and how much of its time LVM's own commands take.
. "$HERE/lvm_checks.sh"
group figures /dev/disk-1
quiet lvcreate -q -y -L 200M -T figures/pool -c 64k --poolmetadatasize 16M
quiet lvcreate -q -y -V 100G -T figures/pool -n thin

# What was there before: 640 pieces all over the volume.
for ((piece = 0; piece < 640; piece++)); do
  dd if=/dev/urandom of=/dev/figures/thin bs=64k count=1 seek=$((piece * 2560)) conv=notrunc status=none
done
sync

# Each of LVM's commands that blocktar runs notes how long it took; by a shell that starts quickly.
mkdir timed
for tool in lvs vgs lvcreate lvchange lvremove dmsetup thin_dump thin_delta; do
  [[ -x $(command -v $tool) ]] || continue
  cat > timed/$tool << END
#!/bin/busybox sh
begun=\$EPOCHREALTIME
$(command -v $tool) "\$@"
status=\$?
echo "$tool \$begun \$EPOCHREALTIME" >> $PWD/noted
exit \$status
END
  chmod +x timed/$tool
done

check "a full" blocktar backup lvm:figures/thin -o 0.tar --keep-snapshot -q
since=(--since 0.tar)
echo "| run | total | in LVM's commands | the rest | commands |"
echo "|---|---|---|---|---|"
for run in 1 2 3 4 5; do
  for ((piece = 0; piece < 100; piece++)); do
    dd if=/dev/urandom of=/dev/figures/thin bs=4k count=1 seek=$((piece * 256000 + run)) conv=notrunc status=none
  done
  sync
  : > noted
  begun=$EPOCHREALTIME
  PATH=$PWD/timed:$PATH command blocktar backup lvm:figures/thin -o $run.tar --keep-snapshot --if-untracked fail "${since[@]}" 2> said || fail "run $run" "$(cat said)"
  ended=$EPOCHREALTIME
  # LVM's commands run one after the other.
  awk -v begun="$begun" -v ended="$ended" -v run=$run '{ lvm += $3 - $2 } END { printf "| %d | %.2f s | %.2f s | %.2f s | %d |\n", run, ended - begun, lvm, ended - begun - lvm, NR }' noted
  since+=(--since $run.tar)
done
awk '{ spent[$1] += $3 - $2; runs[$1]++ } END { for (tool in spent) printf "  %s: %.2f s in %d runs\n", tool, spent[tool], runs[tool] }' noted
grep -E "data|unchanged|backed" said
same "100 chunks are in it" $((100 * 65536)) "$(blocktar info 5.tar --json -q | jq '[.. | .data_bytes? | numbers] | max')"
finish
