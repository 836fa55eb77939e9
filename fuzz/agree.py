#!/usr/bin/env python3
"""Holds blocktar and the second reader against each other on a sample of what the fuzzers found.

    agree.py [COUNT [BLOCKTAR]]

Takes COUNT archives that blocktar accepts and COUNT that it refuses (by default 100) from the readers' corpora, in the
order of their names, which are digests: always the same ones of the same corpus. Both must accept the same archives, and
make the same images of fulls. Which of several faults an archive is refused for may differ; the counts are printed.
"""
import io, subprocess, sys, tempfile
from collections import Counter
from contextlib import redirect_stderr
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.dont_write_bytecode = True
sys.path.insert(0, str(ROOT / "examples"))
import second_reader

# A device so large that its image is not made here: both only verify it.
IMAGE_MAX = 16 << 20
SOUND = 0, 8


def blocktar(program, *arguments):
    done = subprocess.run([program, *map(str, arguments)], capture_output=True, text=True, errors="replace")
    return done.returncode, done.stdout + done.stderr


def second(*arguments):
    said = io.StringIO()
    with redirect_stderr(said):
        code = second_reader.main(*map(str, arguments))
    return code, said.getvalue()


def disagreement(program, archive, folder, codes):
    """What the two readers do not agree on, or nothing."""
    one, one_says = blocktar(program, "verify", archive, "--threads", "1")
    other, other_says = second(archive)
    codes[one, other] += 1
    if (one in SOUND) != (other in SOUND):
        return f"blocktar verify comes to {one}, the second reader to {other}\n{one_says}{other_says}"
    images = folder / "one.img", folder / "other.img"
    for image in images:
        image.unlink(missing_ok=True)
    if one in SOUND:
        with open(archive, "rb") as file:
            read = second_reader.Archive(file, None)
            read.head()
        if read.size > IMAGE_MAX or not read.full:
            return None
        one, one_says = blocktar(program, "restore", images[0], "-i", archive)
        other, other_says = second(archive, images[1])
        if one != other or images[0].read_bytes() != images[1].read_bytes():
            return f"other images: {one}, {other}\n{one_says}{other_says}"
    return None


def main(count=100, program=ROOT / "target/debug/blocktar"):
    left, codes, wrong = {True: int(count), False: int(count)}, Counter(), 0
    corpora = (ROOT / "fuzz/corpus" / target for target in ("differential", "forward", "seeking"))
    archives = {path.name: path for corpus in corpora for path in corpus.iterdir()}
    with tempfile.TemporaryDirectory() as folder:
        for _, archive in sorted(archives.items()):
            sound = blocktar(program, "verify", archive, "--threads", "1")[0] in SOUND if any(left.values()) else None
            if not left.get(sound):
                continue
            left[sound] -= 1
            found = disagreement(program, archive, Path(folder), codes)
            if found:
                wrong += 1
                print(f"{archive}: {found}")
    pairs = ", ".join(f"{one} and {other}: {times}" for (one, other), times in sorted(codes.items()))
    print(f"{sum(codes.values())} archives by blocktar and the second reader, exit codes {pairs}; {wrong} disagreements")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
