#!/usr/bin/env python3
"""A second reader for blocktar archives, written from format-spec/README.md alone, to show that it suffices.

    second_reader.py ARCHIVE [TARGET [PART...]]
    second_reader.py --chain TARGET FULL INCREMENT...

Reads ARCHIVE (a file, or - for standard input) once, front to back, checks everything that the specification
demands, and makes the image file TARGET of a full archive. Without TARGET, or with an empty one, it verifies.
Of an archive in parts ARCHIVE and each PART are one of them, in any order; they are files then. With --chain the image is
that of the last INCREMENT; each builds on what is named before it. After a refusal TARGET does not exist. Needs the standard library and the program zstd. Exit codes: 0 sound, 2 usage,
3 input or output failed, 4 incomplete, 5 damaged, 6 not understood, 7 wrong chain, 8 sound with bad ranges.
"""
import bisect, hashlib, os, sys
from second_reader_json import (END, LABEL as LABEL_TEXT, KIB, MIB, Refused, array, backup_info, check, check_cover, compact,
                                extents, need, novelty, seconds, text)
from second_reader_tar import LABEL, Tar


class Archive:
    """The members' meaning: order, map, gaps, index, end (sections 3 to 10)."""

    def __init__(self, file, target, before=None, until=None, parent=None):
        self.tar, self.target, self.last, self.positions = Tar(file, until), target, None, []
        self.parent = parent
        # What the part before told that this one holds again.
        self.before, self.again = before, before.again if before else []
        kinds = "data_members", "data_bytes", "stored_bytes", "zero_bytes", "bad_members", "bad_bytes"
        self.sums = dict.fromkeys(kinds, 0)

    def head(self):
        """All that stands before the first extent member."""
        path, size, record, _ = self.tar.member()
        if path == LABEL and self.tar.count == 1:
            self.refuse_label(path, size, record)
        need(path == "backup-info.json" and self.tar.count == 1, "does not begin with backup-info.json")
        self.info_text = self.tar.content(path, size, record, 256 * KIB, 256 * KIB)
        self.check_novelty(self.info_text, path)
        info = self.info = check(self.info_text, backup_info(self.tar.digest), path)
        self.size, self.part, self.full = info["device"]["size"], info.get("part"), info["kind"] == "full"
        self.limit, self.inline = info["extent_limit"], info["map"] == "inline"
        self.at = self.part["from"] if self.part else 0
        need(self.at <= self.size and record["seq"] == (self.part["first_seq"] if self.part else 0), "seq")
        need(info["id"] == self.tar.id and seconds(info["created"]) == self.tar.mtime, "id or time differ")
        samples, attached = info.get("samples", []), info.get("attached", [])
        need(self.full == ("parent" not in info), "a parent, or none")
        need(all(one["offset"] + one["length"] <= self.size for one in samples)
             and (info["kind"] == "increment" or "samples" not in info), "samples out of place")
        names = {file["name"] for file in attached}
        need(len(names) == len(attached) and not (self.part and "attached" in info), "attached files")
        need(not self.target or self.before or not self.part, f"is part {self.part and self.part['number']} alone", 4)
        # What lies beyond this offset must be in the map: in a full all, else what the parent did not have.
        self.known_to = 0 if self.full else info["parent"]["device_size"]
        path, size, found, _ = self.tar.member()
        need(path == "RESTORE.txt", path + ": not in its place")
        self.tar.content(path, size, found, 64 * KIB, 64 * KIB)
        for file in attached:
            path, size, found, _ = self.tar.member()
            need(path == "attached/" + file["name"] and found["length"] == file["length"]
                 and found[self.tar.digest] == file[self.tar.digest], path + ": not the attached file")
            self.tar.content(path, size, found, 4 * MIB, 4 * MIB)
        path, size, found, self.map_position = self.tar.member()
        need(path == ("extents.json" if found["length"] <= MIB else "extents.json.zst"), "no map here")
        self.map = check(self.tar.content(path, size, found, 64 * MIB, 160 * MIB), extents(self.full), path)
        need(not (self.inline and self.map), "an inline map that is not empty")
        check_cover(self.map, self.size, self.size if self.inline else self.known_to)
        need(self.full or not self.target or self.parent, "needs its parent's image", 7)
        if self.parent:
            builds_on = {key: info.get("parent", {}).get(key) for key in ("state", "device_size")}
            need(builds_on == {"state": self.parent.state, "device_size": self.parent.size}, "does not build on that", 7)
        self.info_digest, self.map_digest = record[self.tar.digest], found[self.tar.digest]
        self.identity = hashlib.sha256(f"backup-info {self.info_digest}\nmap {self.map_digest}\n".encode())
        self.starts, self.next_zero = [extent["start"] for extent in self.map], 0
        self.index_number = None if self.part else 0
        if self.before:
            self.follow()
        self.begin_index()

    def check_novelty(self, raw, path):
        """What a reader must know comes before everything else that the text says."""
        found = novelty(raw, path)
        need(type(found) is dict and type(found.get("format")) is int, path + ": no format")
        need(found["format"] == 1, f"format {found['format']}", 6)
        need(array(text)(found.get("requires")), path + ": no requires")
        need(not found["requires"], f"requires {found['requires']}", 6)

    def refuse_label(self, path, size, record):
        """A label is no archive (section 15)."""
        raw = self.tar.content(path, size, record, 64 * KIB, 64 * KIB)
        self.check_novelty(raw, path)
        label = check(raw, LABEL_TEXT, path)
        need(record["seq"] == 0 and self.tar.digest == "sha256", path + ": its record")
        need(label["id"] == self.tar.id and seconds(label["created"]) == self.tar.mtime, "id or time differ")
        need(False, f"it is the label of medium {label['name']}, not a backup", 6)

    def follow(self):
        """Goes on where the part before ended, which must be the one that this one follows (section 10)."""
        own, other = (dict(one.info, record_size=0) for one in (self, self.before))
        for key in "part", "medium", "attached":
            own.pop(key, None), other.pop(key, None)
        need(own == other and self.map_digest == self.before.map_digest, "says otherwise than the part before")
        number = self.before.part["number"] if self.before.part else 1
        expected = {"number": number + 1, "first_seq": self.before.tar.seq + 1, "from": self.before.at,
                    "running": self.before.identity.hexdigest()}
        need(self.part == expected, f"does not follow the part before: {expected}")
        self.info_digest, self.identity = self.before.info_digest, self.before.identity.copy()
        self.index_number = self.before.index_number

    def repeated(self):
        """What this part still holds that the next one holds again: ranges and digests, what it had to repeat itself first."""
        found, seq = self.again, self.tar.seq
        try:
            while self.tar.until is not None:
                path, size, record, _ = self.tar.any_member() or ("", 0, {}, 0)
                self.tar.padded(size)
                if path == "end.json":
                    break
                if path.startswith("extent/"):
                    found.append((record["offset"], record["length"], record.get(self.tar.digest)))
        except Refused:  # Its medium ended there.
            pass
        self.tar.seq = seq
        return found

    def begin_index(self):
        previous = {"previous": self.positions[-1]} if self.positions else {}
        self.lines, self.listed = [{"index": 1, "from": self.at} | previous], 0

    def zeros(self, end):
        """Lists what reads as zero from `self.at` to `end`: all of the map there, in maximal ranges."""
        need(not self.inline or self.at == end or end <= self.known_to, "a gap in an inline map")
        while self.next_zero < len(self.map) and self.map[self.next_zero]["start"] < end:
            extent, line = self.map[self.next_zero], self.lines[-1]
            start, stop = max(extent["start"], self.at), min(extent["start"] + extent["length"], end)
            if start < stop:
                self.sums["zero_bytes"] += stop - start
                self.make_zero(start, stop - start)
                if line.get("kind") == "zero" and line["offset"] + line["length"] == start:
                    line["length"] += stop - start
                else:
                    self.lines.append({"offset": start, "length": stop - start, "kind": "zero"})
            if extent["start"] + extent["length"] > end:
                break
            self.next_zero += 1

    def make_zero(self, start, length):
        """A new image is zero all over; that of a parent is not."""
        if self.target and self.parent:
            self.target.seek(start)
            while length:
                length -= self.target.write(bytes(min(length, MIB)))

    def extent(self, path, size, record, position):
        start, length = record["offset"], record["length"]
        kind = "bad" if "bad" in record else "zero" if "zero" in record else "data"
        need(self.last is None and self.listed < 65536, path + ": an index is missing, or was the last")
        need(self.at <= start and start + length <= self.size, path + ": overlaps or lies beyond the device")
        if not self.inline:
            below = bisect.bisect_right(self.starts, start) - 1
            need(kind != "zero" and below >= 0 and not self.map[below]["zero"] and start + length
                 <= self.starts[below] + self.map[below]["length"], path + ": outside the map's data")
        line = {"name": path, "offset": start, "length": length, "kind": kind}
        if kind == "data":
            plain = self.tar.content(path, size, record, self.limit, self.limit)
            need(not path.endswith(".zst") or size < length, path + ": its frame saves nothing")
            line[self.tar.digest] = record[self.tar.digest]
            self.sums["stored_bytes"] += size
            if self.target:
                self.target.seek(start)
                self.target.write(plain)
        if self.again:
            need((start, length, line.get(self.tar.digest)) == self.again.pop(0), path + ": another than in the part before")
        self.zeros(start)
        self.lines.append(line | {"position": position, "stored": size, "seq": record["seq"]})
        self.identity.update(f"{start} {length} {kind} {line.get(self.tar.digest, '-')}\n".encode())
        self.sums[kind + "_bytes"] += length
        if kind == "zero":
            self.make_zero(start, length)
        else:
            self.sums[kind + "_members"] += 1
        self.at, self.listed = start + length, self.listed + 1

    def index(self, path, size, record, position):
        number = int(path[6:14])
        if self.index_number is None:
            self.index_number = number  # In a later part only the parts before tell where the numbers stand.
        need(number == self.index_number and self.last is None, path + ": out of order")
        found = self.tar.content(path, size, record, 64 * MIB, 160 * MIB)
        self.positions.append(position)
        if self.listed == 65536:
            self.compare_index(found)
            self.begin_index()
        else:
            self.last = found  # What it says of the range behind the last member depends on `to`.
        self.index_number += 1

    def compare_index(self, found):
        need(found == b"".join(compact(line) + b"\n" for line in self.lines), "an index differs")

    def end(self, path, size, record):
        need(path == "end.json", path + ": not in its place")
        raw = self.tar.content(path, size, record, 900 * KIB, 900 * KIB)
        end = check(raw, END, path)
        final = "continues" not in end
        need(final == ("digest" in end) and final == ("state" in end), path + ": continues, or the end?")
        need(self.last is not None, "the last index is missing")
        need(end["to"] == (self.size if final else self.at), path + ": to")
        self.zeros(end["to"])
        self.compare_index(self.last)
        expected = self.sums | {"id": self.tar.id, "map_digest": self.map_digest, "members": self.tar.count,
                                "map_position": self.map_position, "indexes": self.positions}
        if not self.part or self.before:
            expected |= {"backup_info_digest": self.info_digest, "running": self.identity.hexdigest()}
        if final:
            expected["digest"], self.state = end["running"], end["state"]
            expected["state"] = self.info.get("state", self.state)
        wrong = [key for key in expected if end[key] != expected[key]]
        need(not wrong and compact(end["backup_info"]) == self.info_text, f"{path}: not what came: {wrong}")
        return final

    def read(self):
        """Reads all of it. Returns whether it is the last part, and whether both end blocks are there."""
        self.head()
        if self.target and not self.before:
            self.target.truncate(self.size)
        while True:
            found = self.tar.member()
            if found is None:  # What it still holds, the next part holds again.
                if self.last is not None:
                    self.compare_index(self.last)
                return False, True
            path, size, record, position = found
            if path.startswith("extent/"):
                self.extent(path, size, record, position)
            elif path.startswith("index/"):
                self.index(path, size, record, position)
            else:
                final = self.end(path, size, record)
                break
        blocks = rest = self.tar.file.read(1024)
        while rest:
            need(not any(rest), "something follows the end")
            rest = self.tar.file.read(MIB)
        return final, len(blocks) == 1024


def first_member(path):
    """What a part's backup-info says of where it belongs: its archive's id, its number, and the number of its first member."""
    with open(path, "rb") as file:
        tar = Tar(file)
        name, size, record, _ = tar.member()
        need(name == "backup-info.json", "does not begin with backup-info.json")
        part = check(tar.content(name, size, record, 256 * KIB, 256 * KIB), backup_info(tar.digest), name).get("part")
        return tar.id, part["number"] if part else 1, record["seq"]


def in_order(paths):
    """The parts by their numbers, and behind each where the next goes on (section 12: one archive, and each part once)."""
    found = sorted((first_member(path), path) for path in paths)
    need(len({id for (id, _, _), _ in found}) == 1, "the parts of two archives", 6)
    numbers = [number for (_, number, _), _ in found]
    need(len(set(numbers)) == len(numbers), f"a part is given twice: {numbers}", 6)
    need(numbers == list(range(1, len(numbers) + 1)), f"parts are missing, here are {numbers}", 4)
    return [(path, until) for (_, path), until in zip(found, [seq for (_, _, seq), _ in found[1:]] + [None])]


def read_all(first, target, parts):
    """Reads an archive in one part, or in all of these. Returns what there is to say, and the exit code."""
    whole, bad_members, bad_bytes, before = True, 0, 0, None
    for part, until in in_order([first, *parts]) if parts else [(first, None)]:
        with sys.stdin.buffer if part == "-" else open(part, "rb") as file:
            before = Archive(file, target, before, until)
            final, ended = before.read()
            if until is not None:
                before.again = before.repeated()
        need(not final or until is None, "something follows the last part")
        whole, bad_members = whole and ended, bad_members + before.sums["bad_members"]
        bad_bytes += before.sums["bad_bytes"]
        need(whole or target, "complete, but the end blocks are missing")
    need(final, f"goes on in part {before.part['number'] + 1 if before.part else 2}, which is not here", 4)
    need(parts or not before.part, f"is part {before.part and before.part['number']} alone, part 1 is not here", 4)
    need(not before.again, "does not hold again what the part before held")
    notes = [] if whole else ["the end blocks are missing"]
    if bad_members:
        notes.append(f"{bad_bytes} bytes could not be read when the backup was made")
    return "; ".join(["sound"] + notes), 8 if bad_members else 0


def read_chain(target, archives):
    """Reads a full and its increments onto one image. Returns what there is to say, and the exit code."""
    parent, bad = None, 0
    for archive in archives:
        with open(archive, "rb") as file:
            parent = Archive(file, target, parent=parent)
            final, whole = parent.read()
        need(final and whole, archive + ": goes on elsewhere, or the end blocks are missing")
        bad += parent.sums["bad_bytes"]
    return "sound", 8 if bad else 0


def make(archive, target, work):
    """Gives `work` the unfinished target; what it is called in the end, only if all went well."""
    unfinished = target and target + ".incomplete"
    try:
        need(not target or not os.path.lexists(target), f"{target} exists", 3)
        with open(unfinished or os.devnull, "wb") as image:
            says, code = work(target and image)
        if target:
            os.rename(unfinished, target)
    except (Refused, OSError) as error:
        if unfinished and os.path.lexists(unfinished):
            os.unlink(unfinished)
        code, says = error.args if isinstance(error, Refused) else (3, str(error))
    print(f"{archive}: {says}", file=sys.stderr)
    return code


def main(archive, target=None, *others):
    if archive == "--chain":
        return make(others[-1], target, lambda image: read_chain(image, others)) if others else 2

    return make(archive, target, lambda image: read_all(archive, image, others))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]) if len(sys.argv) > 1 else 2)
