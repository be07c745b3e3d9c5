"""Builders: sizes, classes, bad arguments, reproducible weights, graphs without odd ops."""

from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import edgecnn
from edgecnn.errors import InputError
from edgecnn.models.cost import count
from edgecnn.models.layers import Strides
from edgecnn.models.registry import get_spec, list_models
from edgecnn.quantize.flatbuffer import WEIGHTED_OPS, read_model, weights_of

NAMES = [spec.name for spec in list_models()]

# From the papers' tables: stem, and for each block its convolutions.
OPS = {
    # 13 depthwise separable blocks after the stem (table 1).
    "mobilenet_v1": {"CONV_2D": 1 + 13, "DEPTHWISE_CONV_2D": 13},
    # 17 blocks, of which the first does not expand; 10 have a shortcut (table 2).
    "mobilenet_v2": {"CONV_2D": 1 + 16 + 17 + 1, "DEPTHWISE_CONV_2D": 17, "ADD": 10},
    # 11 blocks, the first without expansion, 9 with squeeze-and-excite (2 convolutions; a product,
    # and a sixth for the gate); 6 shortcuts; the stage after pooling is a dense layer (table 2).
    "mobilenet_v3_small": {
        "CONV_2D": 1 + 10 + 11 + 2 * 9 + 1,
        "DEPTHWISE_CONV_2D": 11,
        "ADD": 6,
        "MUL": 2 * 9,
        # The stem, two a block from the fourth on, the last convolution, the dense layer.
        "HARD_SWISH": 1 + 2 * 8 + 2,
    },
    # 15 blocks, 8 with squeeze-and-excite, 10 shortcuts; hard-swish from the seventh on (table 1).
    "mobilenet_v3_large": {
        "CONV_2D": 1 + 14 + 15 + 2 * 8 + 1,
        "DEPTHWISE_CONV_2D": 15,
        "ADD": 10,
        "MUL": 2 * 8,
        "HARD_SWISH": 1 + 2 * 9 + 2,
    },
    # 16 bottlenecks of three, four projections; both paddings of the stem are its own (table 1).
    "resnet50": {"CONV_2D": 1 + 3 * 16 + 4, "ADD": 16, "PAD": 2, "MAX_POOL_2D": 1},
}
DENSE = {"mobilenet_v3_small": 2, "mobilenet_v3_large": 2}
POOLS = {"mobilenet_v3_small": 1 + 9, "mobilenet_v3_large": 1 + 8}


@pytest.mark.parametrize("name", OPS)
def test_the_converted_graph_is_the_papers_table(name: str, tmp_path: Path) -> None:
    results = edgecnn.convert(name, quantize="float32,int8", size=96, output=tmp_path)
    expected = {
        **OPS[name],
        "MEAN": POOLS.get(name, 1),
        "FULLY_CONNECTED": DENSE.get(name, 1),
        "SOFTMAX": 1,
    }
    assert results[0].operators == expected
    # int8 turns the input's uint8 into int8 and the output into float; caffe's normalisation of a
    # uint8 input is one pointwise convolution more.
    ends = {"QUANTIZE": 1, "DEQUANTIZE": 1}
    front = 1 if name == "resnet50" else 0
    expected["CONV_2D"] += front
    assert results[1].operators == expected | ends


@pytest.mark.parametrize("name", NAMES)
def test_small_inputs_keep_a_feature_map(name: str) -> None:
    model = edgecnn.build(name, alpha=0.25, size=32, classes=3)
    last = next(layer for layer in model.layers if layer.name in ("pool", "flatten"))
    assert min(last.input.shape[1:3]) >= 2
    answers = model.predict(np.zeros((2, 32, 32, 3), np.float32), verbose=0)
    assert answers.shape == (2, 3)
    np.testing.assert_allclose(answers.sum(axis=1), 1.0, rtol=1e-5)


def test_which_strides_are_dropped() -> None:
    paper = (2, 1, 2, 2, 2, 2)
    assert [stride for strides in [Strides((32, 32))] for stride in map(strides, paper)] == [
        1, 1, 2, 2, 2, 2,
    ]  # fmt: skip
    for size in (64, 65, 96, 224):
        strides = Strides((size, size))
        assert [strides(stride) for stride in paper] == list(paper)


@pytest.mark.parametrize("size", [(33, 47), (64, 64), (160, 96)])
def test_any_size(size: tuple[int, int]) -> None:
    model = edgecnn.build("mobilenet_v2", alpha=0.35, size=size, classes=4, softmax=False)
    assert model.input_shape == (None, *size, 3)
    assert model.output_shape == (None, 4)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"size": 31}, "at least 32x32"),
        ({"size": 100_000}, "too large"),
        ({"alpha": 0.0}, "alpha must be above 0"),
        ({"alpha": float("nan")}, "alpha must be above 0"),
        ({"alpha": 100.0}, "at most 8"),
        ({"classes": 0}, "at least 1"),
        ({"dropout": 1.0}, "below 1"),
    ],
)
def test_bad_arguments(options: dict[str, Any], says: str) -> None:
    with pytest.raises(InputError, match=says):
        edgecnn.build("mobilenet_v1", **options)


def test_the_same_weights_each_time_without_the_global_seed() -> None:
    state = np.random.get_state()[1].copy()  # type: ignore[union-attr]
    first = edgecnn.build("mobilenet_v3_small", alpha=0.35, size=32).get_weights()
    second = edgecnn.build("mobilenet_v3_small", alpha=0.35, size=32).get_weights()
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(state, np.random.get_state()[1])  # type: ignore[index]


def test_unknown_names_are_answered() -> None:
    with pytest.raises(InputError, match="did you mean mobilenet_v2"):
        get_spec("MobileNet-v2 ")
    with pytest.raises(InputError, match="'edgecnn models' lists them"):
        get_spec("zzz")


@pytest.mark.parametrize("name", NAMES)
def test_specs_name_their_sources(name: str) -> None:
    spec = get_spec(name)
    assert "https://" in spec.paper
    assert 1998 <= spec.year <= 2026
    assert spec.top1_percent is None or (50 < spec.top1_percent < 90 and spec.top1_source)


def test_the_registry_needs_no_keras() -> None:
    code = (
        "import sys; from edgecnn.models.registry import list_models; assert list_models(); "
        "print([m for m in ('keras', 'tensorflow', 'h5py') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


SCHEMES = ("float32", "float16", "dynamic", "int8", "int16x8")
LEFTOVERS = {"SHAPE", "PACK", "FILL", "WHERE", "GATHER"}


@pytest.mark.parametrize("name", NAMES)
def test_every_model_converts_and_runs_in_every_scheme(name: str, tmp_path: Path) -> None:
    results = edgecnn.convert(
        name, quantize=",".join(SCHEMES), size=32, alpha=0.25, classes=10, output=tmp_path
    )
    assert [result.scheme for result in results] == list(SCHEMES)
    for result in results:
        assert not LEFTOVERS & set(result.operators)
        assert not any("Flex" in kind for kind in result.operators)
    assert edgecnn.bench(results[0].path, runs=3, warmup=1)
    assert_same_cost(edgecnn.build(name, size=32, alpha=0.25, classes=10), results[0].path)


def assert_same_cost(model: Any, path: Path) -> None:
    """Kernels and multiply-adds, counted from Keras' layers and from the file's ops."""
    kernels = sum(
        math.prod(weight.shape) for weight in model.trainable_weights if len(weight.shape) > 1
    )
    weights = {
        weights.name: weights.elements
        for op in read_model(path).operators
        if op.name in WEIGHTED_OPS and (weights := weights_of(op))
    }
    assert sum(weights.values()) == kernels
    assert edgecnn.summarize(path).macs == count(model).macs
