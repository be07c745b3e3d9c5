"""What is unusual about a file, each from a graph that has it and no other."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from edgecnn.inspection.file_facts import FileFacts
from edgecnn.inspection.oddities import find_oddities
from edgecnn.model_metadata.public_metadata import ModelMetadata
from edgecnn.tflite.reading import TfliteModel
from edgecnn.tflite.structure import Operator, OperatorCode

from .graphs import LABELS, classifier, described, tensor

SMALL = 1000
INNER, SUMS = tensor(1, "inner"), tensor(2, "sums", (1, 3))
FLOAT, AGAIN = tensor(10, "float", dtype="float32"), tensor(11, "again")
WEIGHTS = tensor(12, "kernel", (3, 1, 1, 3), constant_bytes=9)
CONV = Operator("CONV_2D", (INNER, WEIGHTS), (tensor(13, "convolved"),))


def kinds(
    model: TfliteModel,
    metadata: ModelMetadata | None = None,
    labels: int | None = None,
    size: int = SMALL,
) -> list[str]:
    found = find_oddities(FileFacts(model, metadata, labels), size)
    assert all("\n" not in oddity.text for oddity in found)
    return [oddity.kind for oddity in found]


def test_a_drop_in_file_is_not_odd() -> None:
    assert kinds(classifier(), described(), len(LABELS)) == []
    assert kinds(classifier(extra=[CONV]), described(), len(LABELS)) == []


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"signature": (-1, 8, 8, 3)}, ["open_shape"]),
        ({"input_shape": (4, 8, 8, 3)}, ["batch"]),
        ({"input_dtype": "float32"}, ["normalization_unknown"]),
        ({"input_dtype": "int8"}, ["int8_ends"]),
        ({"output_dtype": "int8"}, ["int8_output"]),
        ({"last": "RESHAPE"}, ["kind_unknown"]),
        ({"classes": 1000}, ["tied_scores"]),
        ({"classes": 256}, []),
        ({"subgraphs": 3}, ["subgraphs"]),
        ({"codes": [OperatorCode("FlexErf", 1, True)]}, ["flex_ops"]),
        ({"codes": [OperatorCode("mine", 1, True)]}, ["custom_ops"]),
        ({"metadata": {"min_runtime_version": b"1.5.0"}}, ["declared_runtime"]),
        ({"extra": [Operator("SHAPE", (INNER,), (AGAIN,))]}, ["shape_ops"]),
        (
            {"extra": [CONV, Operator("HARD_SWISH", (FLOAT,), (FLOAT,))]},
            ["unmade_tensors", "float_islands"],
        ),
        (
            {
                "extra": [
                    Operator("DEQUANTIZE", (INNER,), (FLOAT,)),
                    Operator("QUANTIZE", (FLOAT,), (AGAIN,)),
                ]
            },
            ["conversions_inside", "quantize_pairs"],
        ),
        (
            {"extra": [Operator("RELU", (tensor(20, "a", scale=(float("nan"),)),), (AGAIN,))]},
            ["unmade_tensors", "broken_scales"],
        ),
        (
            {"extra": [Operator("ADD", (INNER, AGAIN), (AGAIN,))]},
            ["unmade_tensors"],
        ),
    ],
)
def test_one_oddity(changes: dict[str, Any], expected: list[str]) -> None:
    assert kinds(classifier(**changes)) == expected


def test_softmax_in_float_behind_the_integers_is_as_it_should_be() -> None:
    model = classifier(extra=[CONV])
    sums, answer = tensor(2, "sums", (1, 3)), model.outputs[0]
    logits = tensor(30, "logits", (1, 3), "float32")
    tail = (Operator("DEQUANTIZE", (sums,), (logits,)), Operator("SOFTMAX", (logits,), (answer,)))
    moved = dataclasses.replace(model, operators=(*model.operators[:-2], *tail))
    assert kinds(moved, described(), len(LABELS)) == []
    dense = Operator("FULLY_CONNECTED", (logits, tensor(31, "w", (3, 3), "float32")), (logits,))
    layer_behind = dataclasses.replace(moved, operators=(*moved.operators[:-1], dense, tail[1]))
    assert "float_islands" in kinds(layer_behind)


def test_a_row_of_known_classes_without_softmax_holds_logits() -> None:
    assert kinds(classifier(last="RESHAPE"), labels=3) == ["logits"]


def test_labels_and_size() -> None:
    assert kinds(classifier(), labels=2) == ["label_count"]
    assert kinds(classifier(), size=2**31) == ["huge"]


@pytest.mark.parametrize(
    ("mean", "std", "is_odd"),
    [
        # The input's own scale and zero point say (p - 127) / 127.5.
        ((127.5,), (127.5,), False),
        ((128.0,) * 3, (128.0,) * 3, False),
        ((0.0,), (1.0,), True),
        ((123.675, 116.28, 103.53), (58.395, 57.12, 57.375), True),
        ((127.5, 127.5), (127.5, 127.5), False),
        ((float("nan"),), (1.0,), False),
        ((0.0,), (0.0,), False),
    ],
)
def test_descriptions_that_contradict(
    mean: tuple[float, ...], std: tuple[float, ...], is_odd: bool
) -> None:
    found = kinds(classifier(), described(mean=mean, std=std))
    assert found == (["normalization_contradicts"] if is_odd else [])


def test_a_graph_without_anything() -> None:
    assert kinds(TfliteModel((), (), (), {}, 1)) == []
    assert kinds(TfliteModel((Operator("CALL_ONCE", (), ()),), (), (), {}, 1)) == []
