"""The sound vectors, and those that restore although something is to be reported."""
import hashlib

from writer import Archive, members, zst

FINAL = {"verify": 0, "restore": 0}
OTHER_ID = "0199a0b0-5678-7abc-8def-0123456789ab"


def text(length, seed=1):
    """Bytes that compress well, none of them zero."""
    return bytes(1 + (place // 16 * seed + place % 7) % 251 for place in range(length))


def noise(length, seed=b"blocktar"):
    """Bytes that do not compress."""
    blocks = (hashlib.sha256(seed + b"%d" % number).digest() for number in range(length // 32 + 1))
    return b"".join(blocks)[:length]


SIZE = 200_001
EXTENTS = [(0, 20_000, "data"), (20_000, 100_000, "hole"), (120_000, 11_072, "zero"), (131_072, 68_929, "data")]
EVENTS = [("data", 0, text(1000)), ("data", 4096, noise(300)), ("data", 131_072, text(2000, 3)),
          ("data", 200_000, b"\x01")]


# More extents than a map tells in 1 MiB.
MANY = [(at, 1, "zero" if at % 3 == 0 else "data") for at in range(20_000, 40_000)]


def full(events=EVENTS, extents=EXTENTS, size=SIZE, **more):
    return Archive(size, extents, events, **more)


def outcome(archive, **more):
    """The outcome of a sound full."""
    bad = {"bad": archive.bad(), "verify": 8, "restore": 8} if archive.bad() else {}
    image = archive.image()
    return FINAL | {"size": len(image), "sha256": hashlib.sha256(image).hexdigest()} | bad | more


def fulls():
    """One kind of full after another."""
    yield "full_plain", full(compress=False)
    yield "full_zstd", full()
    yield "full_blake3", full(digest="blake3")
    yield "full_empty_device", full([], [], 0)
    yield "full_all_zero", full([], [(0, 1_000_000, "zero")], 1_000_000)
    yield "full_all_data", full([("data", 0, text(512))], [(0, 512, "data")], 512)
    yield "full_one_byte", full([("data", 0, b"x")], [(0, 1, "data")], 1)
    yield "full_two_extents_touch", full([("data", 0, text(512)), ("data", 600, text(400))],
                                         [(0, 600, "data"), (600, 400, "data")], 1000)
    yield "full_bad_range", full([*EVENTS[:2], ("bad", 4396, 5000), *EVENTS[2:]])
    inline = [("data", 0, text(512)), ("zero", 512, 70_000), ("data", 70_512, noise(100))]
    yield "full_inline", full(inline, [], 70_612)
    yield "full_inline_bad_range", full([*inline, ("bad", 70_612, 900)], [], 71_512)
    attached = [("vm.xml", b"<domain/>\n"), ("empty+1@2=3", b"")]
    yield "full_attached", full(attached=attached)
    yield "full_attached_blake3", full(attached=attached, digest="blake3")
    yield "restore_text_not_utf8", full(plain={"RESTORE": lambda _: b"to restore: \x8c"})
    notes = {"a": "", "b\"\\\n\u0001\u007f": "\u00fc/\u20ac", "\u00e4": "x" * 1024}
    identity = {"host": "host", "model": "m\\odel", "serial": "1", "vg": "vg0", "lv": "root",
                "filesystem": {"type": "ext4", "uuid": "1-2", "label": "\u00e4"}}
    yield "full_every_key", full(device=identity, info={"name": "n" * 255, "meta": notes,
                                                        "set": {"id": OTHER_ID, "number": 1, "of": 2}})
    yield "full_empty_lists", full(info={"meta": {}, "attached": []})
    deep = {"deepest": nested(32)}
    unknown = {"later": [None, True, {"a": 9007199254740991}], "z": "\u20ac"}
    yield "full_unknown_keys", full(info=unknown, device=deep, end=unknown | deep)
    yield "full_on_other_medium", full(end={"medium": {"id": OTHER_ID, "name": "WEEK-07", "file": 3}})
    yield "full_other_state", full(end={"state": "ab" * 32})
    yield "full_state_at_both_ends", full(info={"state": "ab" * 32}, end={"state": "ab" * 32})
    yield "full_map_zst", full([("data", 20_002, b"a")], [(0, 20_000, "zero"), *MANY], 40_000)
    yield "full_data_looks_like_frame", full([("data", 0, zst(text(4000)))], [(0, 5000, "data")], 5000, compress=False)
    optional = [("optional", f"parity/{number}", noise(600)) for number in range(3)]
    further = {"requires": ["parity"], "optional": True, "stored_sha256": "0" * 64}
    yield "optional_member", full([optional[0], EVENTS[0], optional[1], ("optional", "x.zst", b"no frame", further),
                                   *EVENTS[1:], "index", optional[2]])
    yield "archive_inside_archive", inside()
    yield "record_size_10240", full(record_size=10240)
    sized = {"extent/00000000000000000000": lambda member: setattr(member, "stored", zst(text(1000), sized=False))}
    yield "frame_without_size", full(spoil=sized)
    wide = {"extent/00000000000000000000": lambda member: setattr(
        member, "stored", zst(text(1000), "--zstd=wlog=23", sized=False))}
    yield "frame_window_8_mib", full(spoil=wide)


def nested(levels):
    value = []
    for _ in range(levels - 1):
        value = [value]
    return value


def inside():
    """A device that holds an archive, one block before its end cut off and another begun."""
    inner = bytes(full(EVENTS[:1], id=OTHER_ID).out)
    data = inner + inner[:4096]
    events = [("data", at, data[at:at + 4096]) for at in range(0, len(data), 4096)]
    return full(events, [(0, len(data), "data")], len(data))


def chains():
    """Archives that build on others, each with the one that comes before it."""
    base = full()
    parent = {"id": base.id, "state": base.state, "device_size": SIZE}
    sample = {"offset": 131_072, "length": 2000, "sha256": hashlib.sha256(text(2000, 3)).hexdigest()}
    chained = {"kind": "increment", "parent_image": base.image(), "id": OTHER_ID, "info": {"parent": parent}}
    extents = [(512, 1000, "hole"), (65_536, 65_536, "data"), (199_000, 1001, "data")]
    events = [("data", 70_000, text(700, 5)), ("data", 199_000, noise(100, b"i"))]
    yield "increment", full(events, extents, **chained | {"info": {"parent": parent, "samples": [sample]}})
    yield "increment_of_nothing", full([], [], **chained)
    yield "increment_grown", full(events, [*extents, (SIZE, 99_999, "zero")], 300_000, **chained)
    yield "increment_shrunk", full(events[:1], extents[:2], 140_000, **chained)
    inline = [("data", 512, text(512)), ("zero", 4096, 4096), ("bad", 9000, 1), ("data", SIZE, noise(99))]
    yield "increment_inline", full(inline, [], SIZE + 99, **chained)
    by_digest = chained | {"info": {"parent": parent, "samples": [sample], "changes": "digest"}}
    yield "increment_by_digest", full(inline, [], SIZE + 99, **by_digest)
    yield "undo", full(events, extents, **chained | {"kind": "undo"}, end={"state": "cd" * 32})


def parts():
    """An archive on two media, cut where a gap begins."""
    first = full(EVENTS[:2], continues_at=4396, attached=[("note", b"n")])
    second = full(EVENTS[2:], before=first, record_size=1024)
    image = full().image()
    needs = {"needs": "parts", "size": SIZE}
    yield "part_1_of_2", first, FINAL | needs
    yield "part_2_of_2", second, FINAL | needs | {"after": "part_1_of_2", "sha256": hashlib.sha256(image).hexdigest()}


def large():
    """A device as large as any may be; whoever has no room for it verifies."""
    size = 2**53 - 1
    extents = [(0, 512, "data"), (512, size - 513, "hole"), (size - 1, 1, "data")]
    return full([("data", 0, text(512)), ("data", size - 1, b"z")], extents, size)


def vectors():
    """Each as name, bytes and outcome."""
    for name, archive in fulls():
        yield name, archive.out, outcome(archive)
    for name, archive in chains():
        more = {"verify": 8} if archive.bad() else {}
        yield name, archive.out, outcome(archive) | {"restore": 7, "after": "full_zstd"} | more
    for name, archive, result in parts():
        yield name, archive.out, result
    device = large()
    yield "full_device_2_53", device.out, {"verify": 0, "size": device.size}
    archive = full(record_size=10240)
    yield "zeros_fewer", archive.out[:archive.end_at + 1024], outcome(archive)
    yield "zeros_more", archive.out + bytes(3333), outcome(archive)
    archive = full()
    missing = outcome(archive, verify=5, says="end blocks")
    yield "end_blocks_missing", archive.out[:archive.end_at], missing
    yield "end_block_second_cut", archive.out[:archive.end_at + 700], missing
    assert b"".join(members(archive.out)[0]) == archive.out[:archive.end_at]
