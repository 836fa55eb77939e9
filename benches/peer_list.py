"""How blocktar and each of its peers is called: to back up an image into a result, and to bring it back."""

import os
import subprocess
from dataclasses import dataclass


@dataclass(frozen=True)
class Place:
    """Where the peers work, one after another."""

    image: str
    folder: str
    program: str

    @property
    def result(self):
        return f"{self.folder}/result"

    @property
    def restored_folder(self):
        return f"{self.folder}/restored"

    @property
    def restored(self):
        return f"{self.restored_folder}/{os.path.basename(self.image)}"

    @property
    def notes(self):
        return f"{self.folder}/memory-notes"


@dataclass(frozen=True)
class Peer:
    """One tool in one mode. The commands are for a shell, end when all is on the disk, and note their peak memory."""

    name: str
    needs: str
    package: str
    backup: str
    restore: str
    checks: str
    pipe: tuple = None
    pipe_holds: str = "yes"
    before: str = "true"
    compresses: bool = False
    slow: bool = False


def peers(place):
    """All of them, the table's order."""
    timed = f"/usr/bin/time -a -o {place.notes} -f %M"
    return [*archivers(place, timed), *image_tools(place, timed), *repositories(place, timed)]


def archivers(place, timed):
    """What writes one stream: it can go through a pipe as it goes into a file."""
    image, result, restored, into = place.image, place.result, place.restored, place.restored_folder
    folder, name = os.path.split(image)
    saved, back = f"&& sync {result}", f"&& sync {restored}"
    # Through a pipe bsdtar pads what it compressed, and neither it nor zstd reads that padding: 3.6.2 fails there.
    zstd_in_bsdtar = "--zstd --options zstd:compression-level=1,zstd:threads=2"

    def blocktar(compression):
        backup = f"{timed} {place.program} -q backup {image} --compression {compression}"
        restore = f"{timed} {place.program} -q restore"
        return Peer(
            f"blocktar, {compression}", place.program, "", f"{backup} -o {result}", f"{restore} -i {result} {restored}",
            "SHA-256 of each range and of the whole", (f"{backup} | cat > {result}", f"cat {result} | {restore} {restored}"),
            compresses=compression != "none",
        )  # fmt: skip

    def bsdtar(label, options, compresses):
        backup, restore = f"{timed} bsdtar -C {folder} --read-sparse {options} -cf", f"{timed} bsdtar -C {into} -xf"
        return Peer(
            label, "bsdtar", "libarchive-tools", f"{backup} {result} {name} {saved}", f"{restore} {result} {back}",
            "headers only", (f"{backup} - {name} | cat > {result}", f"cat {result} | {restore} -"), compresses=compresses,
        )  # fmt: skip

    tar, untar = f"{timed} tar -C {folder} -cSf", f"{timed} tar -C {into} -xf"
    zstd, unzstd = f"{timed} zstd -1 -T2 -q", f"{timed} zstd -dcq"
    return [
        blocktar("none"),
        Peer("GNU tar -S", "tar", "tar", f"{tar} {result} {name} {saved}", f"{untar} {result} {back}",
             "headers only", (f"{tar} - {name} | cat > {result}", f"cat {result} | {untar} -")),
        bsdtar("bsdtar --read-sparse", "", False),
        blocktar("zstd:1"),
        Peer("GNU tar -S, zstd -1 -T2", "zstd", "zstd", f"{tar} - {name} | {zstd} > {result} {saved}", f"{unzstd} {result} | {untar} - {back}",
             "headers; 32 bits of XXH64 of the whole, at its end",
             (f"{tar} - {name} | {zstd} | cat > {result}", f"cat {result} | {unzstd} | {untar} -"), compresses=True),
        bsdtar("bsdtar --read-sparse --zstd, level 1, 2 threads", zstd_in_bsdtar, True),
    ]  # fmt: skip


def image_tools(place, timed):
    """What writes one image file."""
    image, result, restored = place.image, place.result, place.restored
    saved, back = f"&& sync {result}", f"&& sync {restored}"
    size = os.path.getsize(image)

    def qemu_img(label, options, compresses):
        backup, restore = f"{timed} qemu-img convert -f raw -O qcow2 {options} {image}", f"{timed} qemu-img convert -f qcow2 -O raw"
        return Peer(
            label, "qemu-img", "qemu-utils", f"{backup} {result} {saved}", f"{restore} {result} {restored} {back}", "nothing but the tables' form",
            (f"{backup} /dev/stdout | cat > {result}", f"cat {result} | {restore} /dev/stdin {restored}"), compresses=compresses,
        )  # fmt: skip

    copy = f"{timed} nbdcopy"
    # From a pipe nbdcopy writes to a server only: it cannot know the size of a new file.
    from_pipe = f"truncate -s {size} {restored}; cat {result} | {copy} -- - [ qemu-nbd -f raw {restored} ]"
    return [
        qemu_img("qemu-img, qcow2", "", False),
        qemu_img("qemu-img -c, qcow2, zstd", "-c -o compression_type=zstd", True),
        Peer("nbdcopy, raw image", "nbdcopy", "libnbd-bin", f"{copy} {image} {result} {saved}", f"{copy} {result} {restored} {back}", "nothing",
             (f"{copy} {image} - | cat > {result}", from_pipe), pipe_holds="with every zero in it"),
    ]  # fmt: skip


def repositories(place, timed):
    """What keeps a folder of many files, and is made for many backups of the same data."""
    result, restored, into = place.result, place.restored, place.restored_folder
    folder, name = os.path.split(place.image)
    saved, back = f"&& sync -f {result}", f"&& sync {restored}"

    restic = f"RESTIC_PASSWORD=benchmark {timed} restic -q --no-cache -r {result}"
    sparse = "--sparse" if "--sparse" in told("restic", "restore", "--help") else ""
    # What borg knows of repositories lies beside the result and goes with it; its manual has the fixed chunker for disk images.
    borg_home = f"{place.folder}/borg"
    borg = f"BORG_BASE_DIR={borg_home} BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK=yes {timed} borg"

    def restic_peer(label, mode, compresses):
        return Peer(
            label, "restic", "restic", f"cd {folder} && {restic} --compression {mode} backup {name} {saved}",
            f"{restic} restore latest {sparse} --target {into} {back}", "Poly1305 and SHA-256 of each piece (it always encrypts)",
            before=f"{restic} init", compresses=compresses, slow=True,
        )  # fmt: skip

    def borg_peer(label, mode, compresses):
        return Peer(
            label, "borg", "borgbackup", f"cd {folder} && {borg} create --sparse --chunker-params fixed,4194304 --compression {mode} {result}::a {name} {saved}",
            f"cd {into} && {borg} extract --sparse {result}::a {back}", "CRC-32 and SHA-256 of each piece",
            before=f"rm -rf {borg_home} && {borg} init -e none {result}", compresses=compresses, slow=True,
        )  # fmt: skip

    return [
        restic_peer("restic --compression off", "off", False),
        borg_peer("borg, none", "none", False),
        restic_peer("restic", "auto", True),
        borg_peer("borg, zstd,1", "zstd,1", True),
    ]


def told(*command):
    """What a program prints, or nothing where it is not installed."""
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout
    except FileNotFoundError:
        return ""
