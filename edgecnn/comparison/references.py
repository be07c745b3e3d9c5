"""What BASE and NEW stand for: a JSON file of records, a result's number, a tag, or a model."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from edgecnn.core.errors import InputError
from edgecnn.core.files import exists, quoted, sha256_of
from edgecnn.results.record import Record

if TYPE_CHECKING:
    from edgecnn.store.store import Listed, Store

MOST_RECORDS = 1000
LARGEST_FILE = 1 << 28


def find_records(reference: str, store: Callable[[], Store]) -> list[Record]:
    """Return the records that a reference stands for, the latest first.

    Args:
        reference: A ``.json`` file of ``bench --json``, the number of a result, a tag, or a model's
            file or name: its latest result on each device and thread count.
        store: Opens the store; called only where it is needed.

    Raises:
        InputError: It stands for nothing, or a file is no array of records.

    Example:
        >>> [record.model for record in find_records("before.json", Store)]
        ['model.tflite']
    """
    path = Path(reference)
    if path.suffix == ".json" and exists(path):
        return _read(path)
    # First, as it says what is missing where the store is not installed.
    opened = store()
    from edgecnn.store.filters import Filter

    if reference.isdigit():
        return [opened.get(int(reference)).record]
    if tagged := [kept.record for kept in opened.records(Filter(tag=reference), MOST_RECORDS)]:
        return tagged
    is_file = exists(path) and path.is_file()
    wanted = Filter(model_sha256=sha256_of(path)) if is_file else Filter(model=reference)
    numbers = _latest(opened.listed(wanted, MOST_RECORDS))
    if not numbers:
        state = "was not measured as it is now" if is_file else "is no result's tag or model"
        raise InputError(
            f"{quoted(reference)} {state}: see 'edgecnn results list', or measure it with "
            "'edgecnn bench'"
        )
    return [kept.record for kept in opened.records(Filter(ids=tuple(numbers)))]


def _latest(found: Iterable[Listed]) -> list[int]:
    """Return the first of each way of measuring; they come the latest first."""
    latest: dict[tuple[object, ...], int] = {}
    for one in found:
        key = (one.device, one.threads, one.runtime, one.runtime_version, one.scheme)
        latest.setdefault(key, one.id)
    return list(latest.values())


def _read(path: Path) -> list[Record]:
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise InputError(f"{quoted(path)} is too large for a file of records")
        values = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"cannot read {quoted(path)}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{quoted(path)} is no JSON: {error}") from error
    if not isinstance(values, list) or not values:
        raise InputError(f"{quoted(path)} is no array of records, as 'bench --json' writes it")
    try:
        return [Record.from_dict(value) for value in values]
    except InputError as error:
        raise InputError(f"{quoted(path)}: {error}") from error
