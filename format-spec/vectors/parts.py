"""Archives in parts that lie beside each other: sound ones, and those of which a part is broken, forged, missing or too many."""
import hashlib
from copy import copy

from sound import EVENTS, EXTENTS, OTHER_ID, SIZE, full, noise
from writer import members

ATTACHED, CUT = [("note", b"n")], 4396
LATER = [(start, length, "zero" if what == "hole" else what) for start, length, what in EXTENTS]


def first(events=EVENTS[:2], continues_at=CUT, **more):
    return full(events, continues_at=continues_at, attached=ATTACHED, **more)


def second(before, events=EVENTS[2:], **more):
    return full(events, before=before, record_size=1024, **more)


def behind(part, **account):
    """The part as the next one may take it: with another number of members, of indexes, another end."""
    changed = copy(part)
    vars(changed).update(account)
    return changed


def told(part, **changes):
    """What the backup-info of the part behind this one says, but for these changes."""
    return {"part": {"number": 2, "first_seq": part.seq, "from": part.continues_at, "running": part.running} | changes}


def archives():
    """Each part by its name."""
    one = first()
    half = first(EVENTS[:1], 1000)
    two = second(one)
    yield "first", one.out
    yield "second", two.out
    pieces, _ = members(one.out)
    yield "first_without_end", b"".join(pieces[:-1])[:-200]
    digest = {"digest": one.running, "state": one.running}
    yield "first_without_continues", first(end={"continues": None} | digest).out
    # Behind a part of which the last index and the end member do not count, and behind one that holds an extent more.
    lost = behind(one, seq=6, index_number=0)
    yield "second_behind_lost_end", second(lost).out
    lost_extent = behind(half, seq=5, index_number=0)
    yield "second_repeats", second(lost_extent, EVENTS[1:]).out
    yield "second_repeats_otherwise", second(lost_extent, [("data", 4096, noise(300, b"other")), *EVENTS[2:]]).out
    yield "second_running_wrong", second(one, info=told(one, running="0" * 64)).out
    yield "second_seq_gap", second(behind(one, seq=9)).out
    yield "second_behind_end_member", second(behind(one, seq=7)).out
    yield "second_from_gap", second(behind(one, continues_at=8192)).out
    yield "second_overlaps", second(behind(one, continues_at=1000)).out
    yield "second_index_number", second(behind(one, index_number=0)).out
    yield "second_info_digest", second(behind(one, info_digest="0" * 64)).out
    yield "second_number_3", second(one, info=told(one, number=3)).out
    yield "second_continues", second(one, continues_at=SIZE).out
    yield "second_map_differs", second(one, extents=LATER).out
    yield "second_of_other_archive", second(one, id=OTHER_ID).out
    yield "second_forged_id", second(one, device={"path": "disk2.img"}).out
    last = behind(two, continues_at=SIZE)
    yield "third", full([], before=last, info=told(last, number=3)).out


IMAGE = full().image()
SOUND = {"verify": 0, "restore": 0, "size": SIZE, "sha256": hashlib.sha256(IMAGE).hexdigest()}
REFUSED = {
    "running_wrong": 5, "seq_gap": 5, "from_gap": 5, "overlaps": 5, "index_number": 5, "info_digest": 5, "number_3": 4,
    "continues": 4, "map_differs": 5, "of_other_archive": 6, "forged_id": 5, "repeats_otherwise": 5,
}
SAYS = {
    "running_wrong": "digest of all parts before it", "seq_gap": "missing or doubled", "from_gap": "cut differently", "overlaps": "cut differently",
    "index_number": "index", "info_digest": "end member", "number_3": "part 2", "continues": "part 3", "map_differs": "map", "of_other_archive": "of " + OTHER_ID,
    "forged_id": "backup-info.json", "repeats_otherwise": "something else",
}


def refused(code, says, *parts):
    return {"parts": parts, "verify": code, "restore": code, "says": says}


def outcomes():
    """What comes of the parts that lie beside each other, by a name for them."""
    for name, parts in (("in_order", ["first", "second"]), ("backwards", ["second", "first"]),
                        ("end_lost", ["first_without_end", "second_behind_lost_end"]),
                        ("end_member_ignored", ["first", "second_behind_end_member"]),
                        ("end_ignored", ["first", "second_behind_lost_end"]), ("member_repeated", ["first", "second_repeats"])):
        yield name, {"parts": parts} | SOUND
    for name, code in REFUSED.items():
        yield name, refused(code, SAYS[name], "first", "second_" + name)
    yield "end_lost_and_too_little_repeated", refused([4, 5], "without an end member", "first_without_end", "second")
    yield "continues_missing", refused(5, "", "first_without_continues", "second")
    yield "first_twice", refused(6, "both are part 1", "first", "first", "second")
    yield "second_twice", refused(6, "both are part 2", "first", "second", "second")
    yield "third_behind_the_end", refused(5, "ends with part 2", "first", "second", "third")
    yield "first_missing", refused(4, "part 1", "second")
    yield "second_missing", refused(4, "part 2", "first")
