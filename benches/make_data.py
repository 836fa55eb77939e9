"""Makes what compare.sh measures with: a tree of real files, and images whose extents are scattered."""

import argparse
import os
import random
import shutil
import sys

FILES_FROM = ("/usr/lib", "/usr/share", "/usr/bin", "/usr/include")
BLOCK = 4096


def permutation(number):
    """A substitution of byte values: the copy compresses like its original and shares no block with it. Zero stays zero."""
    if number == 0:
        return None
    values = list(range(1, 256))
    random.Random(number).shuffle(values)
    return bytes([0] + values)


def files():
    for top in FILES_FROM:
        for folder, folders, names in os.walk(top):
            folders.sort()
            for name in sorted(names):
                path = os.path.join(folder, name)
                if os.path.isfile(path) and not os.path.islink(path) and os.access(path, os.R_OK):
                    yield path


def tree(arguments):
    """Copies files of this machine until there are enough bytes; each round in other bytes."""
    left = arguments.bytes
    number = 0
    while left > 0:
        table = permutation(number)
        before = left
        for path in files():
            size = os.path.getsize(path)
            if size > arguments.bytes // 8:
                continue
            place = f"{arguments.folder}/round{number}{path}"
            os.makedirs(os.path.dirname(place), exist_ok=True)
            if table is None:
                shutil.copyfile(path, place)
            else:
                with open(path, "rb") as original, open(place, "wb") as copy:
                    while piece := original.read(1 << 20):
                        copy.write(piece.translate(table))
            left -= -(-size // BLOCK) * BLOCK
            if left <= 0:
                return
        if before == left:
            sys.exit("there are no files to copy in " + ", ".join(FILES_FROM))
        number += 1


def scattered(arguments):
    """An image with data extents at even distances; their bytes are blocks of another image, none of them zero."""
    distance = arguments.size // arguments.count // BLOCK * BLOCK
    with open(arguments.blocks_from, "rb") as blocks, open(arguments.image, "wb") as image:
        image.truncate(arguments.size)
        supply = full_blocks(blocks)
        for number in range(arguments.count):
            data = b"".join(next(supply) for _ in range(arguments.length // BLOCK))
            os.pwrite(image.fileno(), data, number * distance)


def full_blocks(image):
    """The image's blocks that are mostly not zero, again and again."""
    while True:
        image.seek(0)
        while piece := image.read(4 << 20):
            for at in range(0, len(piece) - BLOCK + 1, BLOCK):
                if piece.count(0, at, at + BLOCK) < BLOCK // 2:
                    yield piece[at : at + BLOCK]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(required=True)
    command = commands.add_parser("tree")
    command.add_argument("folder")
    command.add_argument("bytes", type=int)
    command.set_defaults(run=tree)
    command = commands.add_parser("scattered")
    command.add_argument("image")
    command.add_argument("--size", type=int, required=True)
    command.add_argument("--count", type=int, required=True)
    command.add_argument("--length", type=int, required=True)
    command.add_argument("--blocks-from", required=True)
    command.set_defaults(run=scattered)
    arguments = parser.parse_args()
    arguments.run(arguments)


if __name__ == "__main__":
    main()
