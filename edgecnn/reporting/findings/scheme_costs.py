"""The accuracy that a scheme costs: each file beside the float32 file of the same model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath

from edgecnn.records.interval import Interval
from edgecnn.records.record import Record
from edgecnn.reporting.findings.differences import accuracy_change
from edgecnn.reporting.findings.rows import ReportRow
from edgecnn.tflite.schemes import SCHEMES

REFERENCE_SCHEME = "float32"


@dataclass(frozen=True)
class SchemeCost:
    """The accuracy of one file beside that of the same model's float32 file.

    Args:
        model: Name that the files of the model have in common.
        row: Row of the file.
        change: The change of the leading figure and its interval: in points or in dB; of a mean
            error relative to that of the float32 file.
    """

    model: str
    row: ReportRow
    change: Interval


def scheme_costs(rows: Sequence[ReportRow]) -> list[SchemeCost]:
    """Return the cost of each quantised file, with the models in the order of the rows.

    Args:
        rows: Rows of one setting. A file whose model has no float32 file among them, of the same
            input size and on as many images, is left out, as is one of too few samples to tell.

    Example:
        >>> [(one.row.record.scheme, one.change.change) for one in scheme_costs(rows)]
        [('int8', -0.3)]
    """
    judged = [row for row in rows if row.accuracy is not None and row.record.images]
    floats: dict[tuple[object, ...], ReportRow] = {}
    for row in judged:
        if row.record.scheme == REFERENCE_SCHEME:
            floats.setdefault(_model(row.record), row)
    costs = [
        SchemeCost(base_name(row.record), row, change)
        for row in judged
        if row.record.scheme != REFERENCE_SCHEME and _model(row.record) in floats
        if (change := accuracy_change(floats[_model(row.record)], row)) is not None
    ]
    order = list(dict.fromkeys(cost.model for cost in costs))
    return sorted(costs, key=lambda cost: (order.index(cost.model), _scheme_order(cost.row.record)))


def base_name(record: Record) -> str:
    """Return a file's name without ending and scheme: files of one model have it in common.

    Example:
        >>> base_name(replace(record, model="a/net_int8.tflite", scheme="int8"))
        'net'
    """
    stem = PurePath(record.model).name.removesuffix(".tflite")
    for scheme in SCHEMES:
        for mark in "_-.":
            if stem.endswith(f"{mark}{scheme}"):
                return stem.removesuffix(f"{mark}{scheme}")
    return stem


def _scheme_order(record: Record) -> int:
    schemes = list(SCHEMES)
    return schemes.index(record.scheme) if record.scheme in SCHEMES else len(schemes)


def _model(record: Record) -> tuple[object, ...]:
    return base_name(record), record.input_shape, record.images
