"""From a record to rows of the tables, and back."""

from __future__ import annotations

import json
import sys
import zlib
from array import array
from collections.abc import Mapping, Sequence
from typing import Any

from edgecnn.core.errors import InputError, shown_value
from edgecnn.core.json_text import json_value
from edgecnn.records.consistency import check_order, in_order
from edgecnn.records.filter import name_of
from edgecnn.records.record import FIELDS, LISTED_FIELDS, Record
from edgecnn.records.rules import utc_text

SAMPLES_FIELD = "latency_samples_ms"

MOST_SAMPLE_BYTES = 1 << 30
"""Bytes that the samples of a record are unpacked to at most: 134 million calls."""

LISTED_IN_ORDER = in_order(LISTED_FIELDS)


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


def listed_values(columns: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a row in the table of results, checked.

    Args:
        columns: Values of the columns by their names.

    Raises:
        InputError: A column has a value that its field cannot have; the message names it.
    """
    values = {name: field.read(columns) for name, field in LISTED_FIELDS.items()}
    check_order(values, LISTED_IN_ORDER)
    check_texts(values)
    return values


def check_texts(values: Mapping[str, Any]) -> None:
    """Raise InputError where a text came from bytes that are no UTF-8.

    Args:
        values: Values by the names of fields or columns.
    """
    texts = {name: value for name, value in values.items() if isinstance(value, str)}
    if "".join(texts.values()).isascii():
        return
    for name, text in texts.items():
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise InputError(f"{name} is {shown_value(text)}, which is no UTF-8") from error


def record_of(text: Any, samples: Any) -> Record:
    """Return the record of a row in the table of details.

    Args:
        text: JSON of the record without its samples.
        samples: The samples, as :func:`packed_samples` packs them.

    Raises:
        InputError: The JSON is no record, or it or the samples are damaged; the message says what.
    """
    if not isinstance(text, str) or not isinstance(samples, bytes):
        raise InputError("its row in edgecnn_details is missing, or of other types")
    check_texts({"its JSON": text})
    try:
        values = json_value(text)
    except ValueError as error:
        raise InputError(f"its JSON cannot be read: {error}") from error
    if not isinstance(values, dict):
        raise InputError("its JSON is no object")
    try:
        unpacked = unpacked_samples(samples, FIELDS["runs"].read(values))
    except (ValueError, zlib.error) as error:
        raise InputError(f"{SAMPLES_FIELD} cannot be read: {error}") from error
    return Record.from_dict({**values, SAMPLES_FIELD: unpacked})


def packed_samples(samples: Sequence[float]) -> bytes:
    """Return numbers as compressed little-endian 64-bit floats."""
    numbers = array("d", samples)
    if sys.byteorder == "big":
        numbers.byteswap()
    return zlib.compress(numbers.tobytes())


def unpacked_samples(content: bytes, count: int) -> list[float]:
    """Return the numbers that :func:`packed_samples` packed.

    Args:
        content: The packed numbers.
        count: How many numbers there are.

    Raises:
        ValueError: There are more or fewer numbers.
        zlib.error: The content is damaged.
    """
    # No more is unpacked than there may be: a megabyte can unpack to a gigabyte.
    unpacking = zlib.decompressobj()
    unpacked = unpacking.decompress(content, min(8 * count + 1, MOST_SAMPLE_BYTES))
    if len(unpacked) != 8 * count or not unpacking.eof:
        raise ValueError(f"it is not {count} samples long")
    numbers = array("d", unpacked)
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
