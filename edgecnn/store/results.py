"""``edgecnn.results``: the measurements that are kept, the latest first."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from edgecnn.records.filter import Filter, FilterKeywords
from edgecnn.store.keeping import open_existing

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from edgecnn.store.store import KeptRecord, OnDamaged


def results(
    *,
    limit: int | None = None,
    store: str | Path | None = None,
    on_damaged: OnDamaged | None = None,
    **filters: Unpack[FilterKeywords],
) -> list[KeptRecord]:
    """Return the measurements that are kept, the latest first.

    Args:
        limit: Number of results at most; None for all.
        store: Database of results: a SQLite file or an SQLAlchemy URL; None for ``EDGECNN_STORE``,
            or the file in the user's data folder.
        on_damaged: Called with the error of a damaged result, which is left out; None raises the
            error.
        filters: What a result must have; :class:`edgecnn.records.filter.FilterKeywords` says.

    Returns:
        The records, each with its number and its tags; empty where nothing was kept yet.

    Raises:
        InputError: The time cannot be read, or the chosen store is not there or of something else.
        MissingExtraError: SQLAlchemy is not installed.
        StoreError: The store is locked, damaged, or cannot be reached.
        DamagedResultError: A result is damaged, and ``on_damaged`` is None.

    Example:
        >>> [kept.record.latency_p50_ms for kept in edgecnn.results(tag="before")]
        [3.28]
    """
    criteria, existing = Filter.of(**filters), open_existing(store)
    return list(existing.records(criteria, limit, on_damaged)) if existing else []
