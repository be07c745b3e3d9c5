"""From a record to rows of the tables, and back."""

from __future__ import annotations

import json
import sys
import zlib
from array import array
from collections.abc import Sequence
from typing import Any

from edgecnn.core.errors import InputError, StoreError
from edgecnn.core.json_text import json_value
from edgecnn.records.filter import name_of, utc_text
from edgecnn.records.record import LISTED_FIELDS, Record

SAMPLES_FIELD = "latency_samples_ms"


def row_of(record: Record, uid: str) -> dict[str, Any]:
    """Return the columns of a record's row in the table of results.

    Args:
        record: Record, of which the fields with a column are taken.
        uid: Identity of the measurement, 32 hexadecimal digits.
    """
    values = {name: storable(getattr(record, name)) for name in LISTED_FIELDS}
    return {
        **values,
        "measured_at": utc_text(record.measured_at),
        "uid": uid,
        "name": name_of(str(values["model"])),
    }


def details_of(record: Record, result_id: int) -> dict[str, Any]:
    """Return the columns of a record's row in the table of details: its JSON and its samples."""
    values = record.to_dict()
    samples = values.pop(SAMPLES_FIELD)
    return {
        "result_id": result_id,
        "record": json.dumps(values),
        "samples": packed_samples(samples),
    }


def record_of(text: str, samples: bytes) -> Record:
    """Return the record of a row in the table of details.

    Args:
        text: JSON of the record without its samples.
        samples: The samples, as :func:`packed_samples` packs them.

    Raises:
        InputError: The JSON is no record.
        StoreError: The JSON or the samples are damaged.
    """
    try:
        return Record.from_dict({**json_value(text), SAMPLES_FIELD: unpacked_samples(samples)})
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
    """Return the numbers that :func:`packed_samples` packed."""
    numbers = array("d", zlib.decompress(content))
    if sys.byteorder == "big":
        numbers.byteswap()
    return list(numbers)


def storable(value: Any) -> Any:
    """Return a value in a form that every database takes.

    A file name that is no UTF-8 has parts that no database takes. The record's JSON keeps the name
    unchanged.

    Args:
        value: Value of a column, or a value that a column is compared with.

    Example:
        >>> storable("a\\0.tflite")
        'a\\\\0.tflite'
    """
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode().replace("\0", "\\0")
    return value
