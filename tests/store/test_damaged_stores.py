"""A damaged result is named, the others are read, and it can be deleted; so is a damaged store."""

from __future__ import annotations

import json
import math
import os
import socket
import sqlite3
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine

import edgecnn
from edgecnn.core.errors import EdgecnnError, InputError, StoreError
from edgecnn.records.filter import Filter
from edgecnn.records.record import LISTED_FIELDS
from edgecnn.store.location import database_url
from edgecnn.store.rows import packed_samples
from edgecnn.store.store import DamagedResultError, Store

from ..records.wrong_values import wrong_fields  # noqa: TID252
from .records import SAMPLES, made_record

NO_TEXT = b"\xff\xfe\xed\xa0\x80"
"""Bytes that are no UTF-8."""

WRONG_IN_COLUMNS: dict[type, tuple[Any, ...]] = {
    str: (b"bytes",),
    int: ("many", b"\x01", 1.5, math.inf, 2.0**70),
    float: ("fast", b"\x01", math.inf, -math.inf),
    bool: (),
}
"""Type of a field -> values that SQLite keeps as they are, whatever the column's type. SQLAlchemy
reads a flag of any value as true or false."""


def three(path: Path) -> Store:
    """A store with three results, of which the second is to be damaged."""
    store = Store(path)
    for number in (1, 2, 3):
        store.add(made_record(threads=number), ["all", f"n{number}"])
    return store


def run_sql(path: Path, statement: str, *values: object) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(statement, values)


def only_the_second_is_damaged(found: Callable[..., Any], says: str) -> None:
    """Check that a way to read all results names the second, and gives the first and the third."""
    damaged: list[DamagedResultError] = []
    assert [one.id for one in found(on_damaged=damaged.append)] == [3, 1]
    (error,) = damaged
    text = str(error)
    assert (error.number, "result 2 in " in text, says in text) == (2, True, True), text
    assert "'edgecnn results delete 2' removes it" in text and text.isprintable()
    with pytest.raises(DamagedResultError, match="result 2 in "):
        list(found())


def wrong_columns() -> Iterator[tuple[str, Any]]:
    for name, field in LISTED_FIELDS.items():
        for value in WRONG_IN_COLUMNS[field.kind]:
            yield name, value
    for name, value in wrong_fields():
        # What another type's affinity makes of a value is none of the test's business.
        is_of_type = name in LISTED_FIELDS and type(value) is LISTED_FIELDS[name].kind
        if is_of_type and value == value and (isinstance(value, str) or abs(value) < 2**63):
            yield name, value


def test_a_wrong_value_in_a_column_is_named(tmp_path: Path) -> None:
    path = tmp_path / "r.sqlite"
    store = three(path)
    for name, value in wrong_columns():
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            find = f"SELECT {name} FROM edgecnn_results WHERE id = 2"
            (before,) = connection.execute(find).fetchone()
            change = f"UPDATE edgecnn_results SET {name} = ? WHERE id = 2"
            connection.execute(change, (value,))
            only_the_second_is_damaged(store.listed, name)
            connection.execute(change, (before,))
    assert [one.id for one in store.listed()] == [3, 2, 1]


def test_text_that_is_no_utf_8_is_named(tmp_path: Path) -> None:
    path = tmp_path / "r.sqlite"
    store = three(path)
    for name, field in LISTED_FIELDS.items():
        if field.kind is str:
            run_sql(
                path, f"UPDATE edgecnn_results SET {name} = CAST(? AS TEXT) WHERE id = 2", NO_TEXT
            )
            only_the_second_is_damaged(store.listed, f"{name} is ")
            run_sql(path, f"UPDATE edgecnn_results SET {name} = (SELECT {name} FROM edgecnn_results"
                    " WHERE id = 1) WHERE id = 2")  # fmt: skip


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("", "its JSON cannot be read"),
        ("{", "its JSON cannot be read"),
        ("[" * 5000, "nested more than"),
        ("[1]", "its JSON is no object"),
        ("null", "its JSON is no object"),
        ("{}", "runs is missing"),
        (b"{}", "edgecnn_details"),
        ('{"runs": 1e999}', "runs is inf"),
    ],
)
def test_a_damaged_document_of_a_record_is_named(value: object, says: str, tmp_path: Path) -> None:
    path = tmp_path / "r.sqlite"
    store = three(path)
    run_sql(path, "UPDATE edgecnn_details SET record = ? WHERE result_id = 2", value)
    only_the_second_is_damaged(store.records, says)
    only_the_second_is_damaged(lambda **how: edgecnn.results(store=path, **how), says)
    with pytest.raises(StoreError, match="result 2 in "):
        store.get(2)
    assert [one.id for one in store.listed()] == [3, 2, 1]


def test_a_wrong_field_of_a_kept_record_is_named(tmp_path: Path) -> None:
    path = tmp_path / "r.sqlite"
    store = three(path)
    values = made_record(threads=2).to_dict()
    del values["latency_samples_ms"]
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for name, wrong in [*wrong_fields()][::7]:
            if name != "latency_samples_ms":
                text = json.dumps({**values, name: wrong})
                change = "UPDATE edgecnn_details SET record = ? WHERE result_id = 2"
                connection.execute(change, (text,))
                only_the_second_is_damaged(store.records, name.split("_")[0])


@pytest.mark.parametrize(
    "content",
    [
        b"", b"\0", "text", zlib.compress(b""), zlib.compress(bytes(31)), zlib.compress(bytes(40)),
        zlib.compress(bytes(1 << 27)), zlib.compress(b"\0" * 32)[:-2], packed_samples(SAMPLES[:3]),
        packed_samples([math.nan, 1.0, 1.0, 1.0]), packed_samples([-1.0, 1.0, 1.0, 1.0]),
    ],
    ids=range(11),
)  # fmt: skip
def test_damaged_samples_are_named(content: object, tmp_path: Path) -> None:
    path = tmp_path / "r.sqlite"
    store = three(path)
    run_sql(path, "UPDATE edgecnn_details SET samples = ? WHERE result_id = 2", content)
    only_the_second_is_damaged(store.records, "")


def test_a_result_without_its_record_is_damaged_and_not_absent(tmp_path: Path) -> None:
    store = three(tmp_path / "r.sqlite")
    run_sql(tmp_path / "r.sqlite", "DELETE FROM edgecnn_details WHERE result_id = 2")
    only_the_second_is_damaged(store.records, "edgecnn_details is missing")


@pytest.mark.parametrize("tag", [b"bytes", "a\x1b[31m", "", "12"])
def test_a_damaged_tag_is_named(tag: object, tmp_path: Path) -> None:
    store = three(tmp_path / "r.sqlite")
    run_sql(tmp_path / "r.sqlite", "UPDATE edgecnn_tags SET tag = ? WHERE tag = 'n2'", tag)
    for found in (store.listed, store.records):
        only_the_second_is_damaged(found, "tag")


def test_damaged_results_are_found_and_deleted_on_each_kind_of_database(
    store: Store, where: str
) -> None:
    for number in (1, 2, 3):
        store.add(made_record(threads=number))
    with create_engine(database_url(where)).begin() as connection:
        for change in ("edgecnn_details SET record = '{'", "edgecnn_results SET threads = -1"):
            column = "result_id" if "details" in change else "id"
            connection.exec_driver_sql(f"UPDATE {change} WHERE {column} = 2")
    for found in (store.listed, store.records):
        only_the_second_is_damaged(found, "")
    assert store.delete(Filter(ids=(2,))) == 1
    assert [kept.id for kept in store.records()] == [3, 1]


def test_numbers_that_no_database_has_match_nothing(store: Store) -> None:
    number = store.add(made_record())
    with pytest.raises(InputError, match="there is no result 1000000"):
        store.get(10**30)
    assert store.delete(Filter(ids=(10**30,))) == 0
    assert store.listed(Filter(threads=2**63)) == []
    assert [one.id for one in store.listed(Filter(ids=(number, 2**64)))] == [number]
    with pytest.raises(StoreError):
        store.add(made_record(model_bytes=2**64))
    assert store.count() == 1


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        ("DROP TABLE edgecnn_details", "no such table: edgecnn_details"),
        ("DROP TABLE edgecnn_results", "no such table: edgecnn_results"),
        ("ALTER TABLE edgecnn_results RENAME COLUMN cpu TO other", "no such column"),
        ("DROP TABLE edgecnn_schema", "a database of something else"),
        ("DELETE FROM edgecnn_schema", "version None, so it is damaged"),
        ("UPDATE edgecnn_schema SET version = -5", "version -5, so it is damaged"),
        ("UPDATE edgecnn_schema SET version = 999", "install a newer edgecnn"),
    ],
)
def test_other_tables_than_edgecnns_are_one_line(damage: str, says: str, tmp_path: Path) -> None:
    path = tmp_path / "r.sqlite"
    three(path)
    run_sql(path, damage)
    refused(path, says)


def refused(path: Path, says: str) -> None:
    with pytest.raises(EdgecnnError) as caught:
        store = Store(path, create=False)
        store.listed()
        list(store.records())
    text = str(caught.value)
    assert says in text and path.name in text and text.isprintable()


def test_what_is_no_file_is_refused_at_once(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    refused(tmp_path / "folder", "is a folder")
    refused(Path("/dev/zero"), "is no file")
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe")
        refused(tmp_path / "pipe", "is no file")
    with closing(socket.socket(socket.AF_UNIX)) as listening:
        listening.bind(str(tmp_path / "socket"))
        refused(tmp_path / "socket", "is no file")


@pytest.mark.parametrize("kept", [1, 15, 50, 99, 100, 1000, 4096, 5000, 20000])
def test_a_store_that_was_cut_short_is_one_line(kept: int, tmp_path: Path) -> None:
    path = tmp_path / "r.sqlite"
    three(path)
    run_sql(path, "PRAGMA journal_mode=DELETE")
    path.write_bytes(path.read_bytes()[:kept])
    refused(path, "r.sqlite")


def test_what_a_log_of_another_database_says_is_not_believed(tmp_path: Path) -> None:
    path = tmp_path / "r.sqlite"
    store = three(path)
    path.with_name("r.sqlite-wal").write_bytes(os.urandom(5000))
    assert [one.id for one in store.listed()] == [3, 2, 1]
    store.add(made_record())
    assert store.count() == 4


def test_an_empty_file_becomes_a_store(tmp_path: Path) -> None:
    (tmp_path / "r.sqlite").touch()
    assert Store(tmp_path / "r.sqlite").add(made_record()) == 1
