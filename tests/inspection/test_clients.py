"""The rules of client libraries, each broken alone by a file that is drop-in otherwise."""

from __future__ import annotations

import dataclasses
import functools
import re
from typing import Any

import pytest

from edgecnn.inspection.client_rules import (
    CLIENTS,
    COMPILED_MODEL,
    EDGE_TPU_ADVICE,
    INTERPRETER,
    LITERT_JS,
    TASKS,
    TFLITE_RUNTIME,
)
from edgecnn.inspection.clients import clients_for
from edgecnn.model_metadata.public_metadata import ModelMetadata, TensorMetadata
from edgecnn.tflite.reading import TfliteModel
from edgecnn.tflite.structure import OperatorCode

from .graphs import LABELS, classifier, described

NEW_DENSE = [OperatorCode("FULLY_CONNECTED", 12)]
FLEX = [OperatorCode("FlexErf", 1, is_custom=True)]
EDGE_TPU = [OperatorCode("edgetpu-custom-op", 1, is_custom=True)]
NATIVE = (LITERT_JS, COMPILED_MODEL, TFLITE_RUNTIME)
SOUND = [OperatorCode("AudioSpectrogram", 1, is_custom=True)]
DETECTION = [OperatorCode("TFLite_Detection_PostProcess", 1, is_custom=True)]


def verdicts_on(
    ok: bool | None,
    model: TfliteModel,
    metadata: ModelMetadata | None,
    labels: tuple[str, ...] | None,
) -> dict[str, tuple[str, ...]]:
    verdicts = clients_for(model, metadata, labels)
    assert tuple(verdict.client for verdict in verdicts) == CLIENTS
    assert all((verdict.ok is True) != bool(verdict.reasons) for verdict in verdicts)
    return {verdict.client: verdict.reasons for verdict in verdicts if verdict.ok is ok}


shut_out = functools.partial(verdicts_on, False)
not_known = functools.partial(verdicts_on, None)


@pytest.mark.parametrize(
    ("model", "metadata"),
    [
        (classifier(), described(mean=None, std=None)),
        (classifier("float32"), described()),
        (classifier("float32"), described(mean=(1.0,) * 3, std=(4.0,) * 3)),
        (classifier("uint8", "uint8"), described()),
        (classifier(last="LOGISTIC"), described()),
    ],
)
def test_drop_in_files(model: TfliteModel, metadata: ModelMetadata) -> None:
    assert shut_out(model, metadata, LABELS) == not_known(model, metadata, LABELS) == {}


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
    ("changes", "clients", "says"),
    [
        ({"codes": [OperatorCode("CONV_2D", 99)]}, CLIENTS, "not known when"),
        ({"last": "REVERSE_SEQUENCE"}, NATIVE, "never run with these ops: REVERSE_SEQUENCE"),
        ({"codes": DETECTION}, TASKS, "never run with .* TFLite_Detection_PostProcess"),
        ({"codes": SOUND}, CLIENTS, "never run with .* AudioSpectrogram"),
    ],
)
def test_what_no_client_was_run_on_is_not_known(
    changes: dict[str, Any], clients: tuple[str, ...], says: str
) -> None:
    model = classifier(**changes)
    if "last" not in changes:
        assert shut_out(model, described(), LABELS) == {}
    found = not_known(model, described(), LABELS)
    assert tuple(found) == clients
    assert all(re.search(says, reasons[0]) for reasons in found.values())


def test_a_refusal_comes_before_a_doubt() -> None:
    model = classifier(codes=SOUND, input_dtype="int8")
    assert tuple(shut_out(model, described(), LABELS)) == (*TASKS, LITERT_JS)
    assert INTERPRETER in not_known(model, described(), LABELS)


def test_an_open_batch_that_only_stands_beside_the_shape_is_no_obstacle() -> None:
    model = classifier(signature=(-1, 8, 8, 3))
    older = dataclasses.replace(model.inputs[0], has_rank=False)
    model = dataclasses.replace(model, inputs=(older,))
    assert shut_out(model, described(), LABELS) == {}


def test_the_edge_tpus_files_are_for_nobody_here() -> None:
    found = shut_out(classifier(codes=EDGE_TPU), described(), LABELS)
    assert tuple(found) == CLIENTS
    assert set(found.values()) == {(EDGE_TPU_ADVICE,)}


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
