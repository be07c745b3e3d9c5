"""Builders: sizes, classes, bad arguments, reproducible weights, graphs without odd ops."""

from __future__ import annotations

import math
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import edgecnn
from edgecnn.core.errors import InputError
from edgecnn.models.build import input_spec
from edgecnn.models.cost import model_cost
from edgecnn.models.layers import Strides
from edgecnn.models.registry import get_spec, list_models
from edgecnn.tflite.reading import read_model

from .facts import FactsOf

NAMES = [spec.name for spec in list_models()]

# From the papers' tables: the stem, and for each block its convolutions. What is not named is one
# MEAN, one FULLY_CONNECTED and one SOFTMAX.
OPS = {
    # Five convolutions, pooling after the first, second and last; three dense layers (section 3.5).
    # At 96 pixels the last map is one position, so that flattening it is no op.
    "alexnet": {"CONV_2D": 5, "MAX_POOL_2D": 3, "FULLY_CONNECTED": 3, "MEAN": 0},
    "mlp": {"FULLY_CONNECTED": 3, "RESHAPE": 1, "MEAN": 0},
    # Column A of table 1.
    "vgg11": {"CONV_2D": 8, "MAX_POOL_2D": 5, "RESHAPE": 1, "FULLY_CONNECTED": 3, "MEAN": 0},
    # 9 modules of six convolutions and a pooling; four poolings between (table 1).
    "inception_v1": {"CONV_2D": 3 + 6 * 9, "MAX_POOL_2D": 4 + 9, "CONCATENATION": 9},
    # Stem; three modules of figure 5, a reduction, four of figure 6, a reduction, two of figure 7,
    # whose rows and columns are joined first. Nine have average pooling.
    "inception_v3": {
        "CONV_2D": 5 + 3 * 7 + 4 + 4 * 10 + 6 + 2 * 9,
        "MAX_POOL_2D": 2 + 2,
        "AVERAGE_POOL_2D": 9,
        "CONCATENATION": 11 + 2 * 2,
    },
    # 8 blocks of two, three projections; both paddings of the stem are its own (table 1).
    "resnet18": {"CONV_2D": 1 + 2 * 8 + 3, "ADD": 8, "PAD": 2, "MAX_POOL_2D": 1},
    # 16 bottlenecks of three, four projections (table 1).
    "resnet50": {"CONV_2D": 1 + 3 * 16 + 4, "ADD": 16, "PAD": 2, "MAX_POOL_2D": 1},
    # The same; a grouped convolution is one op (table 1).
    "resnext50_32x4d": {"CONV_2D": 1 + 3 * 16 + 4, "ADD": 16, "PAD": 2, "MAX_POOL_2D": 1},
    # The same, each with two convolutions, a sigmoid and a product.
    "se_resnet50": {
        "CONV_2D": 1 + 5 * 16 + 4,
        "MEAN": 16 + 1,
        "LOGISTIC": 16,
        "MUL": 16,
        "ADD": 16,
        "PAD": 2,
        "MAX_POOL_2D": 1,
    },
    # The same, each normalised first and the last map too; a fresh normalisation has no offset.
    # Three strides are in the middle of a block, with padding, and pool its shortcut.
    "resnet50_v2": {
        "CONV_2D": 1 + 3 * 16 + 4,
        "MUL": 16 + 1,
        "ADD": 16,
        "PAD": 2 + 3,
        "MAX_POOL_2D": 1 + 3,
    },
    # 58 layers of two, three transitions; each normalised first, the last map too (table 1).
    "densenet121": {
        "CONV_2D": 1 + 2 * 58 + 3,
        "MUL": 58 + 3 + 1,
        "CONCATENATION": 58,
        "AVERAGE_POOL_2D": 3,
        "PAD": 2,
        "MAX_POOL_2D": 1,
    },
    # 8 modules of three; it classifies by a convolution (table 1).
    "squeezenet": {
        "CONV_2D": 1 + 3 * 8 + 1,
        "CONCATENATION": 8,
        "MAX_POOL_2D": 3,
        "FULLY_CONNECTED": 0,
    },
    # 34 separable convolutions, two others and four projections in the stem and shortcuts; eleven
    # blocks rectify a sum that their shortcut takes as it is (figure 5).
    "xception": {
        "CONV_2D": 2 + 4 + 34,
        "DEPTHWISE_CONV_2D": 34,
        "ADD": 4 + 8,
        "RELU": 3 + 8,
        "MAX_POOL_2D": 4,
    },
    # 13 depthwise separable blocks after the stem (table 1).
    "mobilenet_v1": {"CONV_2D": 1 + 13, "DEPTHWISE_CONV_2D": 13},
    # 17 blocks, of which the first does not expand; 10 have a shortcut (table 2).
    "mobilenet_v2": {"CONV_2D": 1 + 16 + 17 + 1, "DEPTHWISE_CONV_2D": 17, "ADD": 10},
    # 11 blocks, the first without expansion, 9 with squeeze-and-excite (2 convolutions, a product);
    # 6 shortcuts; the stage after pooling is a dense layer (table 2).
    "mobilenet_v3_small": {
        "CONV_2D": 1 + 10 + 11 + 2 * 9 + 1,
        "DEPTHWISE_CONV_2D": 11,
        "ADD": 6,
        "MUL": 9,
        "MEAN": 9 + 1,
        # The stem, two a block from the fourth on, the last convolution, the dense layer.
        "HARD_SWISH": 1 + 2 * 8 + 2,
        "FULLY_CONNECTED": 2,
    },
    # 15 blocks, 8 with squeeze-and-excite, 10 shortcuts; hard-swish from the seventh on (table 1).
    "mobilenet_v3_large": {
        "CONV_2D": 1 + 14 + 15 + 2 * 8 + 1,
        "DEPTHWISE_CONV_2D": 15,
        "ADD": 10,
        "MUL": 8,
        "MEAN": 8 + 1,
        "HARD_SWISH": 1 + 2 * 9 + 2,
        "FULLY_CONNECTED": 2,
    },
    # 6 convolutions, 12 blocks of two, 10 of them with a shortcut; depthwise at the start of five
    # and in the middle of ten (table 11).
    "mobilenet_v4_conv_small": {
        "CONV_2D": 6 + 2 * 12,
        "DEPTHWISE_CONV_2D": 5 + 10,
        "ADD": 10,
        "FULLY_CONNECTED": 2,
    },
    # 3 units that halve the map, of five convolutions, and 13 of three, which split (table 5).
    "shufflenet_v2": {
        "CONV_2D": 1 + 3 * 3 + 2 * 13 + 1,
        "DEPTHWISE_CONV_2D": 2 * 3 + 13,
        "SPLIT": 13,
        "CONCATENATION": 16,
        "TRANSPOSE": 16,
        "RESHAPE": 2 * 16,
        "MAX_POOL_2D": 1,
    },
    # 16 blocks, the first without expansion, all with squeeze-and-excite; 9 shortcuts. Swish is a
    # sigmoid and a product: stem, 15 expansions, 16 depthwise, 16 squeezed, the head (table 1).
    "efficientnet_b0": {
        "CONV_2D": 1 + 15 + 16 + 2 * 16 + 1,
        "DEPTHWISE_CONV_2D": 16,
        "LOGISTIC": (1 + 15 + 16 + 16 + 1) + 16,
        "MUL": (1 + 15 + 16 + 16 + 1) + 16,
        "MEAN": 16 + 1,
        "ADD": 9,
    },
    # The same without squeeze-and-excite, and with ReLU6.
    "efficientnet_lite0": {"CONV_2D": 1 + 15 + 16 + 1, "DEPTHWISE_CONV_2D": 16, "ADD": 9},
    # One fused block of one convolution, four of two; 16 of EfficientNet's (table 4 of its paper).
    "efficientnet_v2_b0": {
        "CONV_2D": 1 + 1 + 2 * 4 + 4 * 16 + 1,
        "DEPTHWISE_CONV_2D": 16,
        "LOGISTIC": (1 + 1 + 4 + 3 * 16 + 1) + 16,
        "MUL": (1 + 1 + 4 + 3 * 16 + 1) + 16,
        "MEAN": 16 + 1,
        "ADD": 15,
    },
    # Three blocks of two, two projections.
    "resnet8": {"CONV_2D": 1 + 2 * 3 + 2, "ADD": 3},
}
HEAD = {"MEAN": 1, "FULLY_CONNECTED": 1, "SOFTMAX": 1}

# int8 turns the input's uint8 into int8 and the output into float, and takes the kernels that are
# fast: ten ops a hundred for hard-swish, two of them where a sum reads it (the stem of Large).
ENDS = {"QUANTIZE": 1, "DEQUANTIZE": 1}
INT8 = {
    "densenet121": {"AVERAGE_POOL_2D": -3, "DEPTHWISE_CONV_2D": 3},
    "xception": {"RELU": -11, "MUL": 11},
    "mobilenet_v3_small": {"HARD_SWISH": -9, "ADD": 9, "MUL": 9},
    "mobilenet_v3_large": {"HARD_SWISH": -10, "ADD": 10, "MUL": 10 + 1},
}
# Apps take one mean and one deviation: what has them by channel, or BGR, normalises by a pointwise
# convolution in front. Only a first convolution without padding can take that in.
UNPADDED = {"alexnet", "squeezenet"}
NORMALIZES = {name for name in NAMES if not input_spec(name).is_uniform} - UNPADDED
# In a quarter of the width, at 32 pixels; what has a paper's table at 96, with all its strides.
SMALL: dict[str, Any] = {"alpha": 0.25, "size": 32, "classes": 10}


# Narrower, channels are rounded so that a block no longer widens its input: it gets a shortcut.
LEAST_ALPHA = {
    "mobilenet_v2": 0.5,
    "mobilenet_v3_small": 1.0,
    "mobilenet_v3_large": 1.0,
    "efficientnet_b0": 0.5,
    "efficientnet_lite0": 0.5,
    "efficientnet_v2_b0": 0.5,
}


def converted_as(name: str) -> dict[str, Any]:
    """Return how a model is built for the tests of its files."""
    if name not in OPS:
        return SMALL
    size = {} if name in ("mlp", "resnet8") else {"size": 96}
    return {"alpha": LEAST_ALPHA.get(name, 0.25), **size}


SCHEMES = ("float32", "float16", "dynamic", "int8", "int16x8")
LEFTOVERS = {"SHAPE", "PACK", "FILL", "WHERE", "GATHER"}


@pytest.mark.parametrize("name", NAMES)
def test_every_model_converts_in_every_scheme(name: str, tmp_path: Path) -> None:
    options = converted_as(name)
    # Each file is run before it gets its name.
    results = edgecnn.convert(name, quantize=SCHEMES, output=tmp_path, **options)
    files = {result.scheme: result for result in results}
    assert tuple(files) == SCHEMES
    for result in results:
        assert not LEFTOVERS & set(result.operators)
        assert not any("Flex" in kind for kind in result.operators)
    if name in OPS:
        assert_the_papers_table(name, files["float32"].operators, files["int8"].operators)
    assert_same_cost(name, edgecnn.build(name, **options), files["float32"].path)


def assert_the_papers_table(name: str, floats: dict[str, int], integers: dict[str, int]) -> None:
    expected = Counter(HEAD | OPS[name])
    assert floats == +expected + Counter(CONV_2D=int(name in NORMALIZES))
    for kind, more in (ENDS | INT8.get(name, {})).items():
        expected[kind] += more
    assert integers == +expected


def assert_same_cost(name: str, model: Any, path: Path) -> None:
    """Kernels and multiply-adds, counted from Keras' layers and from the file's ops."""
    kernels = sum(
        math.prod(weight.shape) for weight in model.trainable_weights if len(weight.shape) > 1
    )
    weights = {
        weights.name: weights.elements
        for op in read_model(path).operators
        if (weights := op.weights)
    }
    front = 3 * 3 if name in NORMALIZES else 0
    assert sum(weights.values()) == kernels + front
    pixels = math.prod(model.input.shape[1:3])
    assert (
        edgecnn.summarize(path).macs
        == model_cost(model).macs - pooled_first(model) + front * pixels
    )


def pooled_first(model: Any) -> int:
    """Multiply-adds of pointwise convolutions whose result is halved: a file halves before them."""
    halvings = (x for x in model.layers if type(x).__name__ == "AveragePooling2D")
    convolutions = (
        pool.input._keras_history.operation for pool in halvings if pool.strides == (2, 2)
    )
    return sum(
        3 * math.prod(layer.output.shape[1:]) * layer.kernel.shape[2] // 4 for layer in convolutions
    )


# Where no convolution comes before it, batch normalisation is a product and a sum: one op on maps
# of 24x24, which are the three blocks of a stage, or six layers and a transition.
LARGE_MAPS = {"resnet50_v2": 3, "densenet121": 6 + 1}


@pytest.mark.parametrize("name", LARGE_MAPS)
def test_trained_normalisation_of_large_maps_is_one_op(name: str, tmp_path: Path) -> None:
    options: dict[str, Any] = {"size": 96, "alpha": 0.25}
    model, path = edgecnn.build(name, **options), tmp_path / "trained.keras"
    generator = np.random.default_rng(0)
    for layer in model.layers:
        if type(layer).__name__ == "BatchNormalization":
            weights = layer.get_weights()
            layer.set_weights([w + generator.uniform(0.1, 0.2, w.shape) for w in weights])
    model.save(path)
    (result,) = edgecnn.convert(
        name, quantize="float32", weights=path, output=tmp_path / "x.tflite", **options
    )
    large, found = LARGE_MAPS[name], result.operators
    sums = OPS[name].get("ADD", 0)
    assert found["DEPTHWISE_CONV_2D"] == large
    assert found["MUL"] == found["ADD"] - sums == OPS[name]["MUL"] - large


@pytest.mark.parametrize("name", NAMES)
def test_small_inputs_keep_a_feature_map(name: str, facts: FactsOf) -> None:
    small = facts(name, **SMALL)
    last = next(layer for layer in small.layers if layer in ("pool", "flatten"))
    assert min(small.layers[last].input[:2]) >= 2
    assert small.outputs == ((10,),)


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


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("MobileNet-v2 ", "did you mean mobilenet_v2[?]"),
        ("EfficientNetB0", "did you mean efficientnet_b0[?]"),
        ("mobilenetv3", "did you mean mobilenet_v3_small, mobilenet_v3_large[?]"),
        ("v3", "did you mean inception_v3, mobilenet_v3_"),
        ("mobilnet_v2", "did you mean mobilenet_v2, "),
    ],
)
def test_unknown_names_are_answered(name: str, hint: str) -> None:
    with pytest.raises(InputError, match=hint):
        get_spec(name)


def test_names_that_are_like_none() -> None:
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
