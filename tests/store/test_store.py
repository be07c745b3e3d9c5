"""What is kept is what was measured, on each kind of database."""

from __future__ import annotations

import multiprocessing
import sqlite3
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, create_engine, inspect, text

from edgecnn.core.errors import InputError
from edgecnn.records.filter import Filter, parse_since
from edgecnn.records.record import LISTED_FIELDS, Record
from edgecnn.store.database import Database
from edgecnn.store.location import database_url
from edgecnn.store.migrations import LATEST, upgrade
from edgecnn.store.rows import details_of, row_of
from edgecnn.store.schema import metadata
from edgecnn.store.store import Store

from .records import made_record

HERE = Path(__file__).parent
PROCESSES, EACH = 8, 30


def test_a_record_comes_back_as_it_was(store: Store, make_record: Any) -> None:
    odd = make_record(model="a'b\n[red] ü \udcff%s.tflite", emulated=True, top1_percent=88.9)
    number = store.add(odd, ["before", "ü x"])
    kept = store.get(number)
    assert kept.record == odd
    assert kept.tags == ("before", "ü x")
    (listed,) = store.listed()
    assert (listed.id, listed.emulated, listed.top1_percent) == (number, True, 88.9)
    assert listed.tags == kept.tags


def test_the_same_measurement_is_kept_once(store: Store, make_record: Any) -> None:
    first = store.add(make_record(), uid="0" * 32)
    assert store.add(make_record(), uid="0" * 32) == first
    assert store.add(make_record()) != first
    assert store.count() == 2


def test_lists_are_newest_first_and_limited(store: Store, make_record: Any) -> None:
    numbers = [store.add(make_record(threads=n)) for n in (1, 2, 3)]
    assert [one.id for one in store.listed(limit=2)] == [numbers[2], numbers[1]]
    assert [kept.record.threads for kept in store.records(limit=1)] == [3]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (Filter(model="a.tflite"), {1, 2}),
        (Filter(model="x/a.tflite"), {1}),
        (Filter(model="*.tflite"), {1, 2, 3}),
        (Filter(model="x/*"), {1}),
        (Filter(model="a_tflite*"), set()),
        (Filter(device="pi"), {3}),
        (Filter(scheme="int8", threads=2), {2}),
        (Filter(tag="both"), {1, 2}),
        (Filter(tag="both", device="pi"), set()),
        (Filter(since=parse_since("2026-11-25T06:00+02:00")), {2, 3}),
        (Filter(ids=(1, 3)), {1, 3}),
    ],
)
def test_filters(wanted: Filter, found: set[int], store: Store, make_record: Any) -> None:
    store.add(make_record(model="x/a.tflite", measured_at="2026-11-25T03:59:59+00:00"), ["both"])
    store.add(make_record(model="y/a.tflite", threads=2), ["both", "other"])
    store.add(make_record(model="b.tflite", scheme="float32", device="pi"))
    assert {one.id for one in store.listed(wanted)} == found
    assert store.count(wanted) == len(found)
    assert {kept.id for kept in store.records(wanted)} == found


def test_deletion_takes_everything_along_and_numbers_are_not_used_again(
    store: Store, where: str, make_record: Any
) -> None:
    store.add(make_record(), ["x"])
    last = store.add(make_record(threads=2), ["x", "y"])
    assert store.delete(Filter(threads=2)) == 1
    assert store.add(make_record()) == last + 1
    with create_engine(database_url(where)).connect() as connection:
        for table in ("edgecnn_details", "edgecnn_tags"):
            left = connection.exec_driver_sql(f"SELECT result_id FROM {table}").scalars().all()
            assert last not in left


def add_some(where: str, number: int) -> None:
    store = Store(where)
    for run in range(EACH):
        store.add(made_record(model=f"{number}.tflite", threads=run + 1))


def test_many_writers_at_once_lose_nothing(where: str) -> None:
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=add_some, args=(where, n)) for n in range(PROCESSES)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert [writer.exitcode for writer in writers] == [0] * PROCESSES
    kept = {(one.model, one.threads) for one in Store(where).listed()}
    assert len(kept) == PROCESSES * EACH == Store(where).count()


def test_tables_are_those_that_the_code_knows(store: Store, where: str) -> None:
    engine = create_engine(database_url(where))
    for table in metadata.sorted_tables:
        columns = {column["name"] for column in inspect(engine).get_columns(table.name)}
        assert columns == {column.name for column in table.columns}


def test_a_store_of_version_1_is_brought_up_to_date(tmp_path: Path, make_record: Any) -> None:
    path = tmp_path / "old.sqlite"
    with sqlite3.connect(path) as connection:
        connection.executescript((HERE / "version_1.sql").read_text())
    store = Store(path)
    assert [kept.record.threads for kept in store.records()] == [2, 1]
    (listed,) = store.listed(Filter(model="model.tflite"))
    assert listed.id == 1
    # Columns that version 1 had not are filled from its records.
    assert (listed.cpu, listed.architecture, listed.cpus) == ("c", "x86_64", None)
    assert store.add(make_record(), ["new"]) == 3
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT version FROM edgecnn_schema").fetchall() == [(LATEST,)]


def test_a_store_of_the_version_before_is_brought_up_to_date(
    tmp_path: Path, make_record: Any
) -> None:
    path = tmp_path / "old.sqlite"
    with create_engine(database_url(str(path))).begin() as connection:
        upgrade(connection, 0, to=LATEST - 1)
        records = [make_record(), make_record(data="digits", against_sha256="cd" * 32)]
        for number, record in enumerate(records, 1):
            insert_as_of(connection, LATEST - 1, record, number)
    store = Store(path)
    assert [kept.record for kept in store.records()] == records[::-1]
    assert [one.against_sha256 for one in store.listed()] == ["cd" * 32, None]


def insert_as_of(connection: Connection, version: int, record: Record, number: int) -> None:
    """Insert a record into tables of an earlier version."""
    later = {name for name, field in LISTED_FIELDS.items() if (field.column or 0) > version}
    row = row_of(record, f"{number:032}")
    earlier = {name for name in row if name not in later and (version > 1 or name != "name")}
    row = {"id": number, **{name: row[name] for name in earlier}}
    for table, values in (
        ("edgecnn_results", row),
        ("edgecnn_details", details_of(record, number)),
    ):
        marks = ", ".join(f":{name}" for name in values)
        connection.execute(
            text(f"INSERT INTO {table} ({', '.join(values)}) VALUES ({marks})"), values
        )


def test_damaged_records_do_not_keep_a_store_from_being_brought_up_to_date(
    tmp_path: Path, make_record: Any
) -> None:
    path = tmp_path / "old.sqlite"
    with sqlite3.connect(path) as connection:
        connection.executescript((HERE / "version_1.sql").read_text())
        damaged = "UPDATE edgecnn_details SET record = ? WHERE result_id = ?"
        connection.execute(damaged, ("{", 1))
        connection.execute(damaged, ('{"cpu": 5, "cpus": ["0"]}', 2))
    store = Store(path)
    assert [(one.cpu, one.cpus) for one in store.listed()] == [("", None)] * 2
    number = store.add(make_record(cpus="1"))
    assert store.listed(Filter(ids=(number,)))[0].cpus == "1"


def test_version_1_is_brought_up_to_date_on_postgresql(
    postgresql_url: str, make_record: Any
) -> None:
    record = make_record(cpus="0,1", data="digits", images=400)
    with create_engine(database_url(postgresql_url)).begin() as connection:
        upgrade(connection, 0, to=1)
        insert_as_of(connection, 1, record, 1)
    store = Store(postgresql_url)
    assert store.get(1).record == record
    (listed,) = store.listed(Filter(model="model.tflite"))
    assert (listed.id, listed.cpu, listed.cpus, listed.images) == (1, "a cpu", "0,1", 400)


def test_a_record_of_an_older_edgecnn_is_read(tmp_path: Path, make_record: Any) -> None:
    path = tmp_path / "results.sqlite"
    number = Store(path).add(make_record())
    with sqlite3.connect(path) as connection:
        connection.execute(
            "UPDATE edgecnn_details SET record = json_remove(record, '$.governor', '$.board')"
        )
    assert Store(path).get(number).record == make_record()


def test_a_damaged_record_is_named_and_others_are_listed(tmp_path: Path, make_record: Any) -> None:
    path = tmp_path / "results.sqlite"
    number = Store(path).add(make_record())
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE edgecnn_details SET samples = x'00'")
    assert len(Store(path).listed()) == 1
    with pytest.raises(
        Exception, match=f"result {number} in .* is damaged: latency_samples_ms cannot be read"
    ):
        Store(path).get(number)


def test_reading_goes_on_while_another_writes(tmp_path: Path, make_record: Any) -> None:
    path = tmp_path / "results.sqlite"
    Store(path).add(make_record())
    with sqlite3.connect(path, isolation_level=None) as writer:
        writer.execute("BEGIN IMMEDIATE")
        assert Store(path).count() == 1


NOW = datetime(2026, 11, 25, 12, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2d", "2026-11-23T12:00:00+00:00"),
        ("90m", "2026-11-25T10:30:00+00:00"),
        ("2026-11-25T14:00+02:00", "2026-11-25T12:00:00+00:00"),
        ("2026-11-25T12:00:00Z", "2026-11-25T12:00:00+00:00"),
    ],
)
def test_times(text: str, moment: str) -> None:
    assert parse_since(text, NOW) == moment


@pytest.mark.parametrize("text", ["", "yesterday", "5y", "2026-13-01", "999999d"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="is no time"):
        parse_since(text, NOW)


def test_a_newer_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "results.sqlite"
    Store(path)
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE edgecnn_schema SET version = 99")
    with pytest.raises(InputError, match=r"version 99.*install a newer edgecnn"):
        Database(database_url(path))
