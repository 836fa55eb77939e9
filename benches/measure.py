"""Runs two jobs by turns and prints how long each took, as one row of a table."""

import argparse
import os
import statistics
import subprocess
import sys
import time


def shell(job, **streams):
    """Runs the job in a shell in which a pipeline fails if any part of it does."""
    return subprocess.run(["bash", "-c", "set -o pipefail; " + job], stdin=subprocess.DEVNULL, **streams)


def run(job, name):
    """Seconds that a shell takes for the job; a failed one ends everything."""
    begun = time.monotonic()
    done = shell(job)
    seconds = time.monotonic() - begun
    if done.returncode != 0:
        sys.exit(f"{name}: the job failed with exit code {done.returncode}: {job}")
    return seconds


def take_peak_mib(path):
    """The memory that /usr/bin/time noted in one run, in MiB: the peaks of all processes that it watched together. It forgets the notes."""
    try:
        with open(path) as lines:
            noted = [int(line) for line in lines if line.strip().isdigit()]
        os.remove(path)
    except FileNotFoundError:
        noted = []
    return sum(noted) / 1024 if noted else None


def shown(seconds):
    return f"{seconds:.3f}" if seconds < 1 else f"{seconds:.2f}"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--name", required=True)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--ours", required=True)
    parser.add_argument("--peer", help="the job to compare with")
    parser.add_argument("--peer-name", default="")
    parser.add_argument("--ratio", type=float, help="at most so many times the peer's time")
    parser.add_argument("--seconds", type=float, help="at most so many seconds")
    parser.add_argument("--per-second", type=float, help="at least so many of --count in a second")
    parser.add_argument("--count", type=float)
    parser.add_argument("--before", default="true", help="run before each job, outside the time")
    parser.add_argument("--memory-notes", required=True)
    parser.add_argument("--memory", type=float, default=96, help="at most so many MiB")
    arguments = parser.parse_args()

    take_peak_mib(arguments.memory_notes)
    ours, peers, peaks = [], [], []
    for _ in range(arguments.runs):
        run(arguments.before, arguments.name)
        ours.append(run(arguments.ours, arguments.name))
        peaks.append(take_peak_mib(arguments.memory_notes))
        if arguments.peer:
            run(arguments.before, arguments.name)
            peers.append(run(arguments.peer, arguments.name))
    run(arguments.before, arguments.name)

    our_time = statistics.median(ours)
    cells = [arguments.name, f"{shown(our_time)} s ({shown(min(ours))}–{shown(max(ours))})"]
    met = True
    if peers:
        peer_time = statistics.median(peers)
        ratio = our_time / peer_time
        pairwise = statistics.median(our / peer for our, peer in zip(ours, peers))
        cells += [f"{arguments.peer_name}: {shown(peer_time)} s ({shown(min(peers))}–{shown(max(peers))})", f"{ratio:.2f} ({pairwise:.2f})"]
        if arguments.ratio:
            cells.append(f"≤ {arguments.ratio:.2f}")
            met = ratio <= arguments.ratio
        else:
            cells.append("")
    elif arguments.count:
        rate = arguments.count / our_time
        cells += ["", f"{rate:,.0f} a second", f"≥ {arguments.per_second:,.0f}" if arguments.per_second else ""]
        met = not arguments.per_second or rate >= arguments.per_second
    else:
        cells += ["", "", f"≤ {arguments.seconds} s" if arguments.seconds else ""]
        met = not arguments.seconds or our_time <= arguments.seconds
    cells.append("yes" if met else "NO")
    if None in peaks:
        cells.append("")
    else:
        cells.append(f"{max(peaks):.0f} MiB" + (" NO" if max(peaks) > arguments.memory else ""))
    print("| " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
