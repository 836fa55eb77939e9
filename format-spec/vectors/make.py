#!/usr/bin/env python3
"""Makes the vectors that are not there yet, and notes their outcomes. Needs Python's standard library and zstd.

    make.py [BLOCKTAR]

Sound ones are plain, to be tried with any tar; the many that are refused are packed by zstd. A vector that exists is
never made again, whatever the program of today would write: readers must go on to read what was
once written. With the path of a blocktar program, archives of its own are made too, for the names that are missing.
"""
import hashlib, json, subprocess, sys, tempfile
from pathlib import Path

sys.dont_write_bytecode = True
import broken, parts, sound
from writer import zst

FOLDER = Path(__file__).resolve().parent
OUTCOMES = FOLDER / "outcomes.json"


def recompressed_by(program, outcomes):
    """Archives that the program made of vectors: they restore the same images, in the same chains."""
    ways = {"every_key": ["--digest", "blake3", "--compression", "none"], "unknown_keys": ["--extent-limit", "1M"]}
    for name, options in ways.items():
        line = [program, "recompress", FOLDER / f"full_{name}.tar", "--record-size", "1024", *options]
        made = subprocess.run(line, capture_output=True, check=True)
        yield "blocktar_recompressed_" + name, made.stdout, outcomes["full_" + name]
    for name in "increment", "undo":
        line = [program, "recompress", FOLDER / f"{name}.tar", "--compression", "none"]
        made = subprocess.run(line, capture_output=True, check=True)
        yield "blocktar_recompressed_" + name, made.stdout, outcomes[name]


def written_by(program):
    """Archives that the program itself wrote."""
    image = bytearray(150_000)
    image[:3000], image[70_000:70_500], image[-1:] = sound.text(3000), sound.noise(500), b"\x01"
    result = {"verify": 0, "restore": 0, "size": len(image), "sha256": hashlib.sha256(image).hexdigest()}
    ways = {"plain": ["--compression", "none"], "zstd": [], "blake3": ["--digest", "blake3"],
            "attached": ["--attach", "note.txt", "--name", "a name", "--meta", "vm=7"]}
    with tempfile.TemporaryDirectory() as place:
        (Path(place) / "disk.img").write_bytes(image)
        (Path(place) / "note.txt").write_text("attached\n")
        for name, options in ways.items():
            line = [program, "backup", "disk.img", "--record-size", "512", *options]
            made = subprocess.run(line, cwd=place, capture_output=True, check=True)
            yield "blocktar_" + name, made.stdout, result


def make_parts():
    """Archives in parts, each part a file, and what comes of them together. Gives how many files were missing."""
    made, folder = 0, FOLDER / "parts"
    folder.mkdir(exist_ok=True)
    for name, archive in parts.archives():
        path = folder / f"{name}.tar.zst"
        if not path.exists():
            path.write_bytes(zst(archive, "-19"))
            made += 1
    write_outcomes(folder / "outcomes.json", dict(parts.outcomes()))
    return made


def write_outcomes(path, outcomes):
    lines = (f"{json.dumps(name)}: {json.dumps(outcomes[name])}" for name in sorted(outcomes))
    path.write_text("{\n" + ",\n".join(lines) + "\n}\n")


def main(program=None):
    outcomes = json.loads(OUTCOMES.read_text()) if OUTCOMES.exists() else {}
    made = 0
    sources = [sound.vectors(), broken.vectors()]
    if program:
        sources += [written_by(Path(program).resolve()), recompressed_by(Path(program).resolve(), outcomes)]
    for name, archive, outcome in (vector for source in sources for vector in source):
        refused = outcome["verify"] in (4, 5, 6) and outcome["restore"] != 0
        path = FOLDER / f"{name}.tar{'.zst' * refused}"
        if not path.exists():
            path.write_bytes(zst(archive, "-19") if refused else archive)
            outcomes[name], made = outcome, made + 1
    write_outcomes(OUTCOMES, outcomes)
    print(f"{made} made, {len(outcomes) - made} kept, {make_parts()} parts made")


if __name__ == "__main__":
    main(*sys.argv[1:])
