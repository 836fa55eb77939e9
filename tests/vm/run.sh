#!/usr/bin/env bash
# Boots the virtual machine that build.sh built, runs a job in it as root, and exits with the job's exit status.
#
#   tests/vm/run.sh [OPTION…] FOLDER     the job: a folder with a program ./run, copied into the machine
#
#   --kernel NAME         stable (default) or backports; exit status 77 if build.sh could not get it
#   --tapes 'MIB …'       drives /dev/nst0, /dev/nst1 … of the real st driver, each with a cartridge of that size, write-protected if an r stands behind it
#   --changer 'MIB …'     one more drive, empty, in a media changer /dev/changer with cartridges of these sizes in its slots 1, 2 …
#   --cartridges FOLDER   keeps the cartridges there, as files tape0, tape1 … (slot1, slot2 …), and takes those that are there already
#   --disks 'SIZE …'      empty disks /dev/disk-1, /dev/disk-2 … of these sizes
#   --faulty 'SIZE N …'   an empty disk /dev/disk-faulty of this size, of which the sectors of 512 bytes with these numbers can be written, and not be read
#   --out FOLDER          where the job's files in $OUT come to lie
#   --seconds N           ends the machine then, with exit status 124 (default 120)
#
# QEMU emulates the processor. tgtd serves the drives, in a network namespace of the machine's own.
set -euo pipefail
scripts=$(cd "$(dirname "$0")" && pwd)
vm=$scripts/../../target/vm kernel=stable tapes='' changer='' cartridges='' disks='' faulty='' out='' seconds=120

stop() {
  echo "run.sh: $1" >&2
  exit "${2:-125}"
}

arguments=("$@")
while [[ ${1-} == --* ]]; do
  [[ $# -ge 2 ]] || stop "$1 needs a value" 2
  case $1 in
    --kernel) kernel=$2 ;;
    --tapes) tapes=$2 ;;
    --changer) changer=$2 ;;
    --cartridges) cartridges=$2 ;;
    --disks) disks=$2 ;;
    --faulty) faulty=$2 ;;
    --out) out=$2 ;;
    --seconds) seconds=$2 ;;
    *) stop "unknown option $1" 2 ;;
  esac
  shift 2
done
[[ $# == 1 && -f $1/run ]] || stop "one folder with a program ./run is needed" 2
job=$1
[[ -d $vm/host ]] || stop "there is no machine: run build.sh first"
[[ -d $vm/$kernel ]] || stop "build.sh could not get the kernel $kernel" 77
# All that is started ends with this process, and nothing outside can reach it.
if [[ -z ${IN_NAMESPACE-} ]]; then
  IN_NAMESPACE=1 exec unshare --net --pid --fork --kill-child --mount-proc "$0" "${arguments[@]}"
fi
busybox ifconfig lo 127.0.0.1 up

work=$(mktemp -d "${TMPDIR:-/tmp}/blocktar-vm.XXXXXX")
trap 'rm -rf -- "$work"' EXIT
export LD_LIBRARY_PATH=$vm/host/lib QEMU_MODULE_DIR=$vm/host/modules TGT_IPC_SOCKET=$work/tgtd
devices=() target=iqn.2001-01.org.blocktar:drives

# disk NAME FILE
disk() { devices+=(-drive "if=none,id=disk-$1,file=$2,format=raw,cache=unsafe,discard=unmap" -device "virtio-blk-pci,drive=disk-$1,serial=$1"); }

tgtadm() { "$vm/host/bin/tgtadm" --lld iscsi "$@"; }

# lun NUMBER ARGUMENT…: tells tgtd about a logical unit of the one target.
lun() { tgtadm --mode logicalunit --tid 1 --lun "$@"; }

# cartridge FILE MIB: a blank one, unless it is there.
cartridge() {
  [[ -e $1 ]] || "$vm/host/bin/tgtimg" --op new --device-type tape --barcode "${1##*/}" --size "$2" --type data --file "$1" > /dev/null
}

# attach NUMBER: shows the guest a logical unit, in the order of the numbers.
attach() {
  devices+=(-drive "if=none,id=lun$1,driver=iscsi,transport=tcp,portal=127.0.0.1:3260,target=$target,lun=$1"
    -device "scsi-generic,drive=lun$1,bus=scsi.0,scsi-id=$1")
}

# drive NUMBER FILE
drive() { lun "$1" --op new --device-type tape --bstype ssc -b "$2"; }

serve_drives() {
  local size number=0
  mkdir -p "$cartridges"
  "$vm/host/bin/tgtd" -f --iscsi portal=127.0.0.1:3260 > "$work/tgtd.log" 2>&1 &
  for _ in {1..100}; do
    tgtadm --mode sys --op show > /dev/null 2>&1 && break
    sleep 0.05
  done
  tgtadm --mode target --op new --tid 1 -T "$target" || stop "tgtd does not run: $(cat "$work/tgtd.log")"
  devices+=(-device virtio-scsi-pci,id=scsi)
  for size in $tapes; do
    cartridge "$cartridges/tape$number" "${size%r}"
    number=$((number + 1))
    drive "$number" "$cartridges/tape$((number - 1))"
    if [[ $size == *r ]]; then lun "$number" --op update --params readonly=1; fi
    attach "$number"
  done
  if [[ $changer ]]; then serve_changer $((number + 1)); fi
  tgtadm --mode target --op bind --tid 1 -I 127.0.0.1
}

# serve_changer DRIVE: a changer with that drive, an arm and its slots, whose elements are numbered in this order.
serve_changer() {
  local drive=$1 changer_lun=$(($1 + 1)) size slot=0
  truncate -s 1K "$work/changer"
  for size in $changer; do
    slot=$((slot + 1))
    cartridge "$cartridges/slot$slot" "$size"
  done
  drive "$drive" "$cartridges/slot1"
  lun "$drive" --op update --params online=0
  lun "$changer_lun" --op new --device-type changer -b "$work/changer"
  lun "$changer_lun" --op update --params "media_home=$cartridges"
  lun "$changer_lun" --op update --params "element_type=4,start_address=1,quantity=1"
  lun "$changer_lun" --op update --params "element_type=4,address=1,tid=1,lun=$drive"
  lun "$changer_lun" --op update --params "element_type=1,start_address=2,quantity=1"
  lun "$changer_lun" --op update --params "element_type=2,start_address=3,quantity=$slot"
  for ((; slot > 0; slot--)); do
    lun "$changer_lun" --op update --params "element_type=2,address=$((slot + 2)),barcode=slot$slot,sides=1"
  done
  attach "$drive"
  attach "$changer_lun"
}

tar -C "$job" -cf "$work/job" .
truncate -s 1G "$work/out"
disk job "$work/job"
disk out "$work/out"
number=0
for size in $disks; do
  number=$((number + 1))
  truncate -s "$size" "$work/disk$number"
  disk "$number" "$work/disk$number"
done
if [[ $faulty ]]; then
  size=${faulty%% *} rules=''
  for number in ${faulty#* }; do rules+=",{\"event\":\"none\",\"iotype\":\"read\",\"errno\":5,\"once\":false,\"sector\":$number}"; done
  truncate -s "$size" "$work/faulty"
  devices+=(-blockdev "{\"node-name\":\"faulty\",\"driver\":\"blkdebug\",\"image\":{\"driver\":\"file\",\"filename\":\"$work/faulty\"},\"inject-error\":[${rules#,}]}"
    -device virtio-blk-pci,drive=faulty,serial=faulty)
fi
cartridges=$(realpath -m "${cartridges:-$work/cartridges}")
if [[ $tapes$changer ]]; then serve_drives; fi

drives=$(wc -w <<< "$tapes")
if [[ $changer ]]; then drives=$((drives + 1)); fi
status=0
timeout -k 5 "$seconds" "$vm/host/bin/qemu-system-x86_64" -L "$vm/host/share" -machine pc -nodefaults -no-user-config -accel tcg,thread=multi -cpu max \
  -smp 2 -m 2048 -display none -no-reboot -serial stdio -kernel "$vm/$kernel/vmlinuz" -initrd "$vm/$kernel/initrd" \
  -append "console=ttyS0 quiet panic=-1 mitigations=off nokaslr random.trust_cpu=on tsc=reliable no_timer_check drives=$drives" \
  "${devices[@]}" < /dev/null || status=$?
[[ $status != 124 && $status != 137 ]] || stop "the job was not done after $seconds seconds" 124

mkdir -p "$work/files"
tar -C "$work/files" -xf "$work/out" 2> /dev/null && [[ -e $work/files/status ]] || stop "the machine ended ($status) without its job's exit status"
if [[ $out ]]; then
  mkdir -p "$out"
  cp -a "$work/files/files/." "$out/"
fi
exit "$(cat "$work/files/status")"
