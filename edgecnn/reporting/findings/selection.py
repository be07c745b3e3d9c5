"""The records that a report is about, and its notes on those that it leaves out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edgecnn.comparison.references import find_records
from edgecnn.core.errors import EdgecnnError, InputError
from edgecnn.records.conditions import identity_of, newest_of_each
from edgecnn.records.filter import Filter
from edgecnn.records.record import Record
from edgecnn.records.rules import utc_text

if TYPE_CHECKING:
    from edgecnn.store.store import Store

REPORT_LIMIT = 100
"""Results in a report, unless the user says another number."""

MOST_LISTED = 20_000
"""Results among which the newest of each kind are looked for, however many the store has."""

HOW_TO_MEASURE = "measure with 'edgecnn bench MODEL... --data DATA' first"


@dataclass(frozen=True)
class Selection:
    """Records to report on.

    Args:
        records: The records in the order they were measured in.
        notes: Records that are left out, and why, in a line for each reason.
    """

    records: tuple[Record, ...]
    notes: tuple[str, ...] = ()


def select(
    references: Sequence[str],
    criteria: Filter,
    limit: int,
    store: Callable[[], Store | None],
) -> Selection:
    """Return the newest record of each file under each set of conditions, on each data.

    Args:
        references: ``.json`` files of ``bench --json``, and results in the store by number, tag or
            model; empty for all results in the store.
        criteria: Filter that these results must pass.
        limit: Number of records at most; the newest are taken.
        store: Opens the store if it is needed; returns None where there is no store yet.

    Raises:
        InputError: There is nothing to report on, or a reference stands for nothing.

    Example:
        >>> len(select(["results.json"], Filter(threads=1), 100, Store).records)
        10
    """

    def opened() -> Store:
        if (existing := store()) is None:
            raise InputError(f"there are no results yet: {HOW_TO_MEASURE}")
        return existing

    if references:
        return _of_references(references, criteria, limit, opened)
    return _of_store(criteria, limit, opened())


def _of_references(
    references: Sequence[str], criteria: Filter, limit: int, opened: Callable[[], Store]
) -> Selection:
    if criteria.tag is not None:
        raise InputError("--tag goes without references: a tag is one itself")
    records = [record for reference in references for record in find_records(reference, opened)]
    fitting = [record for record in dict.fromkeys(records) if criteria.matches(record)]
    fitting.sort(key=lambda record: utc_text(record.measured_at), reverse=True)
    newest = newest_of_each(fitting, identity_of)
    return _selection(newest[:limit], _left_out(len(fitting), len(newest), limit))


def _of_store(criteria: Filter, limit: int, store: Store) -> Selection:
    # One more result than is looked at tells whether there are more; counting all would take long.
    damaged: list[EdgecnnError] = []
    listed = store.listed(criteria, MOST_LISTED + 1, damaged.append)
    newest = newest_of_each(listed[:MOST_LISTED], identity_of)
    notes = _left_out(min(len(listed), MOST_LISTED), len(newest), limit)
    if len(listed) + len(damaged) > MOST_LISTED:
        notes.append(
            f"only the newest {MOST_LISTED:,} results were looked at: filters choose others"
        )
    numbers = tuple(result.id for result in newest[:limit])
    kept = store.records(Filter(ids=numbers), None, damaged.append) if numbers else ()
    records = [each.record for each in kept]
    if damaged and not records:
        raise damaged[0]
    notes += [str(error) for error in damaged]
    return _selection(records, notes)


def _selection(records: list[Record], notes: list[str]) -> Selection:
    if not records:
        raise InputError(f"no such result to report on: {HOW_TO_MEASURE}, or ask for others")
    return Selection(tuple(sorted(records, key=lambda record: record.measured_at)), tuple(notes))


def _left_out(fitting: int, newest: int, limit: int) -> list[str]:
    notes = []
    if fitting > newest:
        notes.append(f"{fitting - newest:,} older result(s) of the same measurements are left out")
    if newest > limit:
        notes.append(
            f"{newest - limit:,} result(s) measured longer ago are left out: --limit takes more, "
            "and filters choose"
        )
    return notes
