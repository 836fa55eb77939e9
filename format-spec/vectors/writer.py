"""A writer of blocktar archives in memory, from the specification alone, that can be told to break its rules."""
import hashlib, json, re, subprocess, sys
from datetime import datetime
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "examples"))
from blake3_reference import hexdigest as blake3

BLOCK = 512
DIGEST = {"sha256": lambda data: hashlib.sha256(data).hexdigest(), "blake3": blake3}


def spelt(value):
    """The one spelling of a value in JSON."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def zst(plain, *options, sized=True):
    """A Zstandard frame; with its content's size in it, unless this is what a pipe would give."""
    size = [f"--stream-size={len(plain)}"] if sized else []
    return subprocess.run(["zstd", "-qc", *size, *options], input=plain, capture_output=True, check=True).stdout


def padded(data):
    return data + bytes(-len(data) % BLOCK)


def header(name, size, mtime, kind):
    """A header block (section 2)."""
    block = bytearray(BLOCK)
    for at, field in ((0, name.encode()), (100, b"0000644"), (108, b"0000000"), (116, b"0000000"),
                      (124, b"%011o" % size), (136, b"%011o" % mtime), (156, kind), (257, b"ustar\x0000")):
        block[at:at + len(field)] = field
    return with_checksum(block)


def with_checksum(block):
    """The block with its checksum made to fit."""
    block[148:156] = b" " * 8
    block[148:156] = b"%07o\0" % sum(block)
    return bytes(block)


def pax(record, key=b"comment"):
    """A pax record: its own length, which counts its own digits, the key and the value."""
    rest = b" " + key + b"=" + record + b"\n"
    length = len(rest) + 1
    while len(b"%d" % length) + len(rest) != length:
        length = len(b"%d" % length) + len(rest)
    return b"%d" % length + rest


class Member:
    """One member as it is about to be written: a `spoil` function may change any of it."""

    def __init__(self, path, record, stored):
        self.path, self.record, self.stored = path, record, stored
        self.text = self.payload = self.x_name = self.headers = None

    def blocks(self, id, mtime):
        name = self.path if self.path.startswith("/") else f"{id}/{self.path}"
        payload = self.payload or pax(self.text or spelt(self.record))
        x_name = self.x_name or f"{id}/PaxHeaders/{self.path.rpartition('/')[2]}"
        x, own = header(x_name, len(payload), mtime, b"x"), header(name, len(self.stored), mtime, b"0")
        if self.headers:
            x, own = self.headers(bytearray(x), bytearray(own))
        return x + padded(payload) + own + padded(self.stored)


class Archive:
    """Writes one archive of `size` bytes of device.

    `extents` are (start, length, "data" or "zero" or "hole"). `events` are ("data", offset, bytes), ("bad", offset,
    length), ("zero", offset, length) and ("optional", path, bytes, further keys of its record); "index" and "end"
    instead of them say that what follows goes behind that index or, for the last, before the end.
    `plain` maps the beginning of a path to a function that changes the member's bytes before their digest is made,
    `spoil` to one that changes the finished Member.
    """

    id = "0199a0b0-1234-7abc-8def-0123456789ab"
    created, finished = "2026-11-21T20:49:58Z", "2026-11-21T21:00:00Z"

    def __init__(self, size, extents, events, *, kind="full", digest="sha256", compress=True, record_size=512,
                 extent_limit=65536, info=None, device=None, end=None, attached=(), before=None, continues_at=None,
                 parent_image=b"", plain=None, spoil=None, id=None):
        self.size, self.extents, self.events, self.kind, self.digest = size, extents, events, kind, digest
        self.compress, self.attached, self.before, self.continues_at = compress, attached, before, continues_at
        self.parent_image, self.plain, self.spoil = parent_image, plain or {}, spoil or {}
        self.id = id or self.id
        self.end_changes = end or {}
        self.out, self.count, self.at = bytearray(), 0, before.continues_at if before else 0
        self.seq = before.seq if before else 0
        self.indexes, self.index_number = [], before.index_number if before else 0
        kinds = "data_members", "data_bytes", "stored_bytes", "zero_bytes", "bad_members", "bad_bytes"
        self.sums = dict.fromkeys(kinds, 0)
        self.info = self.make_info(record_size, extent_limit, info or {}, device or {})
        self.mtime = int(datetime.fromisoformat(self.created[:-1] + "+00:00").timestamp())
        self.write()

    def make_info(self, record_size, extent_limit, changes, device):
        info = {"format": 1, "requires": [], "id": self.id, "created": self.created, "program": "vectors 1",
                "name": None, "kind": self.kind, "parent": None, "samples": None,
                "device": {"size": self.size, "sector_size": 512, "type": "file", "path": "disk.img"} | device,
                "map": "first" if self.extents or not self.events else "inline", "digest": self.digest,
                "compression": "zstd:3" if self.compress else "none", "extent_limit": extent_limit,
                "record_size": record_size, "part": None, "set": None, "meta": None, "attached": None, "changes": None}
        if self.attached:
            info["attached"] = [{"name": name, "length": len(data), self.digest: DIGEST[self.digest](data)}
                                for name, data in self.attached]
        if self.before:
            info["part"] = {"number": 2, "first_seq": self.seq, "from": self.at, "running": self.before.running}
        return {key: value for key, value in (info | changes).items() if value is not None}

    def member(self, path, plain, kind=None, stored=None, **more):
        """Writes a member; `kind` is bad or zero, `more` further keys of the record. Gives the finished Member and its position."""
        for start, change in self.plain.items():
            plain = change(plain) if path.startswith(start) else plain
        record = {"blocktar": 1, "seq": self.seq, "offset": more.pop("offset", None),
                  "length": more.pop("length", len(plain)),
                  self.digest: None if kind else DIGEST[self.digest](plain), kind or "bad": True if kind else None}
        record = {key: value for key, value in (record | more).items() if value is not None}
        if stored is None:
            stored = zst(plain) if path.endswith(".zst") else plain
        member, position = Member(path, record, stored), len(self.out)
        for start, change in self.spoil.items():
            if path.startswith(start):
                change(member)
        self.out += member.blocks(self.id, self.mtime)
        self.seq, self.count = self.seq + 1, self.count + 1
        return member, position, plain

    def write(self):
        member, _, self.info_text = self.member("backup-info.json", spelt(self.info))
        self.info_digest = self.before.info_digest if self.before else member.record.get(self.digest)
        self.member("RESTORE.txt", b"See the text that blocktar writes.\n")
        for name, data in self.attached:
            self.member("attached/" + name, data)
        self.write_map()
        if self.before:
            self.identity = self.before.identity.copy()
        else:
            self.identity = hashlib.sha256(f"backup-info {self.info_digest}\nmap {self.map_digest}\n".encode())
        self.begin_index()
        to = self.size if self.continues_at is None else self.continues_at
        events = self.events + [event for event in ["index", "end"] if event not in self.events]
        for event in events:
            if event == "index":
                self.zeros(to)
                self.index()
            elif event == "end":
                self.write_end(to)
            elif event[0] == "optional":
                self.member(event[1], event[2], **(event[3] if len(event) > 3 else {"optional": True}))
            else:
                self.extent(*event)
        self.end_at = len(self.out)
        self.out += bytes(2 * BLOCK)
        self.out += bytes(-len(self.out) % self.info["record_size"])

    def write_map(self):
        dirty = {} if self.kind == "full" else {"dirty": True}
        text = spelt([{"start": start, "length": length, "zero": what != "data", "hole": what == "hole"} | dirty
                      for start, length, what in self.extents])
        path = "extents.json" if len(text) <= 1 << 20 else "extents.json.zst"
        member, self.map_position, _ = self.member(path, text, stored=zst(text, "-19") if path[-1] == "t" else None)
        self.map_digest = member.record.get(self.digest)

    def begin_index(self):
        previous = {"previous": self.indexes[-1]} if self.indexes else {}
        self.lines = [{"index": 1, "from": self.at} | previous]

    def zeros(self, end):
        """Enters what reads as zero up to `end`, in maximal ranges."""
        first = len(self.lines)
        for start, length, _ in self.extents:
            begin, stop = max(start, self.at), min(start + length, end)
            if begin < stop:
                self.sums["zero_bytes"] += stop - begin
                last = self.lines[-1]
                if len(self.lines) > first and last["offset"] + last["length"] == begin:
                    last["length"] += stop - begin
                else:
                    self.lines.append({"offset": begin, "length": stop - begin, "kind": "zero"})
        self.at = max(self.at, end)

    def extent(self, kind, offset, what):
        self.zeros(offset)
        path, digest = f"extent/{offset:020d}", "-"
        if kind == "data":
            frame = zst(what)
            packed = self.compress and len(frame) < len(what)
            path, length = path + ".zst" * packed, len(what)
            member, position, plain = self.member(path, what, stored=frame if packed else None, offset=offset)
            digest = DIGEST[self.digest](plain)
            self.sums["stored_bytes"] += len(member.stored)
        else:
            path, length = f"{path}.{what}.{kind}", what
            member, position, _ = self.member(path, b"", kind, b"", offset=offset, length=length)
        line = {"name": path, "offset": offset, "length": length, "kind": kind}
        if kind == "data":
            line[self.digest] = digest
        self.lines.append(line | {"position": position, "stored": len(member.stored), "seq": self.seq - 1})
        self.identity.update(f"{offset} {length} {kind} {digest}\n".encode())
        self.sums[kind + "_bytes"] += length
        if kind != "zero":
            self.sums[kind + "_members"] += 1
        self.at = offset + length

    def index(self):
        text = b"".join(spelt(line) + b"\n" for line in self.lines)
        self.indexes.append(self.member(f"index/{self.index_number:08d}.jsonl.zst", text)[1])
        self.index_number += 1
        self.begin_index()

    def write_end(self, to):
        self.running = self.identity.hexdigest()
        final = self.continues_at is None
        end = {"format": 1, "id": self.id, "backup_info": "@", "backup_info_digest": self.info_digest,
               "map_digest": self.map_digest, "map_position": self.map_position, "indexes": self.indexes,
               "members": self.count + 1, "to": to, "continues": None if final else True, **self.sums,
               "running": self.running, "digest": self.running if final else None,
               "state": self.running if final else None, "finished": self.finished}
        end = {key: value for key, value in (end | self.end_changes).items() if value is not None}
        self.state = end.get("state")
        self.end_position = len(self.out)
        self.member("end.json", spelt(end).replace(b'"@"', self.info_text, 1))

    def image(self):
        """What a restore leaves behind; bad ranges as zeros."""
        image = bytearray(self.parent_image[:self.size].ljust(self.size, b"\0"))
        for start, length, _ in self.extents:
            image[start:start + length] = bytes(length)
        for event in self.events:
            if event[0] == "data":
                image[event[1]:event[1] + len(event[2])] = event[2]
            elif event[0] == "zero":
                image[event[1]:event[1] + event[2]] = bytes(event[2])
        return bytes(image)

    def bad(self):
        return [[event[1], event[2]] for event in self.events if event[0] == "bad"]


def label(changes=None, spoil=None):
    """The label of a medium (section 15); `changes` are to its text, `spoil` is for its finished Member."""
    id, created = "0199a0b0-1234-7abc-8def-0123456789cd", "2026-11-21T20:00:00Z"
    text = spelt({"format": 1, "requires": [], "id": id, "name": "WEEK-07", "created": created,
                  "program": "vectors 1", "record_size": 4096} | (changes or {}))
    record = {"blocktar": 1, "seq": 0, "length": len(text), "sha256": hashlib.sha256(text).hexdigest()}
    member = Member("medium.json", record, text)
    if spoil:
        spoil(member)
    out = member.blocks(id, int(datetime.fromisoformat(created[:-1] + "+00:00").timestamp())) + bytes(2 * BLOCK)
    return out + bytes(-len(out) % 4096)


def members(archive):
    """The members of an archive as byte strings, and what follows the last."""
    found, at = [], 0
    while archive[at:at + 1] not in (b"", b"\0"):
        own = at + BLOCK + -(-int(archive[at + 124:at + 135], 8) // BLOCK) * BLOCK
        end = own + BLOCK + -(-int(archive[own + 124:own + 135], 8) // BLOCK) * BLOCK
        found.append(bytes(archive[at:end]))
        at = end
    return found, bytes(archive[at:])
