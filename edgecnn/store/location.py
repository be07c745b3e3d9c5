"""The place of the database: a path or a URL, checked before use, shown without its password."""

from __future__ import annotations

import os
from pathlib import Path

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError

from edgecnn.core.errors import InputError
from edgecnn.core.files import check_target, exists, first_bytes, make_folder, quoted

STORE_VARIABLE = "EDGECNN_STORE"
FILE_NAME = "results.sqlite"
SQLITE_HEADER = b"SQLite format 3\0"
"""First bytes of every SQLite database: https://www.sqlite.org/fileformat.html, section 1.3."""

LOCK_WAIT_S = 30
"""Seconds to wait for other writers: SQLite serves waiting writers in no order."""

CONNECT_S = 10
"""Seconds to wait for a server that does not answer."""


def database_url(where: str | Path | None = None) -> URL:
    """Return the URL of the database to use.

    Args:
        where: A path, or any SQLAlchemy URL; None for the value of EDGECNN_STORE, or else a SQLite
            file in the user's data folder.

    Raises:
        InputError: The URL cannot be read, names no kind of database, or a database in memory.

    Example:
        >>> database_url("postgresql://me@server/results").drivername
        'postgresql+psycopg'
    """
    text = str(where or os.environ.get(STORE_VARIABLE) or "")
    if not text:
        return _of_file(default_path())
    if "://" not in text:
        return _of_file(Path(text).expanduser().absolute())
    try:
        url = make_url(text)
        url.get_dialect()
    except NoSuchModuleError:
        kind = quoted(text.partition("://")[0])
        raise InputError(
            f"{kind} is no kind of database that SQLAlchemy has: sqlite:///FILE or postgresql://..."
        ) from None
    except (ArgumentError, ValueError):
        # The message has neither the text nor the cause: a password may be in both.
        raise InputError(
            "the store's URL cannot be read: a path, sqlite:///FILE, or "
            "postgresql://user:password@host:port/database, with special characters as %XX"
        ) from None
    return _completed(url)


def shown(url: URL) -> str:
    """Return the name of a database for messages: a path, or a URL without password and options."""
    if url.get_backend_name() == "sqlite":
        return quoted(url.database)
    return quoted(url.set(query={}).render_as_string(hide_password=True))


def default_path() -> Path:
    """Return the SQLite file of a user who chose no store."""
    import platformdirs

    return Path(platformdirs.user_data_dir("edgecnn", appauthor=False)) / FILE_NAME


def check_file(url: URL, *, create: bool) -> None:
    """Check that a file is a SQLite database or can be made; make the user's own data folder.

    Args:
        url: URL of the file.
        create: Whether the file may be made.

    Raises:
        InputError: The file is no SQLite database, is a folder, is missing, or cannot be made.
    """
    path = Path(url.database or "")
    if exists(path):
        if path.is_dir():
            raise InputError(f"{quoted(path)} is a folder, where a database of results is needed")
        if not path.is_file():
            raise InputError(f"{quoted(path)} is no file, where a database of results is needed")
        if path.stat().st_size and first_bytes(path, len(SQLITE_HEADER)) != SQLITE_HEADER:
            raise InputError(f"{quoted(path)} is not a SQLite database: choose another --store")
        return
    if not create:
        raise InputError(f"there is no database of results at {quoted(path)}")
    if path == default_path():
        try:
            make_folder(path.parent, parents=True)
        except InputError as error:
            raise InputError(f"{error}; choose another --store, or set {STORE_VARIABLE}") from error
    check_target(path)


def _of_file(path: Path) -> URL:
    return URL.create("sqlite", database=str(path))


def _completed(url: URL) -> URL:
    kind = url.get_backend_name()
    if kind == "sqlite":
        if url.database in (None, "", ":memory:"):
            raise InputError("a database in memory keeps nothing: give a file, sqlite:///FILE")
        return url
    if kind == "postgresql":
        limits = {"connect_timeout": str(CONNECT_S), "options": f"-c lock_timeout={LOCK_WAIT_S}s"}
        missing = {name: value for name, value in limits.items() if name not in url.query}
        if url.drivername == "postgresql":
            url = url.set(drivername="postgresql+psycopg")
        return url.update_query_dict(missing)
    return url
