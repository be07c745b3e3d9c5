"""A record as it stands in the tables, and back."""

from __future__ import annotations

import json
import sys
import zlib
from array import array
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import PurePath
from typing import Any

from edgecnn.core.errors import EdgecnnError, InputError, StoreError
from edgecnn.results.record import Record
from edgecnn.store.schema import results

SAMPLES = "latency_samples_ms"
OWN_COLUMNS = ("id", "uid", "measured_at", "name")
"""Columns that are not simply a field of the record."""


def row_of(record: Record, uid: str) -> dict[str, Any]:
    """Return the columns of a record's row."""
    names = [column.name for column in results.c if column.name not in OWN_COLUMNS]
    values = {name: _storable(getattr(record, name)) for name in names}
    name = name_of(str(values["model"]))
    return {**values, "uid": uid, "measured_at": utc_text(record.measured_at), "name": name}


def name_of(model: str) -> str:
    """Return a file's name, by which its results are found from any folder."""
    return PurePath(model).name[:255]


def details_of(record: Record, result_id: int) -> dict[str, Any]:
    """Return a record's JSON and samples."""
    values = record.to_dict()
    samples = values.pop(SAMPLES)
    return {
        "result_id": result_id,
        "record": json.dumps(values),
        "samples": packed_samples(samples),
    }


def record_of(text: str, samples: bytes) -> Record:
    """Return the record that :func:`details_of` took apart.

    Raises:
        EdgecnnError: What is stored is no record, or is damaged.
    """
    try:
        return Record.from_dict({**json.loads(text), SAMPLES: unpacked_samples(samples)})
    except InputError:
        raise
    except (ValueError, TypeError, zlib.error) as error:
        raise StoreError(f"the record is damaged: {error}") from error


def packed_samples(samples: Sequence[float]) -> bytes:
    """Return numbers as compressed little-endian 64-bit floats."""
    numbers = array("d", samples)
    if sys.byteorder == "big":
        numbers.byteswap()
    return zlib.compress(numbers.tobytes())


def unpacked_samples(content: bytes) -> list[float]:
    """Return what :func:`packed_samples` was given."""
    numbers = array("d", zlib.decompress(content))
    if sys.byteorder == "big":
        numbers.byteswap()
    return list(numbers)


def utc_text(measured_at: str) -> str:
    """Return a time in UTC, in one form, so that times sort as text."""
    try:
        moment = datetime.fromisoformat(measured_at.replace("Z", "+00:00"))
    except ValueError as error:
        raise EdgecnnError(f"{measured_at!r} is no time") from error
    return moment.astimezone(timezone.utc).isoformat(timespec="seconds")


def _storable(value: Any) -> Any:
    # A file name that is no UTF-8 has parts that no database takes; the JSON keeps it exactly.
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode().replace("\0", "\\0")
    return value
