"""``edgecnn.results``: the measurements that are kept, the latest first."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from edgecnn.records.filter import Filter
from edgecnn.store.keeping import open_existing

if TYPE_CHECKING:
    from edgecnn.store.store import KeptRecord


def results(
    *,
    model: str | None = None,
    device: str | None = None,
    scheme: str | None = None,
    threads: int | None = None,
    tag: str | None = None,
    since: str | None = None,
    limit: int | None = None,
    store: str | Path | None = None,
) -> list[KeptRecord]:
    """Return the measurements that are kept, the latest first.

    Args:
        model: Only this file, by path or name; ``*`` stands for any characters.
        device: Only measurements on this device.
        scheme: Only this quantisation scheme.
        threads: Only this thread count.
        tag: Only results with this tag.
        since: Only measurements of this moment or later: ``2026-11-25``, or an age as ``7d``.
        limit: How many at most; None for all.
        store: Database of results: a SQLite file or an SQLAlchemy URL; None for ``EDGECNN_STORE``,
            or the file in the user's data folder.

    Returns:
        The records, each with its number and its tags; none where nothing was kept yet.

    Raises:
        InputError: The time cannot be read, or the chosen store is not there or of something else.
        MissingExtraError: SQLAlchemy is not installed.
        StoreError: The store is locked, damaged, or cannot be reached.

    Example:
        >>> [kept.record.latency_p50_ms for kept in edgecnn.results(tag="before")]
        [3.28]
    """
    wanted = Filter.of(
        model=model, device=device, scheme=scheme, threads=threads, tag=tag, since=since
    )
    opened = open_existing(store)
    return list(opened.records(wanted, limit)) if opened else []
