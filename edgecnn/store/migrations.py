"""Steps from each version of the tables to the next; what has been released never changes.

Versions 1 and 2 are written out. From version 3 on, a step adds the columns of those fields of a
record that say so (:attr:`edgecnn.records.fields.Field.column`), and fills them from the records
that are there: to keep another field in a column takes no line here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from sqlalchemy import Connection, bindparam, select, text, update

from edgecnn.core.errors import InputError
from edgecnn.core.json_text import json_value
from edgecnn.records.fields import Field
from edgecnn.records.filter import name_of
from edgecnn.records.record import LISTED_FIELDS
from edgecnn.store.rows import storable
from edgecnn.store.schema import details, results

LOCK_KEY = 0x656467655F636E6E
"""Key of PostgreSQL's advisory lock, by which one process at a time makes or changes the tables."""

ROWS_AT_ONCE = 2000
"""Rows in memory while new columns are filled."""

SQL_TYPES = {str: "TEXT", int: "BIGINT", float: "DOUBLE PRECISION", bool: "BOOLEAN"}
EMPTY: Mapping[type, Any] = {str: "", int: 0, float: 0.0, bool: False}
"""Type of a field that may not be None -> what stands in its column if a record is damaged."""


def _create(connection: Connection) -> None:
    """Version 1: results and their details."""
    sqlite = connection.dialect.name == "sqlite"
    key = "INTEGER PRIMARY KEY AUTOINCREMENT" if sqlite else "BIGSERIAL PRIMARY KEY"
    blob = "BLOB" if sqlite else "BYTEA"
    for statement in (
        "CREATE TABLE edgecnn_schema (version INTEGER NOT NULL PRIMARY KEY)",
        "INSERT INTO edgecnn_schema (version) VALUES (1)",
        f"""CREATE TABLE edgecnn_results (
            id {key}, uid VARCHAR(32) NOT NULL UNIQUE, measured_at VARCHAR(40) NOT NULL,
            model TEXT NOT NULL, model_sha256 VARCHAR(64) NOT NULL, model_bytes BIGINT NOT NULL,
            scheme VARCHAR(64) NOT NULL, device VARCHAR(255) NOT NULL, threads INTEGER NOT NULL,
            runtime VARCHAR(64) NOT NULL, runtime_version VARCHAR(64) NOT NULL, emulated BOOLEAN,
            latency_p50_ms DOUBLE PRECISION NOT NULL, latency_p90_ms DOUBLE PRECISION NOT NULL,
            peak_rss_bytes BIGINT, data TEXT, top1_percent DOUBLE PRECISION)""",
        f"""CREATE TABLE edgecnn_details (
            result_id BIGINT NOT NULL PRIMARY KEY
                REFERENCES edgecnn_results (id) ON DELETE CASCADE,
            record TEXT NOT NULL, samples {blob} NOT NULL)""",
        *(
            f"CREATE INDEX edgecnn_results_{name} ON edgecnn_results ({name}, id)"
            for name in ("model_sha256", "device", "scheme", "threads", "measured_at")
        ),
    ):
        connection.execute(text(statement))


def _add_names_and_tags(connection: Connection) -> None:
    """Version 2: results are found by their file's name alone, and have tags."""
    for statement in (
        "ALTER TABLE edgecnn_results ADD COLUMN name VARCHAR(255) NOT NULL DEFAULT ''",
        """CREATE TABLE edgecnn_tags (
            result_id BIGINT NOT NULL REFERENCES edgecnn_results (id) ON DELETE CASCADE,
            tag VARCHAR(255) NOT NULL, PRIMARY KEY (result_id, tag))""",
        "CREATE INDEX edgecnn_tags_tag ON edgecnn_tags (tag, result_id)",
    ):
        connection.execute(text(statement))
    models = connection.execute(text("SELECT DISTINCT model FROM edgecnn_results")).scalars().all()
    for model in models:
        connection.execute(
            text("UPDATE edgecnn_results SET name = :name WHERE model = :model"),
            {"name": name_of(str(storable(str(model)))), "model": model},
        )
    connection.execute(text("CREATE INDEX edgecnn_results_name ON edgecnn_results (name, id)"))


def _add_columns(version: int, connection: Connection) -> None:
    """Version 3 and later: further fields of a record get a column."""
    added = {name: field for name, field in LISTED_FIELDS.items() if field.column == version}
    for name, field in added.items():
        empty = "" if field.is_optional else f" NOT NULL DEFAULT {EMPTY[field.kind]!r}"
        statement = f"ALTER TABLE edgecnn_results ADD COLUMN {name} {SQL_TYPES[field.kind]}{empty}"
        connection.execute(text(statement))
    values: dict[str, Any] = {name: bindparam(f"new_{name}") for name in added}
    filled = update(results).where(results.c.id == bindparam("number")).values(values)
    for rows in _stored(connection):
        connection.execute(filled, [_new_values(*row, added) for row in rows])


def _stored(connection: Connection) -> Iterator[list[tuple[int, str]]]:
    """Yield the numbers and the JSON of all records, a few at a time."""
    last = 0
    query = select(details.c.result_id, details.c.record).order_by(details.c.result_id)
    while True:
        after = query.where(details.c.result_id > last).limit(ROWS_AT_ONCE)
        rows = [(int(number), str(record)) for number, record in connection.execute(after)]
        if not rows:
            return
        yield rows
        last = rows[-1][0]


def _new_values(number: int, record: str, added: Mapping[str, Field]) -> dict[str, Any]:
    try:
        values = json_value(record)
    except ValueError:
        values = None
    values_by_name = values if isinstance(values, dict) else {}
    columns = {f"new_{name}": _column_value(values_by_name, field) for name, field in added.items()}
    return {"number": number, **columns}


def _column_value(values: Mapping[str, Any], field: Field) -> Any:
    try:
        return storable(field.read(values))
    except InputError:
        return None if field.is_optional else EMPTY[field.kind]


LATEST = max(field.column or 0 for field in LISTED_FIELDS.values())

MIGRATIONS: tuple[Callable[[Connection], None], ...] = (
    _create,
    _add_names_and_tags,
    *(partial(_add_columns, version) for version in range(3, LATEST + 1)),
)
"""Step ``n`` makes version ``n + 1`` of version ``n``; version 0 is an empty database."""


def upgrade(connection: Connection, version: int, to: int = LATEST) -> None:
    """Take the tables from a version to a later one.

    Args:
        connection: A connection in a transaction, which the caller ends.
        version: Version of the tables; 0 of an empty database.
        to: Version to make.
    """
    for step in MIGRATIONS[version:to]:
        step(connection)
    connection.execute(text("UPDATE edgecnn_schema SET version = :to"), {"to": to})
