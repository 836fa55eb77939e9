#!/usr/bin/env bash
# Fuzzes every target for some seconds, two at a time, and holds a sample of what they found against the second reader.
#
#   fuzz/run.sh [SECONDS [TARGET...]]
#
# Prints how many executions each target came to. An input on which a target fails stays in fuzz/artifacts/<target>, and the
# script ends with 1. The corpus in fuzz/corpus grows from run to run.
set -euo pipefail
cd "$(dirname "$0")/.."

seconds=${1:-60}
targets=("${@:2}")
((${#targets[@]})) || mapfile -t targets < <(cargo fuzz list)
jobs=${FUZZ_JOBS:-2}
# libFuzzer and cargo-fuzz want flags of the nightly compiler, which the stable one has too.
export RUSTC_BOOTSTRAP=1
# Freed memory is kept for a while to find who still uses it: little enough for the limit below.
export ASAN_OPTIONS=quarantine_size_mb=32:malloc_context_size=4:detect_odr_violation=0

cargo fuzz --version > /dev/null 2>&1 || cargo install cargo-fuzz --locked
fuzz/seed.py
cargo fuzz build
mkdir -p fuzz/logs

fuzz() {
  local target=$1 limits=(-max_len=8192)
  case $target in
    forward | seeking | differential | salvage) limits=(-max_len=49152) ;;
    *) limits+=(-dict=fuzz/json.dict) ;;
  esac
  mkdir -p "fuzz/artifacts/$target" "fuzz/corpus/$target"
  # One allocation is at most what a member or a table may be; all together what readers take, and the sanitizer's own.
  # The time is that of the clock, not of the processor: on a busy machine 10 s have been too short for an input that takes 0.05 s.
  "fuzz/target/$(rustc -vV | sed -n 's/^host: //p')/release/$target" "fuzz/corpus/$target" \
    -artifact_prefix="fuzz/artifacts/$target/" -max_total_time="$seconds" "${limits[@]}" \
    -timeout=30 -rss_limit_mb=512 -malloc_limit_mb=192 -print_final_stats=1 \
    > "fuzz/logs/$target" 2>&1
}

failed=()
running=()
names=()
collect() {
  local target=${names[0]} pid=${running[0]}
  running=("${running[@]:1}") names=("${names[@]:1}")
  local outcome="nothing found"
  wait "$pid" || { outcome="FAILED" && failed+=("$target"); }
  local runs covered
  runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "fuzz/logs/$target")
  covered=$(grep -o 'cov: [0-9]* ft: [0-9]* corp: [0-9]*' "fuzz/logs/$target" | tail -1) || covered="no coverage"
  echo "$target: ${runs:-no} executions, $covered, $outcome"
}
for target in "${targets[@]}"; do
  ((${#running[@]} < jobs)) || collect
  fuzz "$target" &
  running+=($!) names+=("$target")
done
while ((${#running[@]})); do collect; done

for target in "${failed[@]}"; do
  echo "=== $target; the input is in fuzz/artifacts/$target:"
  tail -n 60 "fuzz/logs/$target"
done
((!${#failed[@]}))

cargo build --locked --quiet
fuzz/agree.py 100 target/debug/blocktar
