"""The tar of a blocktar archive for second_reader.py: headers, records, frames and digests (section 2)."""
import hashlib, re, subprocess, tempfile
from blake3_reference import hexdigest as blake3
from second_reader_json import COMPONENT, MIB, RECORD, UUID, check, need

EXTENT = r"extent/(\d{20})(?:\.zst|\.([1-9]\d*)\.(bad|zero)|)"
LABEL = "medium.json"
KNOWN = (rf"backup-info\.json|RESTORE\.txt|attached/(?=.{{1,50}}$){COMPONENT}|extents\.json(\.zst)?|{EXTENT}"
         r"|index/\d{8}\.jsonl\.zst|end\.json")
DIGEST = {"sha256": lambda data: hashlib.sha256(data).hexdigest(), "blake3": blake3}


def unzstd(stored, length, what):
    """Proves that this is exactly one frame with an allowed window (RFC 8878, 3.1.1), and unpacks it."""
    need(len(stored) >= 6 and stored[:4] == b"\x28\xb5\x2f\xfd" and not stored[4] & 8, what + ": no frame")
    single, at = stored[4] >> 5 & 1, 5
    if not single:
        window, at = (8 + (stored[5] & 7)) << (7 + (stored[5] >> 3)), 6
    id_bytes, size_bytes = (0, 1, 2, 4)[stored[4] & 3], (single, 2, 4, 8)[stored[4] >> 6]
    need(not any(stored[at:at + id_bytes]), what + ": needs a dictionary")
    at += id_bytes
    size = int.from_bytes(stored[at:at + size_bytes], "little") + 256 * (size_bytes == 2)
    need(not size_bytes or size == length, what + ": the frame has another length")
    need((size if single else window) <= 8 * MIB, what + ": window too large")
    at, last = at + size_bytes, 0
    while not last:
        need(at + 3 <= len(stored), what + ": frame cut")
        block = int.from_bytes(stored[at:at + 3], "little")
        last, at = block & 1, at + 3 + (1 if block >> 1 & 3 == 1 else block >> 3)
    need(at + (stored[4] & 4) == len(stored), what + ": not exactly one frame")
    with tempfile.TemporaryFile() as file:
        file.write(stored)
        file.seek(0)
        with subprocess.Popen(["zstd", "-dcq"], stdin=file, stdout=-1, stderr=-3) as zstd:
            plain = zstd.stdout.read(length + 1)
    need(zstd.returncode == 0 and len(plain) == length, what + ": does not unpack to its length")
    return plain


class Tar:
    """The members, front to back, each with its headers, record and padding checked (section 2)."""

    def __init__(self, file, until=None):
        self.file, self.position, self.count, self.until = file, 0, 0, until
        self.id = self.mtime = self.seq = self.digest = None

    def read(self, size):
        data = self.file.read(size)
        self.position += len(data)
        need(len(data) == size, "the input ends before the end member does", 4)
        return data

    def padded(self, size):
        data = self.read(size)
        need(not any(self.read(-size % 512)), "padding is not zero")
        return data

    def header(self, kind):
        """A header block: name and size are taken from it, then all of it is built anew and compared."""
        block = self.read(512)
        if kind == b"x" and not any(block):
            while more := self.file.read(MIB):
                need(not any(more), "zeros where a member must begin")
            need(False, "only zeros to the end of the input, and no end member", 4)
        name = re.fullmatch(rb"([!-~]{1,99})\0+", block[:100])
        size, mtime = (re.fullmatch(rb"([0-7]{11})\0", block[at:at + 12]) for at in (124, 136))
        need(name and size and mtime, "no header of this format")
        self.mtime = int(mtime[1], 8) if self.mtime is None else self.mtime
        built = (name[1].ljust(100, b"\0") + b"0000644\0" + b"0000000\0" * 2 + size[0]
                 + b"%011o\0" % self.mtime + b" " * 8 + kind + bytes(100) + b"ustar\x0000" + bytes(247))
        need(block == built[:148] + b"%07o\0" % sum(built) + built[156:], "a header is not as specified")
        return name[1].decode(), int(size[1], 8)

    def member(self):
        """The next member of a known kind: path, size, record, position. Others are skipped if optional. None where the next part goes on."""
        while self.until is None or self.seq is None or self.seq + 1 < self.until:
            if found := self.any_member():
                return found
        return None

    def any_member(self):
        start, self.count = self.position, self.count + 1
        x_name, x_size = self.header(b"x")
        need(x_size <= 3086, "a record is too long")
        payload = self.padded(x_size)
        name, size = self.header(b"0")
        self.id, path = self.id or name[:36], name[37:]
        need(re.fullmatch(rf"{UUID}(/{COMPONENT})+", name) and name[:36] == self.id, "another archive's name")
        need(x_name == f"{self.id}/PaxHeaders/{name.rpartition('/')[2]}", path + ": extended header's name")
        prefix = b"%d comment=" % len(payload)
        need(payload.startswith(prefix) and payload.endswith(b"\n"), path + ": no record")
        need(len(payload) - len(prefix) - 1 <= 3072, path + ": record too long")
        record = check(payload[len(prefix):-1], RECORD, path + ": record")
        extent = re.fullmatch(EXTENT, path, re.ASCII)
        known = path.startswith(("attached/", "extent/", "index/")) or re.fullmatch(KNOWN, path, re.ASCII)
        label = self.count == 1 and path == LABEL
        known = known or label
        need(known or "optional" in record, path + ": a member of unknown kind", 6)
        need(not known or not record.get("requires"), f"{path}: requires {record.get('requires')}", 6)
        need(self.seq is None or record["seq"] == self.seq + 1, path + ": out of sequence")
        self.seq, kind = record["seq"], extent[3] if extent else None
        self.digest = self.digest or ("sha256" if "sha256" in record else "blake3")
        shape = [key for key in record if key not in ("blocktar", "seq", "length", "requires")]
        if not known:
            shape = [key for key in shape if key != "stored_sha256"]
            need(size <= 1 << 30 and shape == [self.digest, "optional"], path + ": size or record")
            for at in range(0, size - size % 512, MIB):
                self.read(min(MIB, size - size % 512 - at))
            self.padded(size % 512)
            return None
        expected = ["offset"] * bool(extent) + [kind or self.digest]
        need((label or re.fullmatch(KNOWN, path, re.ASCII)) and shape == expected,
             path + ": name or record not as specified")
        need(not extent or int(extent[1]) == record["offset"] and record["length"] > 0
             and (not kind or int(extent[2]) == record["length"] and size == 0), path + ": not its name")
        return path, size, record, start

    def content(self, path, size, record, most_stored, most_plain):
        """The member's bytes before compression, held against length, limits and digest."""
        length, packed = record["length"], path.endswith(".zst")
        need(size <= most_stored and length <= most_plain and (packed or size == length), path + ": size")
        stored = self.padded(size)
        plain = unzstd(stored, length, path) if packed else stored
        need(DIGEST[self.digest](plain) == record[self.digest], path + ": digest differs")
        return plain
