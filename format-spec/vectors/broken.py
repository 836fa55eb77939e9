"""The broken vectors: each breaks one rule, and is refused with an exit code and a word that tells which."""
from sound import MANY, OTHER_ID, full, nested, noise, text
from writer import BLOCK, Archive, label, members, pax, spelt, with_checksum, zst

SIZE, EXTENTS = 12_288, [(0, 8192, "data"), (8192, 4096, "zero")]
FIRST, LAST = ("data", 0, text(4096, 0)), ("data", 4200, noise(200))
DATA, INDEX = "extent/", "index/"
PARENT = {"id": OTHER_ID, "state": "ab" * 32, "device_size": 4096}


def one(events=(FIRST,), extents=EXTENTS, size=SIZE, **more):
    return full(list(events), extents, size, **more)


def changed(start, change, **more):
    """An archive whose member of this path is spoilt after its digest was made."""
    return one(spoil={start: change}, **more).out


def replaced(start, old, new, **more):
    """An archive in whose member of this path a text was replaced before its digest was made."""
    def replace(plain):
        assert old in plain, (start, old, plain)
        return plain.replace(old, new, 1)
    return one(plain={start: replace}, **more).out


def setting(**values):
    return lambda member: [setattr(member, name, value) for name, value in values.items()]


def recording(**values):
    """Changes the record; None takes a key out."""
    def change(member):
        member.record = {key: value for key, value in (member.record | values).items() if value is not None}
    return change


def record_text(old, new):
    def change(member):
        assert old in spelt(member.record), member.record
        member.text = spelt(member.record).replace(old, new, 1)
    return change


def own_header(at, field):
    """Changes the member's own header block, and makes its checksum fit."""
    def change(x, own):
        own[at:at + len(field)] = field
        return bytes(x), with_checksum(own)
    return setting(headers=change)


def headers():
    data = {
        "header_gnu_magic": own_header(257, b"ustar  \0"), "header_mode": own_header(100, b"0000600"),
        "header_user": own_header(265, b"root"), "header_device": own_header(329, b"0000000"),
        "header_prefix": own_header(345, b"prefix"), "header_size_base_256": own_header(124, b"\x80" + bytes(10) + b"\x01"),
        "header_size_blank": own_header(124, b"%11o " % len(zst(FIRST[2]))), "header_time": own_header(136, b"00000000001"),
        "header_checksum_spelling": setting(headers=lambda x, own: (bytes(x), bytes(own[:148] + own[149:155] + b"\0 " + own[156:]))),
        "header_checksum": setting(headers=lambda x, own: (bytes(x), bytes(own[:148] + b"0000000\0" + own[156:]))),
        "type_symlink": own_header(156, b"2"), "type_directory": own_header(156, b"5"), "type_old_file": own_header(156, b"\0"),
        "x_header_name": setting(x_name=f"{Archive.id}/PaxHeaders/other"),
        "x_header_missing": setting(headers=lambda x, own: (b"", bytes(own)), payload=b"", text=b"", x_name=""),
        "pax_size_differs": lambda member: setattr(member, "payload", pax(b"1", b"size") + pax(spelt(member.record))),
        "pax_second_record": lambda member: setattr(member, "payload", pax(spelt(member.record)) + pax(b"/etc/passwd", b"path")),
        "pax_other_key": lambda member: setattr(member, "payload", pax(spelt(member.record), b"BLOCKTAR.record")),
        "pax_length_wrong": lambda member: setattr(member, "payload", b"1" + pax(spelt(member.record))),
        "record_too_long": lambda member: setattr(member, "text", spelt(member.record)[:-1] + b',"requires":["%s"]}' % (b"x" * 3000)),
        "name_dotdot": setting(path="extent/../../etc/passwd"), "name_absolute": setting(path="/etc/passwd"),
        "name_hidden": setting(path="extent/.bashrc"), "name_empty_component": setting(path="extent//00000000000000000000.zst"),
        "name_backslash": setting(path="extent/a\\b"), "name_component_too_long": setting(path="attached/" + "a" * 51),
        "name_short_offset": setting(path="extent/0.zst"),
        "name_other_offset": setting(path=f"extent/{512:020d}.zst"),
    }
    for name, change in data.items():
        yield name, changed(DATA, change)
    sound = one().out
    info, text_, map_, data_, index, end = members(sound)[0]
    yield "global_header", with_checksum(bytearray(info[:156] + b"g" + info[157:BLOCK])) + info[BLOCK:2 * BLOCK] + sound
    yield "padding_nonzero", sound[:len(info + text_) - 1] + b"x" + sound[len(info + text_):]
    yield "record_padding_nonzero", sound[:2 * BLOCK - 1] + b"\n" + sound[2 * BLOCK:]


def order():
    sound, other = one([FIRST, LAST]), one([FIRST, LAST], id=OTHER_ID)
    found, tail = members(sound.out)
    foreign, _ = members(other.out)
    info, text_, map_, first, last, index, end = found
    spliced = {
        "member_missing": [info, text_, map_, last, index, end], "member_doubled": [info, text_, map_, first, first, last, index, end],
        "members_swapped": [info, text_, map_, last, first, index, end], "foreign_member": [info, text_, map_, foreign[3], last, index, end],
        "restore_text_missing": [info, map_, first, last, index, end], "map_missing": [info, text_, first, last, index, end],
        "map_second": [info, text_, map_, map_, first, last, index, end], "index_missing": [info, text_, map_, first, last, end],
        "backup_info_second": [info, text_, map_, first, info, last, index, end], "backup_info_missing": found[1:],
    }
    for name, pieces in spliced.items():
        yield name, b"".join(pieces) + tail
    yield "trailing_archive", sound.out + other.out
    yield "trailing_byte", sound.out + bytes(700) + b"x"
    yield "data_before_map", one(spoil={"extents.json": setting(path=f"extent/{0:020d}")}).out
    yield "data_behind_last_index", one([FIRST, "index", LAST]).out
    yield "index_behind_last", one([FIRST, "index", "index"]).out
    yield "index_too_early", one([FIRST, "index", LAST, "index"]).out
    yield "index_marked_optional", changed(INDEX, recording(optional=True))
    yield "index_number", changed(INDEX, setting(path="index/00000001.jsonl.zst"))
    two = [("one", b"1"), ("two", b"2")]
    attached = one(attached=two)
    pieces, tail = members(attached.out)
    yield "attached_missing", b"".join(pieces[:3] + pieces[4:]) + tail
    yield "attached_twice", one(attached=[two[0], two[0]]).out
    yield "attached_differs", one(attached=two, plain={"attached/one": lambda _: b"x"}).out
    yield "seq_begins_with_1", changed("backup-info", recording(seq=1))
    yield "optional_known_kind", changed(DATA, recording(optional=True))
    parity = ("optional", "parity/0", b"x")
    yield "optional_without_digest", changed("parity", recording(sha256=None), events=[parity, FIRST])
    yield "optional_other_digest", changed("parity", record_text(b"sha256", b"blake3"), events=[parity, FIRST])
    yield "optional_with_offset", one([("optional", "parity/0", b"x", {"optional": True, "offset": 0}), FIRST]).out
    yield "optional_misspelt", one([("optional", "extent/0", b"x"), FIRST]).out


def records():
    data = {
        "record_unknown_key": record_text(b"}", b',"x":1}'), "record_key_order": record_text(b'"blocktar":1,"seq":3', b'"seq":3,"blocktar":1'),
        "record_blank": record_text(b",", b", "), "record_key_twice": record_text(b',"seq":3', b',"seq":3,"seq":3'),
        "record_version": recording(blocktar=2), "number_leading_zero": record_text(b'"seq":3', b'"seq":03'),
        "number_negative": record_text(b'"offset":0', b'"offset":-0'), "number_fraction": record_text(b'"seq":3', b'"seq":3.0'),
        "requires_empty": recording(requires=[]), "digest_wrong": recording(sha256="0" * 64), "digest_missing": recording(sha256=None),
        "digest_upper_case": lambda member: recording(sha256=member.record["sha256"].upper())(member),
        "digest_other_kind": record_text(b"sha256", b"blake3"), "length_wrong": recording(length=4095), "length_zero": recording(length=0),
        "offset_differs": recording(offset=512), "offset_2_53": recording(offset=2**53), "offset_overflow_2_64": recording(offset=2**64),
        "stored_digest": recording(stored_sha256="0" * 64), "data_marked_bad": recording(bad=True),
    }
    for name, change in data.items():
        yield name, changed(DATA, change)
    bad = [("bad", 0, 512)]
    yield "bad_with_bytes", changed(DATA, setting(stored=b"x" * 512), events=bad)
    yield "bad_with_digest", changed(DATA, record_text(b',"bad"', b',"sha256":"' + b"0" * 64 + b'","bad"'), events=bad)
    yield "bad_length_differs", changed(DATA, recording(length=1024), events=bad)


def frame_with_dictionary(plain):
    """The same frame, but it names a dictionary."""
    frame = zst(plain)
    return frame[:4] + bytes([frame[4] | 1]) + frame[5:5 + (not frame[4] & 32)] + b"\x07" + frame[5 + (not frame[4] & 32):]


def frames():
    plain, skippable = FIRST[2], b"\x50\x2a\x4d\x18\x04\0\0\0abcd"
    data = {
        "frame_two": zst(plain[:2048]) + zst(plain[2048:]), "frame_empty_behind": zst(plain) + zst(b""),
        "frame_skippable": skippable + zst(plain), "frame_skippable_behind": zst(plain) + skippable,
        "frame_bytes_behind": zst(plain) + b"x", "frame_cut": zst(plain)[:-1], "frame_too_short": zst(plain[:-1]),
        "frame_too_long": zst(plain + b"x"), "frame_expands": zst(bytes(300 << 20), sized=False),
        "frame_expands_as_told": zst(bytes(300 << 20)), "frame_dictionary": frame_with_dictionary(plain),
        "frame_window_too_large": zst(plain, "--long=27", sized=False), "frame_missing": text(100), "frame_nothing": b"",
        "frame_checksum": zst(plain, "--check")[:-1] + b"x", "frame_magic_of_0_7": b"\x27" + zst(plain)[1:],
    }
    for name, stored in data.items():
        yield name, changed(DATA, setting(stored=stored))
    yield "frame_not_shorter", changed(DATA, lambda member: setting(path=member.path + ".zst", stored=zst(LAST[2]))(member), events=[LAST])
    yield "index_frame_two", changed(INDEX, lambda member: setattr(member, "stored", member.stored + zst(b"")))
    yield "index_expands", changed(INDEX, setting(stored=zst(b"0" * (300 << 20), sized=False)))
    yield "map_expands", changed("extents", setting(path="extents.json.zst", stored=zst(b"[" * (300 << 20), sized=False)))
    yield "map_short_in_frame", changed("extents", lambda member: setting(path="extents.json.zst", stored=zst(member.stored))(member))


def maps():
    data = lambda *ranges: [(start, length, "data") for start, length in ranges]
    cases = {
        "map_overlap": data((0, 8192), (4096, 8192)), "map_gap": data((0, 4096), (8192, 4096)), "map_ends_early": data((0, 8192)),
        "map_begins_late": data((4096, 8192)), "map_unsorted": data((4096, 8192), (0, 4096)), "map_beyond_device": data((0, 16_384)),
        "map_empty_extent": data((0, 4096), (4096, 0), (4096, 8192)), "map_overflow_2_64": data((0, 4096), (4096, 2**64 - 4096)),
        "map_sum_beyond_2_53": data((0, 4096), (4096, 2**53 - 1)), "map_empty": [],
    }
    for name, extents in cases.items():
        yield name, one([FIRST], extents, info={"map": "first"}).out
    hole = b'"zero":true,"hole":false'
    yield "map_hole_not_zero", replaced("extents", b'"zero":false,"hole":false', b'"zero":false,"hole":true')
    yield "map_dirty_in_full", replaced("extents", hole, hole + b',"dirty":true')
    yield "map_key_order", replaced("extents", hole, b'"hole":false,"zero":true')
    yield "map_blank", replaced("extents", b"},{", b"}, {")
    yield "map_not_an_array", replaced("extents", b"[", b"{")
    yield "map_inline_not_empty", one(info={"map": "inline"}).out
    dirty = {"kind": "increment", "info": {"parent": PARENT}}
    yield "map_dirty_false", replaced("extents", b'"dirty":true', b'"dirty":false', **dirty)
    yield "map_dirty_missing", replaced("extents", b',"dirty":true', b"", **dirty)
    yield "map_gap_beyond_parent", one([FIRST], EXTENTS[:1], **dirty).out


def data():
    yield "data_in_zero_extent", one([FIRST, ("data", 8192, text(512))]).out
    yield "data_across_extents", one([("data", 0, text(8192)), ("data", 8192, b"x")], [(0, 4096, "data"), (4096, 8192, "data")]).out
    yield "data_beyond_device", one([FIRST, ("data", SIZE, text(512))]).out
    yield "data_overlap", one([FIRST, ("data", 4095, text(512))]).out
    yield "data_unsorted", one([("data", 4096, text(512)), ("data", 0, text(512))]).out
    long = text(65_537)
    yield "data_longer_than_limit", one([("data", 0, long)], [(0, 65_537, "data")], 65_537).out
    yield "zero_member_with_map", one([FIRST, ("zero", 4096, 4096)]).out
    yield "bad_outside_map", one([FIRST, ("bad", 8192, 512)]).out
    yield "inline_gap", one([FIRST, ("data", 8192, text(4096))], []).out
    yield "inline_ends_early", one([FIRST], []).out


def indexes():
    for name, old, new in (
            ("index_says_otherwise", b'"length":4096', b'"length":4095'), ("index_line_missing", b'"kind":"zero"}\n', b'"kind":"zero"}'),
            ("index_zeros_in_two", b'{"offset":4096,"length":8192,', b'{"offset":4096,"length":4096,"kind":"zero"}\n{"offset":8192,"length":4096,'),
            ("index_zeros_missing", b'{"offset":4096,"length":8192,"kind":"zero"}\n', b""), ("index_position", b'"position":6', b'"position":7'),
            ("index_previous", b'"from":0', b'"from":0,"previous":0'), ("index_blank", b",", b", "), ("index_seq", b'"seq":3', b'"seq":4'),
            ("index_version", b'"index":1', b'"index":2')):
        yield name, replaced(INDEX, old, new)
    yield "index_length_differs", changed(INDEX, recording(length=1))


def ends():
    sound = one()
    wrong = {"counts_wrong": {"data_bytes": 1}, "zero_bytes_wrong": {"zero_bytes": 1}, "stored_bytes_wrong": {"stored_bytes": 1}, "other_id": {"id": OTHER_ID},
             "info_digest_wrong": {"backup_info_digest": "0" * 64}, "map_digest_wrong": {"map_digest": "0" * 64},
             "map_position_wrong": {"map_position": 512}, "indexes_wrong": {"indexes": [512]}, "indexes_none": {"indexes": []},
             "members_wrong": {"members": 7}, "to_wrong": {"to": 8192}, "running_wrong": {"running": "0" * 64},
             "digest_wrong": {"digest": "0" * 64}, "without_state": {"state": None}, "without_digest": {"digest": None},
             "continues_and_ends": {"continues": True}, "time_wrong": {"finished": "2026-11-21T20:49:60Z"}, "format_wrong": {"format": 2}}
    for name, change in wrong.items():
        yield "end_" + name, one(end=change).out
    yield "end_other_state", one(info={"state": "ab" * 32}, end={"state": "cd" * 32}).out
    yield "part_to_beyond_its_members", one(continues_at=5000).out
    yield "end_continues_false", replaced("end.json", b',"data_members"', b',"continues":false,"data_members"')
    yield "end_info_differs", replaced("end.json", b'"path":"disk.img"', b'"path":"disk2img"')


def infos():
    def info(name, old, new, **more):
        return name, replaced("backup-info", old, new, **more)
    yield info("json_blank", b'"format":1,', b'"format":1, ')
    yield info("json_line_break", b'"record_size":512}', b'"record_size":512}\n')
    yield info("json_key_order", b'"map":"first","digest":"sha256"', b'"digest":"sha256","map":"first"')
    yield info("json_key_twice", b'"map":"first"', b'"map":"first","map":"first"')
    yield info("json_key_missing", b'"map":"first",', b"")
    yield info("json_key_null", b'"kind":"full"', b'"name":null,"kind":"full"')
    yield info("json_escape", b"disk.img", b"disk\\u002eimg")
    yield info("json_surrogate", b"disk.img", b"\\ud800")
    yield info("json_control_character", b"disk.img", b"\x01")
    yield info("json_not_utf8", b"disk.img", b"\xff")
    yield info("json_unknown_key_within", b'"path":"disk.img"', b'"path":"disk.img","filesystem":{"type":"x","later":1}')
    yield info("json_fraction", b'"record_size":512}', b'"record_size":512,"later":1.5}')
    yield info("json_number_beyond_2_53", b'"record_size":512}', b'"record_size":512,"later":[9007199254740992]}')
    yield info("json_deep", b'"record_size":512}', b'"record_size":512,"later":' + spelt(nested(33)) + b"}")
    yield info("json_very_deep", b'"record_size":512}', b'"record_size":512,"later":' + b"[" * 20_000)
    yield info("json_cut", b'"record_size":512}', b'"record_size":512')
    yield "json_array", one(plain={"backup-info": lambda _: b"[263]"}).out
    yield info("time_fraction", b":58Z", b":58.5Z")
    yield info("time_zone", b":58Z", b":58+00:00")
    yield info("time_other_than_headers", b":58Z", b":57Z")
    yield info("id_upper_case", b'"id":"0199a0b0-1234-7abc', b'"id":"0199A0B0-1234-7abc')
    yield info("compression_unknown", b"zstd:3", b"lzma")
    yield info("compression_level_0", b"zstd:3", b"zstd:0")
    yield info("compression_level_23", b"zstd:3", b"zstd:23")
    yield info("kind_unknown", b'"kind":"full"', b'"kind":"half"')
    yield info("digest_unknown", b'"digest":"sha256"', b'"digest":"sha512"')
    yield info("extent_limit_odd", b'"extent_limit":65536', b'"extent_limit":65537')
    yield info("extent_limit_too_large", b'"extent_limit":65536', b'"extent_limit":67112960')
    yield info("record_size_odd", b'"record_size":512', b'"record_size":513')
    more = {"parent_in_full": {"parent": PARENT}, "name_empty": {"name": ""}, "name_too_long": {"name": "n" * 256},
            "meta_order": {"meta": {"b": "", "a": ""}}, "meta_key_empty": {"meta": {"": ""}}, "meta_value_number": {"meta": {"a": 1}},
            "meta_value_too_long": {"meta": {"a": "x" * 1025}}, "samples_in_full": {"samples": []},
            "part_1": {"part": {"number": 1, "first_seq": 0, "from": 0, "running": "0" * 64}},
            "set_number_beyond_2_53": {"set": {"id": OTHER_ID, "number": 2**53, "of": 1}}}
    for name, change in more.items():
        yield name, one(info=change).out
    yield "parent_missing", one(kind="increment").out
    yield "parent_id_wrong", one(kind="increment", info={"parent": PARENT | {"id": "x"}}).out
    yield "parent_size_beyond_2_53", one(kind="increment", info={"parent": PARENT | {"device_size": 2**53}}).out
    sample = {"offset": 8192, "length": 4097, "sha256": "0" * 64}
    yield "changes_number", one(kind="increment", info={"parent": PARENT, "changes": 1}).out
    yield "sample_beyond_device", one(kind="increment", info={"parent": PARENT, "samples": [sample]}).out
    yield "device_beyond_2_53", one(device={"size": 2**53}).out
    old = "0199a0b0-1234-4abc-8def-0123456789ab"
    yield "id_version_4", one(id=old).out
    yield "not_an_archive", b"This is no archive.\n" * 60
    yield "backup_info_too_long", changed("backup-info", own_header(124, b"%011o" % ((256 << 10) + 1)))[:3 * BLOCK]
    yield "restore_text_too_long", huge("RESTORE", 64 << 10)
    yield "attached_too_long", huge("attached", 4 << 20, attached=[("one", b"1")])
    yield "map_stored_too_long", huge("extents", 160 << 20)
    yield "data_stored_too_long", huge("extent/", 64 << 20)
    yield "index_stored_too_long", huge("index", 64 << 20)
    yield "end_too_long", huge("end", 900 << 10)
    yield "optional_stored_too_long", huge("parity", 1 << 30, events=[("optional", "parity/0", b"x"), FIRST])


def huge(start, limit, **more):
    """An archive that ends behind the headers of a member that says it is longer than any may be."""
    found = one(**more)
    pieces, _ = members(found.out)
    before = b""
    for piece in pieces:
        own = BLOCK + -(-int(piece[124:135], 8) // BLOCK) * BLOCK
        if piece[own:].startswith(f"{found.id}/{start}".encode()):
            size = b"%011o" % (limit + 1)
            header = with_checksum(bytearray(piece[own:own + 124] + size + piece[own + 135:own + BLOCK]))
            return before + piece[:own] + header + bytes(4 * BLOCK)
        before += piece


def ended():
    """Archives that are incomplete."""
    sound = one()
    pieces, tail = members(sound.out)
    yield "empty", b""
    yield "only_zeros", bytes(2048)
    yield "cut_in_first_header", sound.out[:300]
    yield "cut_in_data", sound.out[:len(b"".join(pieces[:4])) - 100]
    yield "cut_between_members", b"".join(pieces[:4])
    yield "end_missing", b"".join(pieces[:-1])
    yield "end_missing_zeros", b"".join(pieces[:-1]) + bytes(3000)
    yield "cut_in_end", sound.out[:sound.end_at - 1]


def novelties():
    """Archives that this version does not understand."""
    yield "format_2", replaced("backup-info", b'"format":1', b'"format":2')
    yield "format_2_of_another_shape", one(plain={"backup-info": lambda _: b'{"format":2,"new":1.5}'}).out
    yield "requires_unknown", one(info={"requires": ["time-travel"]}).out
    yield "member_requires_unknown", changed(DATA, lambda member: recording(requires=["age"])(member))
    yield "index_requires_unknown", changed(INDEX, lambda member: setattr(
        member, "text", spelt(member.record)[:-1] + b',"requires":["age"]}'))
    yield "encrypted_member", changed(DATA, lambda member: [recording(requires=["age"])(member), setting(path=member.path + ".age")(member)])
    yield "unknown_member", one([("optional", "parity/0", b"x", {}), FIRST]).out
    yield "label_of_medium", label()
    yield "label_format_2", label({"format": 2})
    yield "label_requires_unknown", label({"requires": ["time-travel"]})


def labels():
    yield "label_digest_wrong", label(spoil=lambda member: setattr(member, "stored", member.stored.replace(b"07", b"08")))
    yield "label_name_empty", label({"name": ""})
    yield "label_name_too_long", label({"name": "n" * 65})
    yield "label_name_not_printable", label({"name": "WEEK\t07"})
    yield "label_name_begins_with_blank", label({"name": " WEEK-07"})
    yield "label_other_id", label({"id": "0199a0b0-1234-7abc-8def-0123456789ce"})
    yield "label_other_time", label({"created": "2026-11-21T20:00:01Z"})
    yield "label_seq_1", label(spoil=recording(seq=1))
    yield "label_optional", label(spoil=recording(optional=True))
    yield "label_blake3", label(spoil=record_text(b"sha256", b"blake3"))
    yield "label_record_size_odd", label({"record_size": 4095})


# What a message must say, by the beginning of a vector's name; the longest beginning counts.
SAYS = {
    "attached_": "attached", "attached_missing": "number", "attached_too": "longer", "backup_info": "number", "backup_info_missing": "first member",
    "backup_info_too": "longer", "bad_": "record does not fit", "bad_outside": "data extent", "bad_with_bytes": "stores bytes", "changes_number": "string", "compression": "zstd",
    "cut": "incomplete", "data_": "data extent", "data_before_map": "does not fit", "data_behind": "behind the last index", "data_beyond": "beyond",
    "data_longer": "extent limit", "data_marked": "does not fit", "data_overlap": "overlaps", "data_stored": "stored size", "data_unsorted": "out of order",
    "device_": "2^53", "digest_": "record", "digest_other": "kind of digest", "digest_unknown": "sha512", "empty": "incomplete", "encrypted": "age", "end_": "end member",
    "end_missing": "incomplete", "end_time": "spelling", "end_too": "longer", "end_format": "end member", "extent_limit": "extent limit", "foreign": "another archive",
    "format_2": "version 2", "frame_": "frame", "frame_expands": "stored size", "frame_not_shorter": "stored size", "frame_window": "window", "frame_dict": "dictionary",
    "global": "first header", "header_": "header", "id_": "UUID", "index_": "index", "index_marked": "does not fit", "index_frame": "frame", "index_missing": "number",
    "index_requires": "age", "inline_": "gap", "inline_ends": "cover", "json_": "", "json_array": "object", "json_blank": "spelling", "json_key_order": "spelling", "json_key_twice": "map",
    "json_key_missing": "map", "json_unknown": "later", "json_escape": "spelling", "json_deep": "unknown key", "json_number": "unknown key", "json_fraction": "unknown key",
    "kind_": "half", "label_": "medium.json", "label_of": "WEEK-07", "label_format": "version 2", "label_requires": "time-travel", "label_name": "the name",
    "label_record": "record size", "label_blake3": "medium.json", "label_optional": "record does not fit", "length_wrong": "frame", "length_zero": "empty", "map_": "map", "map_missing": "number", "map_second": "number", "member_": "number",
    "member_requires": "age", "members_": "number", "meta_": "meta", "meta_order": "spelling", "meta_value_number": "string", "name_": "name", "name_absolute": "another archive",
    "not_an": "blocktar", "number_": "record", "offset_": "record", "only_zeros": "zeros", "optional_": "optional", "optional_known": "does not fit",
    "optional_misspelt": "spelt", "padding": "padding", "parent_": "parent", "part_1": "part", "part_to": "", "pax_": "record", "record_": "record", "record_padding": "padding",
    "record_size": "record size", "requires_empty": "record", "requires_unknown": "time-travel", "restore_text": "number", "restore_text_too": "longer", "sample": "samples",
    "seq_": "number", "set_": "set", "stored_digest": "does not fit", "time_": "created", "time_zone": "spelling", "time_other": "headers", "trailing": "follows the end",
    "type_": "header", "unknown_member": "parity/0", "x_header": "header", "zero_member": "zeros",
}


def outcome(name, code):
    """What comes of a broken vector: the exit code, and a word that the message must hold."""
    start = max((start for start in SAYS if name.startswith(start)), key=len)
    # Both are true of it: it is damaged, and one part of several.
    restore = [5, 6] if name == "part_to_beyond_its_members" else code
    return {"verify": code, "restore": restore, "says": SAYS[start]}


def vectors():
    """Each as name, bytes and outcome."""
    sources = ((headers, 5), (order, 5), (records, 5), (frames, 5), (maps, 5), (data, 5), (indexes, 5), (ends, 5), (infos, 5),
               (labels, 5), (ended, 4), (novelties, 6))
    for source, code in sources:
        for name, archive in source():
            yield name, archive, outcome(name, code)
