"""Which records a report is about, and what it says of those that it leaves out."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import PurePath
from typing import TYPE_CHECKING, TypeVar

from edgecnn.comparison.references import find_records
from edgecnn.core.errors import InputError, MissingExtraError
from edgecnn.results.record import Record

if TYPE_CHECKING:
    from edgecnn.store.filters import Filter
    from edgecnn.store.store import Listed, Store

    Found = TypeVar("Found", Record, Listed)

LIMIT = 100
"""Results in a report, unless another number is said."""

LOOKED_AT = 20_000
"""Results that are looked at to find the newest of each kind, whatever the store holds."""

ADVICE = "measure with 'edgecnn bench MODEL... --data DATA' first"


@dataclass(frozen=True)
class Wanted:
    """What a result must have to be in the report; None where it does not matter.

    Args:
        model: Path or name of its file; ``*`` stands for any characters.
        device: Name of the device.
        scheme: Quantisation scheme.
        threads: Threads of the runtime.
        tag: One of its tags; only for results of the store.
        since: Measured then or later, as :func:`parse_age` gives it.
    """

    model: str | None = None
    device: str | None = None
    scheme: str | None = None
    threads: int | None = None
    tag: str | None = None
    since: str | None = None

    def matches(self, record: Record) -> bool:
        """Say whether a record is wanted, by all but its tags."""
        return (
            (self.model is None or _model_is(self.model, record.model))
            and self.device in (None, record.device)
            and self.scheme in (None, record.scheme)
            and self.threads in (None, record.threads)
            and (self.since is None or record.measured_at >= self.since)
        )

    def filter(self) -> Filter:
        """Return the same for the store."""
        from edgecnn.store.filters import Filter

        return Filter(**vars(self))


@dataclass(frozen=True)
class Selection:
    """Records to report on, in the order they were measured in, and notes on what is left out."""

    records: tuple[Record, ...]
    notes: tuple[str, ...] = ()


def parse_age(text: str) -> str:
    """Return a time in UTC from a date, a time or an age, as ``edgecnn results --since`` takes it.

    Raises:
        InputError: It is none of them.
        MissingExtraError: SQLAlchemy is not installed.
    """
    try:
        from edgecnn.store.filters import parse_since
    except ModuleNotFoundError as error:
        raise MissingExtraError("SQLAlchemy", "store") from error
    return parse_since(text)


def select(
    references: Sequence[str],
    wanted: Wanted,
    limit: int,
    store: Callable[[], Store | None],
) -> Selection:
    """Find the newest record of each file, scheme, device, runtime, thread count and data set.

    Args:
        references: ``.json`` files of ``bench --json``, and results in the store by number, tag or
            model; all of the store where there is none.
        wanted: Which of these.
        limit: At most so many records, the newest.
        store: Opens the store, where it is needed; None where there is none yet.

    Raises:
        InputError: There is nothing to report on, or a reference stands for nothing.

    Example:
        >>> len(select(["results.json"], Wanted(threads=1), 100, Store).records)
        10
    """

    def opened() -> Store:
        if (found := store()) is None:
            raise InputError(f"there are no results yet: {ADVICE}")
        return found

    if references:
        return _of_references(references, wanted, limit, opened)
    return _of_store(wanted, limit, opened())


def _of_references(
    references: Sequence[str], wanted: Wanted, limit: int, opened: Callable[[], Store]
) -> Selection:
    if wanted.tag is not None:
        raise InputError("--tag goes without references: a tag is one itself")
    records = [one for reference in references for one in find_records(reference, opened)]
    fitting = [record for record in dict.fromkeys(records) if wanted.matches(record)]
    fitting.sort(key=lambda record: record.measured_at, reverse=True)
    newest = _newest(fitting)
    return _selection(newest[:limit], _left_out(len(fitting), len(newest), limit))


def _of_store(wanted: Wanted, limit: int, store: Store) -> Selection:
    from edgecnn.store.filters import Filter

    # One more than is looked at tells whether there are more, and counting all would take long.
    listed = store.listed(wanted.filter(), LOOKED_AT + 1)
    newest = _newest(listed[:LOOKED_AT])
    notes = _left_out(min(len(listed), LOOKED_AT), len(newest), limit)
    if len(listed) > LOOKED_AT:
        notes.append(f"only the newest {LOOKED_AT:,} results were looked at: filters choose others")
    numbers = tuple(one.id for one in newest[:limit])
    records = store.records(Filter(ids=numbers)) if numbers else ()
    return _selection([kept.record for kept in records], notes)


def _selection(records: list[Record], notes: list[str]) -> Selection:
    if not records:
        raise InputError(f"no such result to report on: {ADVICE}, or ask for others")
    return Selection(tuple(sorted(records, key=lambda record: record.measured_at)), tuple(notes))


def _left_out(found: int, newest: int, limit: int) -> list[str]:
    notes = []
    if found > newest:
        notes.append(f"{found - newest:,} older result(s) of the same measurements are left out")
    if newest > limit:
        notes.append(
            f"{newest - limit:,} result(s) measured longer ago are left out: --limit takes more, "
            "and filters choose"
        )
    return notes


def _newest(found: Iterable[Found]) -> list[Found]:
    """Return the first of each way of measuring; they come the newest first."""
    newest: dict[Hashable, Found] = {}
    for one in found:
        newest.setdefault(_way_of(one), one)
    return list(newest.values())


def _way_of(one: Record | Listed) -> Hashable:
    # A file that was made anew takes the place of the old one; a name stands for many files.
    file = one.model if one.model.endswith(".tflite") else one.model_sha256
    runtime = (one.runtime, one.runtime_version, one.threads)
    return (file, one.scheme, one.device, *runtime, one.data)


def _model_is(wanted: str, model: str) -> bool:
    name = PurePath(model).name
    if "*" not in wanted:
        return wanted in (model, name)
    # Only the star is special, as in the store.
    pattern = wanted.replace("[", "[[]").replace("?", "[?]")
    return fnmatchcase(model if "/" in wanted else name, pattern)
