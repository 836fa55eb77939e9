#!/usr/bin/env python3
"""Holds every JSON text of the archives named on the command line, and a few wrong ones, against the schemas beside this file.

Needs jsonschema (Debian: python3-jsonschema) and the zstd tool. Exits with 0 if all is as it must be.
"""
import json
import pathlib
import subprocess
import sys
import tarfile

from jsonschema import Draft202012Validator

FOLDER = pathlib.Path(__file__).parent
SCHEMAS = {}
for name in ("record", "map", "index-line", "backup-info", "end", "medium"):
    schema = json.loads((FOLDER / f"{name}.json").read_text())
    Draft202012Validator.check_schema(schema)
    SCHEMAS[name] = Draft202012Validator(schema)


def texts(archive):
    """Each JSON text of an archive with the name of its schema."""
    with tarfile.open(archive) as tar:
        for member in tar:
            yield "record", member.pax_headers["comment"]
            path = member.name.split("/", 1)[1]
            data = tar.extractfile(member).read()
            if path.endswith(".zst"):
                data = subprocess.run(["zstd", "-dcq"], input=data, stdout=subprocess.PIPE, check=True).stdout
            if path == "backup-info.json":
                yield "backup-info", data
            elif path == "medium.json":
                yield "medium", data
            elif path == "end.json":
                yield "end", data
            elif path.startswith("extents.json"):
                yield "map", data
            elif path.startswith("index/"):
                yield from (("index-line", line) for line in data.splitlines())


def wrong_texts(found):
    """Texts that no schema may accept, made from sound ones."""
    extent = {"start": 0, "length": 1, "zero": False, "hole": False}
    for change in ({"hole": True}, {"length": 0}, {"start": -1}, {"dirty": False}, {"x": 1}):
        yield "map", [{**extent, **change}]
    yield "map", [extent, {**extent, "dirty": True}]
    record = {"blocktar": 1, "seq": 0, "length": 5, "sha256": "0" * 64}
    for change in ({"bad": True}, {"blake3": "0" * 64}, {"x": 1}, {"seq": 1 << 53}, {"sha256": "0" * 63}):
        yield "record", {**record, **change}
    for change in ({"name": " x"}, {"name": ""}, {"name": "n" * 65}, {"name": "x\ty"}, {"record_size": 100}, {"requires": 1}, {"id": "1"}):
        yield "medium", {**found["medium"], **change}
    for name, needless in (("backup-info", {"name", "meta", "attached", "part", "medium", "parent", "samples", "set"}), ("end", {"continues", "medium"}), ("medium", {})):
        for key in found[name]:
            if key not in needless:
                yield name, {other: value for other, value in found[name].items() if other != key}


def main():
    count, found = 0, {}
    for archive in sys.argv[1:]:
        for name, text in texts(archive):
            value = json.loads(text)
            for error in SCHEMAS[name].iter_errors(value):
                sys.exit(f"{archive}: {name}: {error.message}")
            if name not in found and "parent" not in value:
                found[name] = value
            count += 1
    wrong = list(wrong_texts(found))
    for name, value in wrong:
        if SCHEMAS[name].is_valid(value):
            sys.exit(f"the schema {name} accepts {json.dumps(value)}")
    print(f"{count} texts fit the schemas, {len(wrong)} wrong ones do not")


if __name__ == "__main__":
    main()
