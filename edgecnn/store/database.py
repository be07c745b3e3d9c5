"""The database of results: opening it, transactions, and each failure as one line."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import URL, Connection, Dialect, Engine, create_engine, event, inspect, select, text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from edgecnn.core.errors import EdgecnnError, InputError, StoreError, shown_value
from edgecnn.core.escaping import printable
from edgecnn.core.files import folder_beside, place_new
from edgecnn.store.location import LOCK_WAIT_S, check_file, shown
from edgecnn.store.migrations import LATEST, LOCK_KEY, upgrade
from edgecnn.store.schema import schema_version

MALFORMED = "malformed"
"""Word of SQLite's for a damaged file."""

REMEDIES = {
    "database is locked": "another process has been writing to it: try again",
    "readonly database": "it is read-only: choose another --store",
    "disk is full": "the disk is full: make space",
    "disk I/O error": "the disk is full or failing: make space, or choose another --store",
    MALFORMED: "the file is damaged: move it away, or choose another --store",
    "not a database": "choose another --store",
    "no such column": "its tables are not as edgecnn makes them: choose another --store",
    "no such table": "its tables are not as edgecnn makes them: choose another --store",
    "too large": "a whole number is larger than databases have them",
}
"""Part of SQLite's message -> what the user can do."""


class Database:
    """A database of results; opening it brings its tables to this version.

    Args:
        url: URL of the database, as :func:`edgecnn.store.location.database_url` gives it.
        create: Whether to make a SQLite file and the tables where there are none; they are made
            beside the place of the file, which gets its name when it is whole.
        name: What messages call the database; None for its URL.

    Raises:
        InputError: The database is of something else or of a newer version, or cannot be made.
        StoreError: The database is locked, damaged, or cannot be reached.
    """

    def __init__(self, url: URL, *, create: bool = True, name: str | None = None) -> None:
        self.url = url
        self.name = name or shown(url)
        self._is_sqlite = url.get_backend_name() == "sqlite"
        self.writable = True
        if self._is_sqlite:
            check_file(url, create=create)
            self.writable = _is_writable(Path(url.database or ""))
            if create and not self.writable:
                raise InputError(f"results in {self.name} are read-only: choose another --store")
            if create:
                self._make_file(Path(url.database or ""))
        self._engine = self._make_engine()
        with self._explained():
            self._prepare()

    @property
    def file(self) -> Path | None:
        """The SQLite file; None for a server's database."""
        return Path(self.url.database or "") if self._is_sqlite else None

    @property
    def dialect(self) -> Dialect:
        """Kind of SQL that the database understands."""
        return self._engine.dialect

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Yield a connection that sees one state of the database."""
        with self._explained(), self._engine.begin() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Yield a connection whose changes are made at the end, all of them or none."""
        if not self.writable:
            raise InputError(f"results in {self.name} are read-only")
        engine = self._engine.execution_options(edgecnn_writes=True)
        with self._explained(), engine.begin() as connection:
            yield connection

    def _make_file(self, path: Path) -> None:
        """Make the file where there is none, whole or not at all; others may do so meanwhile."""
        if path.exists():
            return
        with folder_beside(path) as folder:
            made = folder / path.name
            made.touch()
            # An empty file is a database without tables, and opening it makes them.
            Database(self.url.set(database=str(made)), name=self.name)
            place_new(made, path)

    def _make_engine(self) -> Engine:
        arguments: dict[str, Any] = {}
        url = self.url
        if self._is_sqlite:
            # `_begin_sqlite` begins transactions: the driver would begin them too late.
            arguments = {"isolation_level": None}
            if "timeout" not in url.query:
                arguments["timeout"] = LOCK_WAIT_S
            if not self.writable:
                url = _read_only(url)
        try:
            engine = create_engine(url, poolclass=NullPool, connect_args=arguments)
        except ModuleNotFoundError as error:
            driver = str(error.name)
            advice = "psycopg[binary]" if driver == "psycopg" else driver
            raise InputError(
                f"the database's driver {driver} is not installed: pip install '{advice}'"
            ) from None
        except (SQLAlchemyError, TypeError, ValueError):
            raise InputError(f"the options of the store {self.name} cannot be used") from None
        if self._is_sqlite:
            event.listen(engine, "connect", _prepare_sqlite)
            event.listen(engine, "begin", _begin_sqlite)
        return engine

    def _prepare(self) -> None:
        with self._engine.begin() as connection:
            version = self._version(connection)
        if version == LATEST:
            return
        if not self.writable:
            raise InputError(
                f"results in {self.name} are of an older version, and read-only: copy the file"
            )
        if self._is_sqlite:
            self._keep_a_log()
        with self.writing() as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": LOCK_KEY})
            # Another process may have upgraded the tables meanwhile.
            version = self._version(connection)
            if version < LATEST:
                upgrade(connection, version)

    def _version(self, connection: Connection) -> int:
        tables = inspect(connection).get_table_names()
        if schema_version.name not in tables:
            if self._is_sqlite and tables:
                raise InputError(
                    f"{self.name} is a database of something else: choose another --store"
                )
            return 0
        version = connection.execute(select(schema_version.c.version)).scalar()
        if type(version) is not int or version < 1:
            raise InputError(
                f"{self.name} says that it is of version {shown_value(version)}, so it is damaged: "
                "choose another --store"
            )
        if version > LATEST:
            raise InputError(
                f"results in {self.name} are of version {version}, and this edgecnn knows version "
                f"{LATEST}: install a newer edgecnn, or choose another --store"
            )
        return version

    def _keep_a_log(self) -> None:
        """Switch SQLite to write-ahead logging, so that reading and writing go on together."""
        end = time.monotonic() + LOCK_WAIT_S
        while True:
            connection = self._engine.raw_connection()
            try:
                connection.cursor().execute("PRAGMA journal_mode=WAL")
                return
            except Exception as error:
                # SQLite does not wait for this switch: it fails at once where the file is in use.
                if "locked" not in str(error) or time.monotonic() > end:
                    raise StoreError(self._line(error)) from error
                time.sleep(0.05)
            finally:
                connection.close()

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except EdgecnnError:
            raise
        except DBAPIError as error:
            bad = "not a database" in str(error.orig) or MALFORMED in str(error.orig)
            kind = InputError if bad else StoreError
            raise kind(self._line(error.orig)) from error
        except (SQLAlchemyError, OverflowError) as error:
            raise StoreError(self._line(error)) from error
        except UnicodeDecodeError as error:
            # SQLite names what it does not understand, and the driver cannot read the name.
            raise InputError(self._line(MALFORMED)) from error

    def _line(self, error: object) -> str:
        message = printable(" ".join(str(error).split())[:300])
        if self.url.password:
            message = message.replace(str(self.url.password), "***")
        advice = next((advice for part, advice in REMEDIES.items() if part in message), None)
        return f"results in {self.name}: {message}" + (f"; {advice}" if advice else "")


def _is_writable(path: Path) -> bool:
    at = path if path.exists() else path.parent
    return os.access(at, os.W_OK) and os.access(path.parent, os.W_OK)


def _read_only(url: URL) -> URL:
    """Return a URL that opens a file without touching it or its folder."""
    path = Path(url.database or "")
    # Without a log no change is pending, and SQLite need not make files beside the database.
    alone = not path.with_name(path.name + "-wal").exists()
    options = "?mode=ro&immutable=1" if alone else "?mode=ro"
    return url.set(database=f"file:{quote(str(path))}{options}").update_query_dict({"uri": "true"})


def _prepare_sqlite(connection: Any, record: object) -> None:
    # Text that is no UTF-8 is a damaged record, of which the others know nothing.
    connection.text_factory = partial(str, encoding="utf-8", errors="surrogateescape")
    connection.execute("PRAGMA foreign_keys=ON")
    # In mode FULL, twenty writers would wait for each other's disk. With a write-ahead log, NORMAL
    # keeps what a killed process has committed; only a power cut may lose the last records.
    connection.execute("PRAGMA synchronous=NORMAL")


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get("edgecnn_writes")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
