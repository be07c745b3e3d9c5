"""Opening the store, and keeping each record of a bench although the store may fail meanwhile."""

from __future__ import annotations

import os
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from edgecnn.core.errors import EdgecnnError, MissingExtraError
from edgecnn.records.record import Record

if TYPE_CHECKING:
    from edgecnn.store.store import Store


def open_store(where: str | Path | None = None, *, create: bool = True) -> Store:
    """Open the database of results.

    Args:
        where: Path or URL of the database, as for :class:`edgecnn.store.store.Store`.
        create: Whether to make the database where there is none.

    Raises:
        MissingExtraError: SQLAlchemy is not installed.
        InputError: The database is of something else or of a newer version, or cannot be made.
        StoreError: The database is locked, damaged, or cannot be reached.
    """
    try:
        from edgecnn.store.store import Store
    except ModuleNotFoundError as error:
        if not str(error.name).startswith("sqlalchemy"):
            raise
        raise MissingExtraError("SQLAlchemy", "store") from error
    return Store(where, create=create)


class Keeper:
    """Keeps records; a record that the store does not take is tried again later.

    The next attempts are made with the next record, and at the end.

    Args:
        store: The store that records are added to; None keeps nothing.
        tags: Tags that each record gets.

    Example:
        >>> keeper = Keeper(open_store(), ["before"])
        >>> edgecnn.bench("model.tflite", on_record=keeper.add)
        >>> keeper.finish()
    """

    def __init__(self, store: Store | None, tags: Sequence[str] = ()) -> None:
        self._store = store
        self._tags = tuple(tags)
        self._pending: list[tuple[str, Record]] = []

    @property
    def file(self) -> Path | None:
        """The file that records are kept in; None for a server's database, or for none."""
        return self._store.file if self._store else None

    def add(self, record: Record) -> None:
        """Keep a record now, or later if that fails; no error of the store is raised."""
        if self._store is None:
            return
        self._pending.append((uuid.uuid4().hex, record))
        try:
            self._try(self._store)
        except EdgecnnError:
            return

    def finish(self) -> None:
        """Keep the records that could not be kept so far.

        Raises:
            EdgecnnError: Some records could still not be kept; the message says how many, and why.
        """
        if self._store is None:
            return
        try:
            self._try(self._store)
        except EdgecnnError as error:
            count = len(self._pending)
            raise EdgecnnError(f"{count} result(s) could not be kept: {error}") from error

    def _try(self, store: Store) -> None:
        while self._pending:
            uid, record = self._pending[0]
            # The identity prevents a second copy if an earlier attempt succeeded unnoticed.
            store.add(record, self._tags, uid)
            del self._pending[0]


def is_store_chosen(where: str | Path | None) -> bool:
    """Return whether the user chose a store, by option or by EDGECNN_STORE."""
    return bool(where or os.environ.get("EDGECNN_STORE"))


def open_existing(where: str | Path | None = None) -> Store | None:
    """Open the store for reading; None if the user chose no store and the usual one is missing.

    Args:
        where: Path or URL of the store, as for :class:`edgecnn.store.store.Store`.

    Raises:
        MissingExtraError: SQLAlchemy is not installed.
        InputError: The store that the user chose is not there, or is of something else.
        StoreError: The store is locked, damaged, or cannot be reached.
    """
    try:
        from edgecnn.store.location import default_path
    except ModuleNotFoundError as error:
        raise MissingExtraError("SQLAlchemy", "store") from error
    if not is_store_chosen(where) and not default_path().exists():
        return None
    return open_store(where, create=False)
