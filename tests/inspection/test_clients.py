"""The rules of client libraries, each broken alone by a file that is drop-in otherwise."""

from __future__ import annotations

import re
from typing import Any

import pytest

from edgecnn.inspection.clients import (
    CLIENTS,
    COMPILED_MODEL,
    INTERPRETER,
    LITERT_JS,
    TASKS,
    TFLITE_RUNTIME,
    clients_for,
)
from edgecnn.model_metadata.public_metadata import ModelMetadata, TensorMetadata
from edgecnn.tflite.reading import OperatorCode, TfliteModel

from .graphs import LABELS, classifier, described

NEW_DENSE = [OperatorCode("FULLY_CONNECTED", 12)]
FLEX = [OperatorCode("FlexErf", 1, is_custom=True)]
DETECTION = [OperatorCode("TFLite_Detection_PostProcess", 1, is_custom=True)]


def shut_out(
    model: TfliteModel, metadata: ModelMetadata | None, labels: tuple[str, ...] | None
) -> dict[str, tuple[str, ...]]:
    verdicts = clients_for(model, metadata, labels)
    assert tuple(verdict.client for verdict in verdicts) == CLIENTS
    assert all(verdict.ok != bool(verdict.reasons) for verdict in verdicts)
    return {verdict.client: verdict.reasons for verdict in verdicts if not verdict.ok}


@pytest.mark.parametrize(
    ("model", "metadata"),
    [
        (classifier(), described(mean=None, std=None)),
        (classifier("float32"), described()),
        (classifier("float32"), described(mean=(1.0,) * 3, std=(4.0,) * 3)),
        (classifier("uint8", "uint8"), described()),
        (classifier(last="LOGISTIC"), described()),
        (classifier(codes=DETECTION), described()),
    ],
)
def test_drop_in_files(model: TfliteModel, metadata: ModelMetadata) -> None:
    assert shut_out(model, metadata, LABELS) == {}


@pytest.mark.parametrize(
    ("changes", "clients", "says"),
    [
        ({"input_dtype": "int8"}, (*TASKS, LITERT_JS), "its input is int8"),
        ({"output_dtype": "int8"}, (*TASKS, LITERT_JS), "its output is int8"),
        ({"signature": (-1, 8, 8, 3)}, (LITERT_JS,), r"open \(\? x 8 x 8 x 3\)"),
        ({"input_shape": (2, 8, 8, 3)}, TASKS, "its input is 2 x 8 x 8 x 3"),
        ({"input_shape": (1, 8, 8, 1)}, TASKS, "its input is 1 x 8 x 8 x 1"),
        ({"last": "RESHAPE"}, TASKS, "logits"),
        ({"subgraphs": 2}, TASKS, "2 subgraphs"),
        ({"classes": 4}, TASKS, "3 labels for 4 classes"),
        ({"codes": NEW_DENSE}, (TFLITE_RUNTIME,), "2.17.0 for FULLY_CONNECTED version 12"),
        ({"codes": [OperatorCode("CONV_2D", 99)]}, (TFLITE_RUNTIME,), "not known when"),
        ({"codes": FLEX}, CLIENTS, "FlexErf"),
    ],
)
def test_one_thing_wrong(changes: dict[str, Any], clients: tuple[str, ...], says: str) -> None:
    found = shut_out(classifier(**changes), described(), LABELS)
    assert tuple(found) == clients
    for reasons in found.values():
        (reason,) = reasons
        assert re.search(says, reason)


@pytest.mark.parametrize(
    ("metadata", "labels", "says"),
    [
        (None, LABELS, "lack the normalisation"),
        (described(mean=None, std=None), LABELS, "lack the normalisation"),
        (described(mean=(1.0, 2.0), std=(1.0, 2.0)), LABELS, "2 means"),
        (described(mean=(1.0, 2.0, 3.0), std=(4.0,) * 3), LABELS, "for each channel"),
        (described(color_space="GRAYSCALE"), LABELS, "GRAYSCALE"),
        (described(), None, "no labels"),
        (described(), LABELS[:2], "2 labels for 3 classes"),
        (
            ModelMetadata(inputs=described().inputs, outputs=(TensorMetadata(),) * 2),
            LABELS,
            "describe 2 outputs",
        ),
    ],
)
def test_metadata_of_a_float_file(
    metadata: ModelMetadata | None, labels: tuple[str, ...] | None, says: str
) -> None:
    found = shut_out(classifier("float32"), metadata, labels)
    assert tuple(found) == TASKS
    for reasons in found.values():
        assert len(reasons) == 1 and says in reasons[0]


def test_runtimes_take_what_has_no_metadata() -> None:
    open_to = {v.client for v in clients_for(classifier(), None, None) if v.ok}
    assert open_to == {LITERT_JS, INTERPRETER, COMPILED_MODEL, TFLITE_RUNTIME}


def test_a_file_without_ends_is_for_nobody() -> None:
    model = TfliteModel((), (), (), {}, 1)
    assert set(shut_out(model, None, None)) == set(CLIENTS)
