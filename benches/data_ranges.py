"""Prints the dd commands that read what a file holds, past the page cache: the limit for an image that is not cached."""

import os
import shlex
import sys

JOINED_BELOW = 64 << 10  # blocktar reads on through gaps below this.
BLOCK = 4096


def data_ranges(path):
    """The ranges that hold data, ascending, in whole blocks, as [start, end]."""
    ranges = []
    with open(path, "rb", buffering=0) as image:
        size = image.seek(0, os.SEEK_END)
        end = 0
        while end < size:
            try:
                start = os.lseek(image.fileno(), end, os.SEEK_DATA)
            except OSError:  # ENXIO: nothing but a hole is left.
                break
            end = os.lseek(image.fileno(), start, os.SEEK_HOLE)
            start = start // BLOCK * BLOCK
            if ranges and start - ranges[-1][1] < JOINED_BELOW:
                ranges[-1][1] = end
            else:
                ranges.append([start, end])
    return ranges


def main():
    path = sys.argv[1]
    ranges = data_ranges(path)
    print(f"# {len(ranges)} ranges, {sum(end - start for start, end in ranges)} bytes")
    print("set -e")
    for start, end in ranges:
        print(f"dd status=none if={shlex.quote(path)} of=/dev/null bs=4M iflag=direct,skip_bytes,count_bytes skip={start} count={end - start}")


if __name__ == "__main__":
    main()
