#!/usr/bin/env bash
# Builds the virtual machine of the tests of tape and LVM in target/vm: QEMU and tgtd for this machine, the guest's programs and two kernels,
# `stable` of this machine's Debian release and the newer `backports` (what run.sh does not find there, it could not have).
# Debian's packages are only downloaded and unpacked, from wherever this machine's apt has them; nothing is installed.
#
# What was built stays until these scripts change; rm -r target/vm has it made anew.
set -euo pipefail
cd "$(dirname "$0")/../.."
scripts=$PWD/tests/vm vm=$PWD/target/vm

host_programs=(usr/bin/qemu-system-x86_64 usr/sbin/tgtd usr/sbin/tgtadm usr/sbin/tgtimg)
# QEMU's own modules, without which it neither emulates nor reaches a drive.
qemu_modules=(accel-tcg-i386.so accel-tcg-x86_64.so block-iscsi.so)
# What the guest has; all else there is busybox.
guest_programs=(bin/bash bin/dd bin/kmod bin/mt-st bin/tar lib/drbd/drbdadm-84 lib/drbd/drbdsetup-84 sbin/dmsetup sbin/drbdadm sbin/drbdmeta sbin/drbdsetup sbin/lvm sbin/mke2fs usr/bin/cmp usr/bin/flock
  usr/bin/jq usr/bin/script usr/bin/sg_reset usr/bin/zstd usr/sbin/mtx usr/sbin/pdata_tools)
guest_modules=(virtio_pci virtio_blk virtio_scsi st sg ch scsi_debug dm-mod dm-snapshot dm-thin-pool drbd ext4)
packages=(bash bsdutils busybox-static coreutils diffutils dmsetup drbd-utils e2fsprogs jq kmod lvm2 mt-st mtx qemu-block-extra qemu-system-x86 sg3-utils tar tgt thin-provisioning-tools util-linux
  zstd)
# Which of the packages that they need are unpacked: libraries, but not those of modules that are not used here, nor the C library, which is this machine's.
wanted='^(lib|zlib1g|qemu-system-|seabios)' unwanted='^lib(boost|c6|db5|g?perl|gstreamer|gf|glusterfs|nss3|rados|rbd|spice|systemd)'

stop() {
  echo "build.sh: $1" >&2
  exit 1
}

# apt_get ARGUMENT…: with the state folder's own sources and lists and nothing installed, so that this machine's apt stays as it is.
apt_get() {
  apt-get -qq -o "Dir::Etc::sourceparts=$state/sources" -o Dir::Etc::sourcelist=/dev/null -o Dir::Etc::preferences=/dev/null \
    -o Dir::Etc::preferencesparts=/dev/null -o "Dir::State::status=$state/status" -o "Dir::State::lists=$state/lists" \
    -o "Dir::Cache=$state/cache" -o APT::Sandbox::User=root -o Debug::NoLocking=1 -o Acquire::Languages=none \
    -o Acquire::Retries=3 -o Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false "$@"
}

# fetch FOLDER SUITES PATTERN PACKAGE…: unpacks the packages there, and of those that they need what the pattern names.
fetch() {
  local folder=$1 suites=$2 wanted=$3 file name files=()
  shift 3
  state=$work/apt-${suites##* }
  mkdir -p "$state"/{sources,lists/partial,cache/archives/partial} "$vm/packages" "$folder"
  : > "$state/status"
  printf 'Types: deb\nURIs: %s\nSuites: %s\nComponents: main\nSigned-By: /usr/share/keyrings/debian-archive-keyring.gpg\n' \
    "$site" "$suites" > "$state/sources/vm.sources"
  apt_get update && apt_get install --no-install-recommends --print-uris -t "${suites##* }" "$@" > "$state/files" || return
  for file in $(cut -d' ' -f2 "$state/files"); do
    name=${file%%_*}
    if [[ " $* " == *" $name "* || ($name =~ $wanted && ! $name =~ $unwanted) ]]; then files+=("$file"); fi
  done
  (cd "$vm/packages" && apt_get download -t "${suites##* }" "${files[@]%%_*}") || return
  for file in "${files[@]}"; do dpkg-deb -x "$vm/packages/$file" "$folder" || return; done
}

# libraries FILE…: the paths of the shared libraries that they need, this machine's own only where no package brought any.
libraries() {
  local found
  found=$(LD_LIBRARY_PATH=$programs/lib/x86_64-linux-gnu:$programs/usr/lib/x86_64-linux-gnu ldd "$@")
  if grep 'not found' <<< "$found" >&2; then stop "these libraries are in no package that was unpacked"; fi
  awk '$2 == "=>" {print $3} $1 ~ "^/lib64/" {print $1}' <<< "$found" | sort -u
}

# pack FOLDER FILE: as the kernel takes its first file system.
pack() { bsdtar --format newc --uid 0 --gid 0 -cf "$2" -C "$1" .; }

# unpacked_kmod NAME ARGUMENT…: the package's depmod or modprobe, which are one program that looks at its name.
unpacked_kmod() { (export LD_LIBRARY_PATH=$programs/lib/x86_64-linux-gnu && exec -a "$1" "$programs/bin/kmod" "${@:2}"); }

build_host() {
  local folder=$1 name library
  mkdir -p "$folder"/{bin,lib,modules,share}
  for name in "${host_programs[@]}"; do cp "$programs/$name" "$folder/bin/"; done
  for name in "${qemu_modules[@]}"; do cp "$programs/usr/lib/x86_64-linux-gnu/qemu/$name" "$folder/modules/"; done
  cp "$programs"/usr/share/seabios/bios-256k.bin "$programs"/usr/share/qemu/{linuxboot_dma,kvmvapic}.bin "$folder/share/"
  for library in $(libraries "$folder"/bin/* "$folder"/modules/*); do
    if [[ $library == "$programs"/* ]]; then cp "$library" "$folder/lib/"; fi
  done
}

build_userland() {
  local root=$1 name library
  mkdir -p "$root"/{bin,sbin,usr/bin,usr/sbin,lib64,lib/x86_64-linux-gnu,lib/drbd,etc}
  for name in "${guest_programs[@]}"; do cp "$programs/$name" "$root/$name"; done
  # libgcc_s and libm are there for programs that were built on this machine.
  for library in $(libraries "${guest_programs[@]/#/$programs/}") /lib/x86_64-linux-gnu/{libgcc_s.so.1,libm.so.6}; do
    if [[ $library == /lib64/* ]]; then cp "$library" "$root/lib64/"; else cp "$library" "$root/lib/x86_64-linux-gnu/"; fi
  done
  cp "$programs/bin/busybox" "$root/bin/"
  for name in $("$programs/bin/busybox" --list-full); do
    mkdir -p "$root/${name%/*}"
    [[ -e $root/$name ]] || ln -s /bin/busybox "$root/$name"
  done
  # The shell is not busybox's, which would take busybox's own mt and tar before the real ones.
  ln -sf bash "$root/bin/sh"
  ln -sf mt-st "$root/bin/mt"
  ln -sf /bin/kmod "$root/sbin/modprobe"
  # LVM and the thin tools are one program each, too, and look at their names.
  for name in lvchange lvcreate lvextend lvreduce lvremove lvs pvcreate vgcreate vgremove vgs; do ln -s lvm "$root/sbin/$name"; done
  for name in thin_delta thin_dump thin_ls; do ln -s pdata_tools "$root/usr/sbin/$name"; done
  mkdir -p "$root/etc/lvm"
  cp "$scripts/lvm.conf" "$root/etc/lvm/"
  cp "$scripts/init" "$root/init"
}

# build_kernel FOLDER SUITES: the kernel, and the guest's first file system with its modules. Fails only if the packages cannot be had.
build_kernel() {
  local folder=$1 unpacked=$work/kernel all=$work/all root=$work/modules version name
  rm -rf "$unpacked" "$all" "$root"
  fetch "$unpacked" "$2" '^linux-' linux-image-cloud-amd64 || return
  mkdir -p "$folder" "$all/lib" "$root"
  find "$unpacked" -name 'vmlinuz*' -type f -exec cp {} "$folder/vmlinuz" \;
  mv "$(find "$unpacked" -path '*lib/modules' -type d -print -quit)" "$all/lib/"
  version=$(ls "$all/lib/modules")
  unpacked_kmod depmod -b "$all" "$version"
  (
    cd "$all"
    for name in "${guest_modules[@]}"; do
      unpacked_kmod modprobe -d "$all" -S "$version" --show-depends "$name" | sed -n "s|^insmod $all/\([^ ]*\).*|\1|p"
    done | sort -u | xargs cp --parents -t "$root" "lib/modules/$version"/modules.{order,builtin{,.modinfo}}
  )
  unpacked_kmod depmod -b "$root" "$version"
  pack "$root" "$work/modules.cpio"
  # The kernel unpacks one archive after the other.
  cat "$work/userland.cpio" "$work/modules.cpio" > "$folder/initrd"
}

key=$(cat "$scripts/build.sh" "$scripts/init" "$scripts/lvm.conf" | sha256sum)
[[ $(cat "$vm/key" 2> /dev/null) != "$key" ]] || exit 0
for tool in apt-get dpkg-deb bsdtar ldd; do
  command -v "$tool" > /dev/null || stop "$tool is missing (Debian: apt, dpkg, libarchive-tools, libc-bin)"
done
[[ $(uname -m) == x86_64 ]] || stop "the virtual machine runs the programs of an x86-64 machine, and this one is $(uname -m)"
release=$(. /etc/os-release && echo "${VERSION_CODENAME-}")
site=$(apt-get indextargets --format '$(SITE)' "Codename: $release" 'Component: main' | head -1)
[[ $site ]] || stop "apt knows no packages of Debian's $release"

mkdir -p "$vm"
work=$(mktemp -d "$vm/work.XXXXXX")
trap 'rm -rf -- "$work"' EXIT
programs=$work/programs
rm -rf "$vm/key" "$vm/host" "$vm/stable" "$vm/backports"
fetch "$programs" "$release" "$wanted" "${packages[@]}" || stop "the packages cannot be had; is there a way to $site?"
build_host "$vm/host"
build_userland "$work/userland"
pack "$work/userland" "$work/userland.cpio"
build_kernel "$work/stable" "$release" || stop "there is no kernel to be had from $site"
mv "$work/stable" "$vm/"
if build_kernel "$work/backports" "trixie trixie-backports"; then
  mv "$work/backports" "$vm/"
  echo "$key" > "$vm/key" # without that kernel, the next run tries again
else
  echo "build.sh: there is no newer kernel to be had from $site" >&2
fi
