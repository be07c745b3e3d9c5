"""Damage to files of parts: zips, HDF5, SQLite, and messages of a line and a payload."""

from __future__ import annotations

import contextlib
import io
import json
import re
import sqlite3
import struct
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from random import Random
from typing import Any

from .byte_mutators import mutated_bytes
from .numbers import INTEGERS, TEXTS, wrong_value
from .text_mutators import Mutator, mutated_values

ZIP_FIELDS = {
    b"PK\3\4": {6: "H", 8: "H", 14: "I", 18: "I", 22: "I", 26: "H", 28: "H"},
    b"PK\1\2": {
        8: "H", 10: "H", 16: "I", 20: "I", 24: "I", 28: "H", 30: "H", 32: "H", 38: "I", 42: "I",
    },
    b"PK\5\6": {8: "H", 10: "H", 12: "I", 16: "I", 20: "H"},
}  # fmt: skip
"""Start of a zip's record -> offset and type of its flags, methods, sums, sizes and places."""


def mutated_zip(content: bytes, random: Random, members: Mapping[str, Mutator]) -> bytes:
    """Return a zip with damage in a record of its own, in a member, or in its list of members.

    Args:
        content: The zip, perhaps behind something else.
        random: Makes all choices.
        members: End of a member's name -> how the member is damaged.
    """
    kind = random.randrange(6)
    if kind == 0:
        return mutated_bytes(content, random)
    return _with_field(content, random) if kind <= 2 else _repacked(content, random, members)


def _with_field(content: bytes, random: Random) -> bytes:
    data = bytearray(content)
    for _ in range(random.choice((1, 1, 2))):
        start = random.choice(list(ZIP_FIELDS))
        places = [match.start() for match in re.finditer(re.escape(start), data)]
        if not places:
            continue
        offset, letter = random.choice(list(ZIP_FIELDS[start].items()))
        at, size = random.choice(places) + offset, struct.calcsize(letter)
        if at + size <= len(data):
            number = random.choice(INTEGERS) % (1 << (8 * size))
            struct.pack_into(f"<{letter}", data, at, number)
    return bytes(data)


def _repacked(content: bytes, random: Random, members: Mapping[str, Mutator]) -> bytes:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        start = min((info.header_offset for info in archive.infolist()), default=0)
        parts = [(info.filename, archive.read(info)) for info in archive.infolist()]
    place, kind = random.randrange(len(parts)), random.randrange(10)
    name, part = parts[place]
    if kind == 0:
        del parts[place]
    elif kind == 1:
        parts.append(
            (random.choice((name, name.upper(), *TEXTS[1:9])).replace("\ud800", "?"), part)
        )
    else:
        mutate = next((how for end, how in members.items() if name.endswith(end)), mutated_bytes)
        parts[place] = (name, mutate(part, random))
    file = io.BytesIO(content[:start])
    file.seek(0, io.SEEK_END)
    how = random.choice((zipfile.ZIP_STORED, zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))
    with zipfile.ZipFile(file, "w", how) as archive:
        for name, part in parts:
            archive.writestr(zipfile.ZipInfo(name), part, how)
    return file.getvalue()


def mutated_hdf5(content: bytes, random: Random) -> bytes:
    """Return an HDF5 file with damaged bytes, or with other attributes, arrays and groups."""
    if random.randrange(3):
        return mutated_bytes(content, random)
    import h5py

    memory = io.BytesIO(content)
    with h5py.File(memory, "r+") as file:
        names = [""]
        file.visit(names.append)
        name = random.choice(names)
        _change_hdf5(file, name, random)
    return memory.getvalue()


def _change_hdf5(file: Any, name: str, random: Random) -> None:
    import h5py

    found = file[name] if name else file
    attributes = list(found.attrs)
    if attributes and random.randrange(4):
        key = random.choice(attributes)
        text = found.attrs[key]
        value = random.choice((0, -1, 2.5, "", "\u00e9", b"\xff\xfe", [1, 2], ["x", "y"], None))
        if isinstance(text, str) and text.startswith("{"):
            value = json.dumps(mutated_values(json.loads(text), random))
        found.attrs[key] = h5py.Empty("f") if value is None else value
    elif name:
        parent = found.parent
        del file[name]
        own = name.rpartition("/")[2]
        kind = random.randrange(4)
        if kind == 1:
            parent.create_group(own)
        elif kind == 2:
            parent[own] = [float("nan"), 1.0]
        elif kind == 3:
            parent[own] = h5py.SoftLink(random.choice(("/", f"/{name}", "/nowhere")))


def mutated_sqlite(content: bytes, random: Random) -> bytes:
    """Return a database with damaged bytes, or with wrong values in its cells."""
    if not random.randrange(4):
        return mutated_bytes(content, random)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "database"
        path.write_bytes(content)
        # In text of no UTF-8 is what a driver of today would not write.
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            connection.execute("PRAGMA synchronous=OFF")
            connection.execute("PRAGMA foreign_keys=OFF")
            for _ in range(random.choice((1, 1, 2))):
                _change_sqlite(connection, random)
        return path.read_bytes()


def _change_sqlite(connection: sqlite3.Connection, random: Random) -> None:
    names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
    tables = [name for (name,) in names]
    if not tables:
        return
    table = random.choice(tables)
    columns = [row[1] for row in connection.execute(f'PRAGMA table_info("{table}")')]
    column = random.choice(columns)
    kind = random.randrange(12)
    value: Any = random.choice((None, -1, 2**63 - 1, 1.5, "nan", 9e999, b"\xff\xfe", "\0", "a\nb"))
    statements = [f'UPDATE OR IGNORE "{table}" SET "{column}" = ?']
    if kind == 0:
        statements, value = [f'DROP TABLE "{table}"'], ()
    elif kind == 1:
        statements, value = [f'ALTER TABLE "{table}" RENAME COLUMN "{column}" TO other'], ()
    elif kind == 2:
        statements, value = [f'DELETE FROM "{table}"'], ()
    elif kind <= 4:
        statements = [f'UPDATE OR IGNORE "{table}" SET "{column}" = CAST(? AS TEXT)']
        value = random.choice((b"\xff\xfe", b"a\0b", b"\xed\xa0\x80", b"\x1b[31m"))
    elif kind <= 9 and "record" in columns:
        statements = [f'UPDATE "{table}" SET record = ?']
        value = _changed_record(connection, table, random)
    elif kind == 10:
        other = wrong_value(random)
        value = other if isinstance(other, float) else str(other).encode(errors="replace").decode()
    for statement in statements:
        # A constraint of the table may forbid it.
        with contextlib.suppress(sqlite3.Error):
            connection.execute(statement, () if value == () else (value,))


def _changed_record(connection: sqlite3.Connection, table: str, random: Random) -> str:
    """Return the JSON of a table's first record with wrong values in it."""
    try:
        found = connection.execute(f'SELECT record FROM "{table}"').fetchone()
        return json.dumps(mutated_values(json.loads(found[0]), random))
    except (TypeError, ValueError, sqlite3.Error):  # an earlier change made something else of it
        return "{}"


def packed_answers(answers: Sequence[bytes]) -> bytes:
    """Return answers as one file, which :func:`unpacked_answers` takes apart."""
    return b"".join(struct.pack("<I", len(answer)) + answer for answer in answers)


def unpacked_answers(content: bytes) -> list[bytes]:
    """Return the answers that :func:`packed_answers` packed."""
    answers, at = [], 0
    while at < len(content):
        (length,) = struct.unpack_from("<I", content, at)
        answers.append(content[at + 4 : at + 4 + length])
        at += 4 + length
    return answers


def mutated_message(content: bytes, random: Random) -> bytes:
    """Return a message with wrong values in it, or damaged as bytes."""
    if not random.randrange(6):
        return mutated_bytes(content, random)
    line, _, payload = content.partition(b"\n")
    head, payload = _mutated_message(json.loads(line), payload, random.randrange(5, 20), random)
    return json.dumps(head).encode() + b"\n" + payload


def mutated_answers(content: bytes, random: Random) -> bytes:
    """Return a program's answers, of which one is damaged, another one, missing or doubled."""
    answers = unpacked_answers(content)
    place, kind = random.randrange(len(answers)), random.randrange(12)
    if kind == 0:
        answers[place] = b""
    elif kind == 1:
        answers[place] = random.choice(answers)
    elif kind == 2:
        answers[place] *= random.choice((2, 3, 100))
    else:
        answers[place] = mutated_message(answers[place], random)
    return packed_answers(answers)


def _mutated_message(values: Any, payload: bytes, kind: int, random: Random) -> tuple[Any, bytes]:
    """Return the values and the payload of a message with another length, value or payload."""
    if kind == 5:
        values["payload_bytes"] = random.choice((*INTEGERS, None, "9", 1.5))
        return values, payload
    if kind == 6:
        return {**values, "compressed": random.choice((True, 1, "x", [1]))}, payload
    if kind == 7 and payload:
        payload = mutated_bytes(payload, random)
        return {**values, "payload_bytes": len(payload)}, payload
    if kind == 8:
        message = random.choice(TEXTS)
        return {
            "kind": "ErrorReport",
            "is_input": random.choice((True, 1)),
            "message": message,
        }, b""
    return mutated_values(values, random), payload
