"""References to records: a JSON file, a result's number, a tag, or a model."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgecnn.core.errors import InputError
from edgecnn.core.files import exists, quoted, sha256_of
from edgecnn.core.input_files import open_input
from edgecnn.core.json_text import json_value
from edgecnn.records.conditions import Conditions, newest_of_each
from edgecnn.records.filter import Filter
from edgecnn.records.record import Record

if TYPE_CHECKING:
    from edgecnn.store.store import Store

MOST_RECORDS = 1000
LARGEST_FILE = 1 << 28
MOST_DIGITS = 100


def find_records(reference: str, store: Callable[[], Store]) -> list[Record]:
    """Return the records that a reference stands for, the latest first.

    Args:
        reference: A ``.json`` file of ``bench --json``, the number of a result, a tag, or a model's
            file or name, which stands for its latest result under each set of conditions.
        store: Opens the store; it is called only if the reference needs the store.

    Raises:
        InputError: The reference stands for nothing, or a file is no array of records.

    Example:
        >>> [record.model for record in find_records("before.json", Store)]
        ['model.tflite']
    """
    path = Path(reference)
    if path.suffix == ".json":
        if not exists(path):
            raise InputError(
                f"there is no file {quoted(path)}: 'edgecnn bench --json' and 'edgecnn results "
                "export' write such files"
            )
        return _read(path)
    results = store()
    if reference.isdecimal():
        return [results.get(_number(reference)).record]
    if tagged := [kept.record for kept in results.records(Filter(tag=reference), MOST_RECORDS)]:
        return tagged
    is_file = exists(path) and path.is_file()
    criteria = Filter(model_sha256=sha256_of(path)) if is_file else Filter(model=reference)
    latest = newest_of_each(
        results.listed(criteria, MOST_RECORDS),
        lambda result: (result.scheme, Conditions.of(result)),
    )
    if not latest:
        state = "was not measured as it is now" if is_file else "is no result's tag or model"
        raise InputError(
            f"{quoted(reference)} {state}: see 'edgecnn results list', or measure it with "
            "'edgecnn bench'"
        )
    numbers = tuple(result.id for result in latest)
    return [kept.record for kept in results.records(Filter(ids=numbers))]


def _number(text: str) -> int:
    # Python reads no more than some thousand digits.
    if len(text) > MOST_DIGITS:
        raise InputError(f"there is no result of a number of {len(text)} digits")
    return int(text)


def _read(path: Path) -> list[Record]:
    try:
        with open_input(path) as file:
            content = file.read(LARGEST_FILE + 1)
    except OSError as error:
        raise InputError(f"cannot read {quoted(path)}: {error.strerror}") from error
    if len(content) > LARGEST_FILE:
        raise InputError(f"{quoted(path)} is too large for a file of records")
    try:
        values = json_value(content)
    except ValueError as error:
        raise InputError(f"{quoted(path)} is no JSON: {error}") from error
    if not isinstance(values, list) or not values:
        raise InputError(f"{quoted(path)} is no array of records, as 'bench --json' writes it")
    return [_record(value, f"{quoted(path)}, record {n}") for n, value in enumerate(values, 1)]


def _record(values: Any, place: str) -> Record:
    try:
        return Record.from_dict(values)
    except InputError as error:
        raise InputError(f"{place}: {error}") from error
