"""Backs up and restores an image with blocktar and its peers by turns, damages what they made, and prints one table of it."""

import argparse
import os
import re
import shlex
import shutil
import statistics
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass, field

from measure import run, shell, shown, take_peak_mib
from peer_list import Place, peers, told

CUT_BYTES = 1 << 20
HANGS_AFTER_SECONDS = 300
TIMED_OUT = 124  # The exit code of timeout.


@dataclass
class Figures:
    """What was seen of one peer."""

    backups: list = field(default_factory=list)
    restores: list = field(default_factory=list)
    backup_mib: float = 0
    restore_mib: float = 0
    result_bytes: int = 0
    flips: Counter = field(default_factory=Counter)
    cut: str = ""
    pipe: str = ""


def files_in(path):
    """The file, or all files below the folder in the order of their names."""
    if os.path.isfile(path):
        return [path]
    return sorted(os.path.join(top, name) for top, _, names in os.walk(path) for name in names)


def clear(place):
    """Removes what the last turn left."""
    shutil.rmtree(place.restored_folder, ignore_errors=True)
    shutil.rmtree(place.result, ignore_errors=True)
    if os.path.exists(place.result):
        os.remove(place.result)
    os.makedirs(place.restored_folder)


def clear_restored(place):
    shutil.rmtree(place.restored_folder)
    os.makedirs(place.restored_folder)


def is_equal(place):
    return subprocess.run(["cmp", "-s", place.image, place.restored], check=False).returncode == 0


def measure(peer, place, figures):
    """One backup and one restore: what they read is in the page cache, what they wrote is on the disk when the time ends."""
    clear(place)
    run(f"{peer.before} && cat {place.image} > /dev/null && sync -f {place.folder}", peer.name)
    take_peak_mib(place.notes)
    figures.backups.append(run(peer.backup, peer.name))
    figures.backup_mib = max(figures.backup_mib, take_peak_mib(place.notes))
    figures.result_bytes = sum(os.stat(path).st_blocks * 512 for path in files_in(place.result))
    run(f"find {place.result} -type f -exec cat {{}} + > /dev/null", peer.name)
    figures.restores.append(run(peer.restore, peer.name))
    figures.restore_mib = max(figures.restore_mib, take_peak_mib(place.notes))
    if not is_equal(place):
        sys.exit(f"{peer.name}: restored something else than was backed up")


def attempt(job):
    """What a job that may fail says of itself: that it succeeded, that it failed, or nothing at all."""
    limited = f"timeout {HANGS_AFTER_SECONDS} bash -c {shlex.quote('set -o pipefail; ' + job)}"
    code = shell(limited, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode
    return {0: "succeeded", TIMED_OUT: "hangs"}.get(code, "failed")


def flip(path, offset):
    """Flips the lowest bit of one byte; once more, and all is as it was."""
    with open(path, "r+b") as file:
        file.seek(offset)
        value = file.read(1)[0]
        file.seek(offset)
        file.write(bytes([value ^ 1]))


def spread(path, count):
    """As many places at even distances over the bytes of all files of a result."""
    sizes = [(name, os.path.getsize(name)) for name in files_in(path)]
    total = sum(size for _, size in sizes)
    for number in range(count):
        offset = total * (2 * number + 1) // (2 * count)
        for name, size in sizes:
            if offset < size:
                yield name, offset
                break
            offset -= size


def restored_after_damage(peer, place):
    clear_restored(place)
    said = attempt(peer.restore)
    if said != "succeeded":
        return {"failed": "noticed"}.get(said, said)
    return "harmless" if is_equal(place) else "wrong"


def damage(peer, place, figures, flips):
    """Restores results of which one byte was flipped, then one that was cut, and looks whether the tool says so."""
    clear(place)
    run(f"{peer.before} && {peer.backup}", peer.name)
    if restored_after_damage(peer, place) != "harmless":
        sys.exit(f"{peer.name}: does not restore what it has backed up")
    for path, offset in spread(place.result, flips):
        writable = os.stat(path).st_mode
        os.chmod(path, writable | 0o200)
        flip(path, offset)
        figures.flips[restored_after_damage(peer, place)] += 1
        flip(path, offset)
        os.chmod(path, writable)
    largest = max(files_in(place.result), key=os.path.getsize)
    os.chmod(largest, 0o600)
    os.truncate(largest, max(0, os.path.getsize(largest) - CUT_BYTES))
    figures.cut = restored_after_damage(peer, place)


def go_through_pipe(peer, place, figures):
    """Tries whether the backup can be written into a pipe and restored from one."""
    if not peer.pipe:
        figures.pipe = "no, a folder of files"
        return
    clear(place)
    backup, restore = peer.pipe
    through = attempt(backup) == attempt(restore) == "succeeded" and is_equal(place)
    figures.pipe = peer.pipe_holds if through else "no"


def outcome(counts):
    """Such as `8 wrong`: what became of the flips."""
    return ", ".join(f"{count} {what}" for what, count in counts.most_common())


def row(peer, figures):
    cells = [
        peer.name,
        f"{shown(statistics.median(figures.backups))} s",
        f"{shown(statistics.median(figures.restores))} s",
        f"{figures.backup_mib:.0f}, {figures.restore_mib:.0f} MiB",
        f"{figures.result_bytes / (1 << 20):,.0f} MiB",
        peer.checks,
        outcome(figures.flips),
        figures.cut,
        figures.pipe,
    ]
    return "| " + " | ".join(cells) + " |"


def table(listed, seen):
    """The rows: first what does not compress, then what does; a peer that is not installed has its row too."""
    yield "| tool | backup | restore | peak memory: backup, restore | result | checked in a restore | flipped bits | cut by 1 MiB | a pipe or tape can hold it |"
    yield "|---|---|---|---|---|---|---|---|---|"
    for compresses, heading in ((False, "**not compressed**"), (True, "**compressed**")):
        yield f"| {heading} |" + " |" * 8
        for peer in listed:
            if peer.compresses != compresses:
                continue
            if peer.name in seen:
                yield row(peer, seen[peer.name])
            else:
                yield f"| {peer.name} | not measured: {peer.needs} is not installed (Debian: {peer.package}) |" + " |" * 7


def widest_spread(seen):
    """The times that differed most between runs, so that nobody trusts a median further than it goes."""
    jobs = [(name, what, times) for name, figures in seen.items() for what, times in (("backup", figures.backups), ("restore", figures.restores))]
    name, what, times = max(jobs, key=lambda job: max(job[2]) / min(job[2]))
    return f"widest spread of a median: {name}, {what}: {shown(min(times))}–{shown(max(times))} s"


def versions():
    asked = [("tar", "--version"), ("bsdtar", "--version"), ("zstd", "--version"), ("qemu-img", "--version"),
             ("nbdcopy", "--version"), ("restic", "version"), ("borg", "--version")]  # fmt: skip
    found = ((command[0], re.search(r"\d+(\.\d+)+", told(*command))) for command in asked)
    return ", ".join(f"{name} {number[0]}" for name, number in found if number)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--image", required=True)
    parser.add_argument("--small-image", required=True, help="what is backed up to be damaged")
    parser.add_argument("--folder", required=True, help="where results and restored images go")
    parser.add_argument("--program", required=True)
    parser.add_argument("--runs", type=int, required=True)
    parser.add_argument("--slow-runs", type=int, required=True, help="runs of what takes minutes")
    parser.add_argument("--flips", type=int, required=True, help="how many bits to flip, each in a sound result")
    parser.add_argument("--only", action="append", default=[])
    arguments = parser.parse_args()

    place = Place(arguments.image, arguments.folder, arguments.program)
    small = Place(arguments.small_image, arguments.folder, arguments.program)

    def chosen(where):
        return [peer for peer in peers(where) if not arguments.only or any(word in peer.name for word in arguments.only)]

    listed = chosen(place)
    seen = {peer.name: Figures() for peer in listed if shutil.which(peer.needs)}
    if not seen:
        sys.exit("peers.sh: none of the tools that are wanted is installed: " + (", ".join(peer.name for peer in listed) or "--only leaves none"))
    print(versions(), flush=True)
    for number in range(arguments.runs):
        for peer in listed:
            if peer.name in seen and not (peer.slow and number >= arguments.slow_runs):
                print(f"run {number + 1}: {peer.name}", file=sys.stderr)
                measure(peer, place, seen[peer.name])
    for peer in chosen(small):
        if peer.name in seen:
            print(f"damage: {peer.name}", file=sys.stderr)
            damage(peer, small, seen[peer.name], arguments.flips)
            go_through_pipe(peer, small, seen[peer.name])
    clear(small)
    print("", *table(listed, seen), sep="\n")
    if arguments.runs > 1:
        print("", widest_spread(seen), sep="\n")


if __name__ == "__main__":
    main()
