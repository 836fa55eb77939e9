# The figures of the README: time of a backup beside GNU tar's, what `list` asks of the drive, records that were not full.
# cartridges: 512 256
. "$HERE/checks.sh"
tape=$drive0 many=$drive1
runs=5
image disk 48

now() { cut -d' ' -f1 /proc/uptime; }
# seconds COMMAND…: how long it takes by the clock, filemark included.
seconds() {
  local before
  rewind $tape
  before=$(now)
  "$@" || fail "$*" >&2
  awk -v "before=$before" -v "after=$(now)" 'BEGIN {printf "%.2f\n", after - before}'
}
median() { sort -n "$1" | awk '{value[NR] = $1} END {print value[int((NR + 1) / 2)]}'; }
with_tar() { tar -b 1024 -cSf $tape disk; }
backup() { blocktar backup disk -q --overwrite "$@" > $tape; }

for ((run = 0; run < runs; run++)); do
  seconds with_tar >> tar
  seconds backup --compression none >> none
  seconds backup --compression none --digest blake3 >> blake3
  seconds backup >> zstd
done
echo "| backup onto the tape | time | tar -b 1024 -cS | ratio |"
echo "|---|---|---|---|"
for row in "none no compression, sha256" "blake3 no compression, blake3" "zstd zstd:1, sha256"; do
  ours=$(median "${row%% *}") theirs=$(median tar)
  echo "| ${row#* } | $ours s | $theirs s | $(awk -v "ours=$ours" -v "theirs=$theirs" 'BEGIN {printf "%.2f", ours / theirs}') |"
done
echo "all runs: tar $(tr '\n' ' ' < tar); none $(tr '\n' ' ' < none); blake3 $(tr '\n' ' ' < blake3); zstd $(tr '\n' ' ' < zstd)"

image small 6
for ((number = 1; number <= 20; number++)); do
  blocktar backup small -o $many --name "night$number" -q || fail "backup $number"
done
rewind $many
statistics=/sys/class/scsi_tape/$(basename $many)/stats
before="$(< "$statistics/read_cnt") $(< "$statistics/other_cnt")"
check "list of 20 backups" blocktar list $many
after="$(< "$statistics/read_cnt") $(< "$statistics/other_cnt")"
grep "^listed" output
echo "list of 20 backups: $(awk -v "before=$before" -v "after=$after" 'BEGIN {split(before, b); split(after, a); print a[1] - b[1] " reads, " a[2] - b[2] " other commands to the drive"}')"

rewind $many
whole=0 others=0
for ((number = 1; number <= 20; number++)); do
  counted=$(records $many)
  whole=$((whole + ${counted%+*})) others=$((others + ${counted#*+}))
done
echo "records of the 20 backups: $whole full, $others not"
same "no record is short" 0 $others
finish
