#!/usr/bin/env python3
"""Makes the fuzzers' corpus from the vectors of the format: fuzz/corpus/<target>, one file for each text.

Whole archives go to the readers; headers, records and JSON members are cut out of them for the parsers. What fuzzers
have added to a corpus stays. Needs Python's standard library and the program zstd.
"""
import hashlib, subprocess
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
VECTORS = FOLDER.parent / "format-spec/vectors"
READERS = "forward", "seeking", "differential", "salvage"
# Longer archives show nothing more, and cost time with each run.
ARCHIVE_MAX, TEXT_MAX = 40 << 10, 8 << 10


def unzstd(stored):
    return subprocess.run(["zstd", "-dcq"], input=stored, capture_output=True).stdout


def members(archive):
    """Headers, path, record and stored bytes of each member, as far as there are any."""
    at = 0
    while at + 1536 <= len(archive) and archive[at + 257:at + 262] == b"ustar":
        try:
            pax_size = int(archive[at + 124:at + 135], 8)
            header = at + 512 + -(-pax_size // 512) * 512
            size = int(archive[header + 124:header + 135], 8)
        except ValueError:
            return
        path = archive[header:header + 100].rstrip(b"\0").decode(errors="replace").partition("/")[2]
        record = archive[at + 512:at + 512 + pax_size].partition(b" comment=")[2][:-1]
        stored = archive[header + 512:header + 512 + size]
        yield archive[at:header + 512], path, record, stored
        at = header + 512 + -(-size // 512) * 512


def texts(archive):
    """Each target with a text for it."""
    if len(archive) <= ARCHIVE_MAX:
        yield from ((target, archive) for target in READERS)
    for headers, path, record, stored in members(archive):
        yield "header", headers
        yield "record", record
        if path in ("backup-info.json", "end.json"):
            yield path.removesuffix(".json").replace("-", "_"), stored
        elif path.startswith("extents.json"):
            yield "map", stored
        elif path.startswith("index/"):
            yield "index", unzstd(stored)


def main():
    counts = {}
    for vector in sorted(VECTORS.glob("*.tar*")):
        stored = vector.read_bytes()
        for target, text in texts(unzstd(stored) if vector.suffix == ".zst" else stored):
            if target in READERS or len(text) <= TEXT_MAX:
                folder = FOLDER / "corpus" / target
                folder.mkdir(parents=True, exist_ok=True)
                (folder / hashlib.sha1(text).hexdigest()).write_bytes(text)
                counts.setdefault(target, set()).add(text)
    print("seeds:", ", ".join(f"{target} {len(found)}" for target, found in sorted(counts.items())))


if __name__ == "__main__":
    main()
