#!/usr/bin/env bash
# Prints the figures of the README that need a tape drive or LVM, from the virtual machine.
set -euo pipefail
cd "$(dirname "$0")/../.."
echo "$(uname -sr), $(nproc) processors, $(awk -F': ' '/^model name/{print $2; exit}' /proc/cpuinfo), $(date -u +%F); the machine's own processor is emulated"
tests/vm/tape.sh figures
tests/vm/lvm.sh lvm_figures
