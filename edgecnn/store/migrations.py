"""Steps from each version of the tables to the next; what has been released never changes."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import Connection, text

from edgecnn.store.rows import name_of

LOCK_KEY = 0x656467655F636E6E
"""Of PostgreSQL's advisory lock: one process at a time makes or changes the tables."""


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
            {"name": name_of(model), "model": model},
        )
    connection.execute(text("CREATE INDEX edgecnn_results_name ON edgecnn_results (name, id)"))


MIGRATIONS: tuple[Callable[[Connection], None], ...] = (_create, _add_names_and_tags)
"""Step ``n`` makes version ``n + 1`` of version ``n``; version 0 is an empty database."""

LATEST = len(MIGRATIONS)


def upgrade(connection: Connection, version: int, to: int = LATEST) -> None:
    """Take the tables from a version to a later one, in the transaction of the connection."""
    for step in MIGRATIONS[version:to]:
        step(connection)
    connection.execute(text("UPDATE edgecnn_schema SET version = :to"), {"to": to})
