"""The figures of a model of any kind, as plain values for JSON."""

from __future__ import annotations

import dataclasses
from typing import Any

from edgecnn.accuracy.document import DOCUMENT_FIELDS, as_json, document
from edgecnn.accuracy.kinds.result import AnyAccuracy, KindAccuracy
from edgecnn.core.json_writing import json_values
from edgecnn.records.record import Record

__all__ = ["any_document", "as_json"]


def any_document(record: Record, accuracy: AnyAccuracy) -> dict[str, Any]:
    """Return the figures of a record that are about accuracy, and what is behind them.

    Args:
        record: Record of the model.
        accuracy: What running the samples gave.

    Example:
        >>> any_document(record, accuracy)["figures"][0]["name"]
        'mIoU'
    """
    if not isinstance(accuracy, KindAccuracy):
        return document(record, accuracy)
    values = {name: getattr(record, name) for name in DOCUMENT_FIELDS} | accuracy.record_fields()
    values.pop("metric_draws", None)
    for name in ("figures", "against_figures"):
        values[name] = [dataclasses.asdict(figure) for figure in values.get(name) or ()]
    values["readings"] = list(accuracy.readings)
    indices = accuracy.answers.indices.tolist()
    values["answers"] = {"image": [accuracy.dataset.item_name(index) for index in indices]}
    values["unreadable"] = list(accuracy.unreadable)
    plain: dict[str, Any] = json_values(values)
    return plain
