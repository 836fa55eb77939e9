#!/usr/bin/env bash
# Builds blocktar and does its main job on a real ext4 image that it makes: backup through a pipe, list, verify, restore to a
# new sparse image and (as root) onto a dirty loop device, each compared byte for byte. Everything lies in one temporary folder.
set -euo pipefail
cd "$(dirname "$0")/.."
PATH=$PATH:/usr/sbin:/sbin

for tool in cargo mke2fs cmp truncate; do
  command -v "$tool" > /dev/null || { echo "quickstart.sh: $tool is missing (Debian: e2fsprogs, diffutils; Rust for cargo)" >&2; exit 1; }
done
cargo build --release --locked
PATH=$PWD/target/release:$PATH
files=$PWD

folder=$(mktemp -d "${TMPDIR:-/tmp}/blocktar-quickstart.XXXXXX")
loop=
trap '[[ -z $loop ]] || losetup -d "$loop"; rm -rf -- "$folder"' EXIT
cd "$folder"

# Shows a command, then runs it.
show() {
  printf '\n$ %s\n' "$1"
  bash -o pipefail -ec "$1"
}

echo "Making a 256 MiB ext4 image with blocktar's own source files in it:"
mkdir tree
cp -r "$files/src" "$files/format-spec" "$files/tests" "$files/target/release/blocktar" tree/
show "mke2fs -q -t ext4 -L quickstart -d tree disk.img 256M"
rm -r tree

show "blocktar backup disk.img --name quickstart | cat > backup.tar"
show "blocktar list backup.tar"
show "blocktar verify backup.tar"
show "cat backup.tar | blocktar restore new.img"
show "cmp disk.img new.img && echo 'the restored image is the same, byte for byte'"
show "du -h --apparent-size disk.img; du -h disk.img new.img backup.tar"

if ((EUID == 0)); then
  echo
  echo "Making a loop device that is full of old data:"
  tr '\0' '\377' < /dev/zero | head -c 256M > device.img || true # tr ends by the closed pipe
  loop=$(losetup -f --show device.img)
  show "blocktar restore -i backup.tar $loop --read-back"
  show "cmp disk.img $loop && echo 'the device is the same, byte for byte'"
else
  echo
  echo "NOT SHOWN: the restore onto a block device, which needs root."
fi
echo
echo "done: quickstart"
