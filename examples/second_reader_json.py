"""The JSON of a blocktar archive for second_reader.py: its one spelling and what may stand in each object."""
import json, re
from datetime import datetime

KIB, MIB = 1 << 10, 1 << 20
UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
COMPONENT = r"[A-Za-z0-9_+=@-][A-Za-z0-9._+=@-]*"


class Refused(Exception):
    """Holds the exit code and the reason."""


def need(condition, reason, code=5):
    if not condition:
        raise Refused(code, reason)


def parse(raw, what):
    """Any JSON text that keeps the rules for numbers and keys; `check` looks at its spelling and shape."""
    def pairs(items):
        need(len(dict(items)) == len(items), what + ": a key twice")
        return dict(items)

    def whole(digits):
        need(0 <= int(digits) < 1 << 53, what + ": a number out of range")
        return int(digits)

    def refuse(digits):
        raise ValueError(digits + " is not a whole number")
    try:
        return json.loads(utf8(raw, what), object_pairs_hook=pairs, parse_int=whole, parse_float=refuse,
                          parse_constant=refuse)
    except (ValueError, RecursionError) as error:
        raise Refused(5, f"{what}: {error}")


def novelty(raw, what):
    """Any JSON text at all: one of a later version may have other rules, and is not damaged for that."""
    try:
        return json.loads(utf8(raw, what))
    except (ValueError, RecursionError) as error:
        raise Refused(5, f"{what}: {error}")


def utf8(raw, what):
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        raise Refused(5, f"{what}: {error}")


def compact(value):
    """The one spelling of a value."""
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    except (ValueError, RecursionError) as error:
        raise Refused(5, f"JSON: {error}")


def check(raw, test, what):
    """The value of a text, if it is spelt as it must be and the test accepts it."""
    value = parse(raw, what)
    need(test(value) and compact(value) == raw, what + ": not as specified")
    return value


# Tests, from small to large: each takes a value that `parse` returned and says whether it may stand there.
def text(value):
    return type(value) is str


def true(value):
    return value is True


def boolean(value):
    return type(value) is bool


def between(least, most):
    return lambda value: type(value) is int and least <= value <= most


def multiple(of, least, most):
    return lambda value: between(least, most)(value) and value % of == 0


def like(pattern):
    return lambda value: text(value) and re.fullmatch(pattern, value, re.ASCII) is not None


def seconds(stamp):
    return int(datetime.fromisoformat(stamp[:-1] + "+00:00").timestamp())


def time(value):
    try:
        return like(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")(value) and seconds(value) >= 0 and int(value[:4]) <= 2241
    except ValueError:
        return False


def array(test, most=1 << 20):
    return lambda value: type(value) is list and len(value) <= most and all(map(test, value))


def shallow(value, levels=32):
    """Whether the value of an unknown key nests no deeper than it may."""
    within = value if type(value) is list else value.values() if type(value) is dict else ()
    return type(value) not in (list, dict) or levels > 0 and all(shallow(one, levels - 1) for one in within)


def fields(more=False, **known):
    """An object with these keys in this order; `maybe_` ones may be absent; unknown ones follow if `more`."""
    tests = {key.removeprefix("maybe_"): test for key, test in known.items()}
    needed = {key for key in known if not key.startswith("maybe_")}

    def test(value):
        if type(value) is not dict:
            return False
        there = [key for key in tests if key in value]
        return (list(value)[:len(there)] == there and (more or len(there) == len(value))
                and needed <= set(there) and all(tests[key](value[key]) for key in there)
                and all(shallow(value[key]) for key in value if key not in tests))
    return test


def meta(value):
    return (type(value) is dict and len(value) <= 64 and sorted(value, key=str.encode) == list(value)
            and all(1 <= len(key.encode()) <= 64 and text(note) and len(note.encode()) <= 1024
                    for key, note in value.items()))


def names(value):
    return array(text)(value) and len(value) > 0


def short(value):
    return text(value) and 1 <= len(value.encode()) <= 255


NUMBER, HEX, ID = between(0, (1 << 53) - 1), like(r"[0-9a-f]{64}"), like(UUID)

RECORD = fields(blocktar=between(1, 1), seq=NUMBER, maybe_offset=NUMBER, length=NUMBER, maybe_sha256=HEX,
                maybe_blake3=HEX, maybe_bad=true, maybe_zero=true, maybe_requires=names,
                maybe_optional=true, maybe_stored_sha256=HEX)

DEVICE = fields(True, size=NUMBER, sector_size=NUMBER, type=text, path=text, maybe_host=text,
                maybe_model=text, maybe_serial=text, maybe_vg=text, maybe_lv=text,
                maybe_filesystem=fields(type=text, maybe_uuid=text, maybe_label=text))

MEDIUM = fields(maybe_id=text, maybe_name=text, maybe_file=NUMBER, maybe_drive_compression=boolean,
                maybe_drive_encryption=text)
END = fields(True, format=between(1, 1), id=ID, backup_info=lambda value: True, backup_info_digest=HEX,
             map_digest=HEX, map_position=NUMBER, indexes=array(NUMBER), members=NUMBER, to=NUMBER,
             maybe_continues=true, data_members=NUMBER, data_bytes=NUMBER, stored_bytes=NUMBER,
             zero_bytes=NUMBER, bad_members=NUMBER, bad_bytes=NUMBER, running=HEX, maybe_digest=HEX,
             maybe_state=HEX, finished=time, maybe_medium=MEDIUM)


def backup_info(digest):
    """The test for backup-info.json in an archive with this member digest."""
    return fields(
        True, format=between(1, 1), requires=array(text), id=ID, created=time, program=text, maybe_name=short,
        kind=like("full|increment|undo"), maybe_parent=fields(id=ID, state=HEX, device_size=NUMBER),
        maybe_samples=array(fields(offset=NUMBER, length=between(1, 4 * MIB), **{digest: HEX}), 256),
        device=DEVICE, map=like("first|inline"), digest=like(digest),
        compression=like(r"none|zstd:([1-9]|1\d|2[0-2])"), extent_limit=multiple(4096, 64 * KIB, 64 * MIB),
        record_size=multiple(512, 512, 16 * MIB),
        maybe_part=fields(number=between(2, 1 << 53), first_seq=NUMBER, **{"from": NUMBER}, running=HEX),
        maybe_medium=MEDIUM,
        maybe_set=fields(id=ID, number=NUMBER, of=NUMBER), maybe_meta=meta,
        maybe_attached=array(fields(name=like(r"(?=.{1,50}$)" + COMPONENT), length=between(0, 4 * MIB),
                                    **{digest: HEX}), 64), maybe_changes=text, maybe_state=HEX)


LABEL = fields(True, format=between(1, 1), requires=array(text), id=ID,
               name=like(r"(?=.{1,64}$)[!-~]([ -~]*[!-~])?"), created=time, program=text,
               record_size=multiple(512, 512, 16 * MIB))


def extents(full):
    """The test for the map but for its order and cover."""
    dirty = {} if full else {"dirty": true}
    extent = fields(start=NUMBER, length=between(1, 1 << 53), zero=boolean, hole=boolean, **dirty)
    return array(extent, 1 << 20)


def check_cover(found, size, known_to):
    """The map ascends and ends within the device; what it leaves out must end at or before `known_to`."""
    end = 0
    for extent in found + [{"start": size, "length": 0, "hole": False}]:
        start = extent["start"]
        need(end == start or end < start <= known_to, "the map overlaps or leaves out a range")
        need(not extent["hole"] or extent["zero"], "the map has a hole that is not zero")
        end = start + extent["length"]
