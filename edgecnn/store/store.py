"""The store of results: adding, listing, reading, deleting; each call is one transaction."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, delete, func, insert, select
from sqlalchemy.exc import IntegrityError

from edgecnn.core.errors import InputError, StoreError, shown_value
from edgecnn.records.filter import Filter
from edgecnn.records.record import LISTED_FIELDS, Outline, Record
from edgecnn.store.database import Database
from edgecnn.store.location import database_url
from edgecnn.store.query import where
from edgecnn.store.rows import details_of, listed_values, record_of, row_of
from edgecnn.store.schema import details, results, tags
from edgecnn.store.tags import check_tag

RECORDS_AT_ONCE = 200
"""Records in memory while many are read."""

EVERYTHING = Filter()


@dataclass(frozen=True, kw_only=True)
class ListedRecord(Outline):
    """A result as a list shows it: the fields that are read without the whole record.

    Args:
        id: Number of the result in the store.
        tags: Tags of the result.
    """

    id: int
    tags: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        values = {name: getattr(self, name) for name in LISTED_FIELDS}
        return {"id": self.id, **values, "tags": list(self.tags)}


@dataclass(frozen=True)
class KeptRecord:
    """A whole record in the store.

    Args:
        id: Number of the result in the store.
        tags: Tags of the result.
        record: Record with its samples.
    """

    id: int
    tags: tuple[str, ...]
    record: Record

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON: the record's, its number and its tags."""
        return {"id": self.id, "tags": list(self.tags), **self.record.to_dict()}


class DamagedResultError(StoreError):
    """A result in the store that has what no record has.

    Args:
        number: Number of the result.
        store: What messages call the store.
        reason: What is wrong with the result.
    """

    def __init__(self, number: int, store: str, reason: str) -> None:
        super().__init__(
            f"result {number} in {store} is damaged: {reason}; 'edgecnn results delete {number}' "
            "removes it"
        )
        self.number, self.reason = number, reason


OnDamaged = Callable[[DamagedResultError], None]
"""Called with the error of each damaged result."""

Result = TypeVar("Result")


class Store:
    """A database of records.

    Args:
        where: A path or an SQLAlchemy URL; None for the value of EDGECNN_STORE, or else a SQLite
            file in the user's data folder.
        create: Whether to make the database where there is none.

    Raises:
        InputError: The database is of something else or of a newer version, or cannot be made.
        StoreError: The database is locked, damaged, or cannot be reached.

    Example:
        >>> store = Store("results.sqlite")
        >>> edgecnn.bench("model.tflite", on_record=store.add)
        >>> store.listed(Filter(model="model.tflite"), limit=1)[0].latency_p50_ms
        3.28
    """

    def __init__(self, where: str | Path | None = None, *, create: bool = True) -> None:
        self._database = Database(database_url(where), create=create)

    @property
    def name(self) -> str:
        """What messages call the store: its path, or its URL without password."""
        return self._database.name

    @property
    def file(self) -> Path | None:
        """The file of the database; None for that of a server."""
        return self._database.file

    def add(self, record: Record, labels: Collection[str] = (), uid: str | None = None) -> int:
        """Keep a record.

        Args:
            record: Record with its samples.
            labels: Tags of the record, as :func:`check_tag` allows them.
            uid: Identity of the measurement, 32 hexadecimal digits: however often a measurement is
                added, the store has it once.

        Returns:
            Number of the result in the store.
        """
        rows = [{"tag": check_tag(label)} for label in dict.fromkeys(labels)]
        uid = uid or uuid.uuid4().hex
        try:
            with self._database.writing() as connection:
                done = connection.execute(insert(results), row_of(record, uid))
                number = int(done.inserted_primary_key[0])  # type: ignore[index]
                connection.execute(insert(details), details_of(record, number))
                if rows:
                    connection.execute(insert(tags), [{"result_id": number, **r} for r in rows])
            return number
        except Exception as error:
            if isinstance(error.__cause__, IntegrityError) and (known := self._number(uid)):
                return known
            raise

    def listed(
        self,
        criteria: Filter = EVERYTHING,
        limit: int | None = None,
        on_damaged: OnDamaged | None = None,
    ) -> list[ListedRecord]:
        """Return results without their samples, the latest first.

        Args:
            criteria: What a result must have.
            limit: Number of results at most, damaged ones among them.
            on_damaged: Called with the error of a damaged result, which is left out; None raises
                the error.

        Raises:
            DamagedResultError: A result is damaged, and ``on_damaged`` is None.
        """
        columns = [results.c[name] for name in ("id", *LISTED_FIELDS)]
        query = self._limited(select(*columns), criteria, limit)
        with self._database.reading() as connection:
            rows = connection.execute(query).all()
            labels = _tags_of(connection, [row.id for row in rows])
        return list(self._intact(rows, labels, _listed, on_damaged))

    def get(self, number: int) -> KeptRecord:
        """Return a whole record.

        Raises:
            InputError: There is no result of this number.
            DamagedResultError: The result is damaged.
        """
        for kept in self.records(Filter(ids=(number,))):
            return kept
        raise InputError(f"there is no result {number} in {self.name}: see 'edgecnn results list'")

    def records(
        self,
        criteria: Filter = EVERYTHING,
        limit: int | None = None,
        on_damaged: OnDamaged | None = None,
    ) -> Iterator[KeptRecord]:
        """Yield whole records, the latest first, a few at a time in memory.

        Args:
            criteria: What a result must have.
            limit: Number of results at most, damaged ones among them.
            on_damaged: Called with the error of a damaged result, which is left out; None raises
                the error.

        Raises:
            DamagedResultError: A result is damaged, and ``on_damaged`` is None.
        """
        columns = (results.c.id, details.c.record, details.c.samples)
        query = self._limited(select(*columns).outerjoin(details), criteria, limit)
        with self._database.reading() as connection:
            options = connection.execution_options(yield_per=RECORDS_AT_ONCE)
            for rows in options.execute(query).partitions():
                labels = _tags_of(connection, [row.id for row in rows])
                yield from self._intact(rows, labels, _kept, on_damaged)

    def _intact(
        self,
        rows: Iterable[Any],
        labels: Mapping[int, tuple[str, ...]],
        made: Callable[[Any, tuple[str, ...]], Result],
        on_damaged: OnDamaged | None,
    ) -> Iterator[Result]:
        """Yield what is made of each row and its tags, but for damaged ones."""
        for row in rows:
            try:
                yield made(row, _checked_tags(labels.get(row.id, ())))
            except InputError as error:
                damaged = DamagedResultError(row.id, self.name, str(error))
                if on_damaged is None:
                    raise damaged from error
                on_damaged(damaged)

    def delete(self, criteria: Filter) -> int:
        """Delete results for good.

        Returns:
            Number of deleted results.
        """
        statement = delete(results).where(*where(criteria, self._database.dialect))
        with self._database.writing() as connection:
            return connection.execute(statement).rowcount

    def count(self, criteria: Filter = EVERYTHING) -> int:
        """Return how many results a filter lets through."""
        query = select(func.count()).select_from(results)
        with self._database.reading() as connection:
            matching = query.where(*where(criteria, self._database.dialect))
            return int(connection.execute(matching).scalar_one())

    def _limited(self, query: Any, criteria: Filter, limit: int | None) -> Any:
        conditions = where(criteria, self._database.dialect)
        return query.where(*conditions).order_by(results.c.id.desc()).limit(limit)

    def _number(self, uid: str) -> int | None:
        with self._database.reading() as connection:
            return connection.execute(select(results.c.id).where(results.c.uid == uid)).scalar()


def _tags_of(connection: Connection, numbers: Sequence[int]) -> dict[int, tuple[str, ...]]:
    tags_by_result: dict[int, tuple[str, ...]] = {}
    for start in range(0, len(numbers), RECORDS_AT_ONCE):
        chunk = numbers[start : start + RECORDS_AT_ONCE]
        query = select(tags).where(tags.c.result_id.in_(chunk)).order_by(tags.c.tag)
        for number, tag in connection.execute(query):
            tags_by_result[number] = (*tags_by_result.get(number, ()), tag)
    return tags_by_result


def _checked_tags(labels: tuple[Any, ...]) -> tuple[str, ...]:
    for label in labels:
        if not isinstance(label, str):
            raise InputError(f"a tag is {shown_value(label)}, where a text is needed")
        check_tag(label)
    return labels


def _listed(row: Any, labels: tuple[str, ...]) -> ListedRecord:
    return ListedRecord(id=row.id, **listed_values(row._asdict()), tags=labels)


def _kept(row: Any, labels: tuple[str, ...]) -> KeptRecord:
    number, text, samples = row
    return KeptRecord(number, labels, record_of(text, samples))
