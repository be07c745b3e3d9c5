"""The answers of a model and all figures about them, as plain values for JSON.

Tables are given as columns: ``pandas.DataFrame(document["answers"])`` makes a table of them.
Classes are numbers of the model's outputs, and ``labels`` has their names.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from edgecnn.accuracy.calibration import Calibration
from edgecnn.accuracy.class_outputs import NO_OUTPUT
from edgecnn.accuracy.classes import ClassResult, Confusion
from edgecnn.accuracy.result import Accuracy
from edgecnn.core.json_writing import json_text, json_values
from edgecnn.records.record import Record

AnswerColumns = dict[str, list[Any]]

DOCUMENT_FIELDS = (
    "edgecnn_version",
    "measured_at",
    "model",
    "model_sha256",
    "device",
    "runtime",
    "runtime_version",
)
"""Fields of a record that say which model gave the answers, when and where."""


def document(record: Record, accuracy: Accuracy) -> dict[str, Any]:
    """Return the figures of a record that are about accuracy, and the answers behind them.

    Args:
        record: Record of the model.
        accuracy: What classifying the images gave.

    Example:
        >>> document(record, accuracy)["confusion"]
        {'label': [0, 1, 1], 'answer': [0, 0, 1], 'images': [3, 1, 2]}
    """
    values = {name: getattr(record, name) for name in DOCUMENT_FIELDS} | accuracy.record_fields()
    values["labels"] = [accuracy.label(output) for output in range(accuracy.outputs)]
    values["classes"] = _classes(accuracy.confusion.classes())
    values["confusion"] = _confusion(accuracy.confusion)
    values["calibration"] = accuracy.calibration and _calibration(accuracy.calibration)
    values["answers"] = _answers(accuracy)
    values["unreadable"] = list(accuracy.unreadable)
    plain: dict[str, Any] = json_values(values)
    return plain


def as_json(documents: Iterable[dict[str, Any]]) -> str:
    """Return documents as a JSON array with a line for each entry: columns stay together."""
    texts = (
        "{\n"
        + ",\n".join(f"  {json_text(k)}: {json_text(v, indent=None)}" for k, v in each.items())
        + "\n}"
        for each in documents
    )
    return "[\n" + ",\n".join(texts) + "\n]\n"


def _classes(results: list[ClassResult]) -> AnswerColumns:
    bounds = [result.recall_bounds or (None, None) for result in results]
    return {
        "output": [result.output for result in results],
        "images": [result.images for result in results],
        "answered": [result.answered for result in results],
        "correct": [result.correct for result in results],
        "recall_percent": [_percent(result.recall) for result in results],
        "recall_low_percent": [_percent(low) for low, _ in bounds],
        "recall_high_percent": [_percent(high) for _, high in bounds],
        "precision_percent": [_percent(result.precision) for result in results],
    }


def _confusion(confusion: Confusion) -> AnswerColumns:
    return {
        "label": confusion.labels.tolist(),
        "answer": confusion.answers.tolist(),
        "images": confusion.images.tolist(),
    }


def _calibration(calibration: Calibration) -> AnswerColumns:
    bins = calibration.bins
    return {
        "above_percent": [_percent(each.low) for each in bins],
        "up_to_percent": [_percent(each.high) for each in bins],
        "images": [each.images for each in bins],
        "confidence_percent": [_percent(each.confidence) for each in bins],
        "accuracy_percent": [_percent(each.accuracy) for each in bins],
    }


def _answers(accuracy: Accuracy) -> AnswerColumns:
    answers = accuracy.answers
    columns: AnswerColumns = {
        "image": [accuracy.image_name(row) for row in range(len(answers))],
        "label": answers.label_outputs.tolist(),
        "answer": answers.top[:, 0].tolist(),
        "score": answers.scores[:, 0].tolist(),
        "label_score": answers.label_scores.tolist(),
        "best": answers.top.tolist(),
        "best_scores": answers.scores.tolist(),
    }
    if accuracy.seen is not None:
        columns["seen"] = accuracy.seen.rows(answers)
    if accuracy.other is not None:
        others = accuracy.other.answer_to(answers)
        columns["against_answer"] = [
            None if others.get(index, NO_OUTPUT) == NO_OUTPUT else others[index]
            for index in answers.indices.tolist()
        ]
    return columns


def _percent(share: float | None) -> float | None:
    return None if share is None else 100 * share
