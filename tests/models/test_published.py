"""Architectures that Keras does not have: the counts that their publishers print."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import edgecnn
from edgecnn.errors import InputError
from edgecnn.models.cost import count
from edgecnn.models.registry import get_spec, list_models
from edgecnn.models.weights import WeightsReport

# Trained parameters (without batch normalisation's averages), and multiply-adds in millions.
PUBLISHED = {
    "alexnet": (60_965_224, 724),  # bvlc_alexnet, Caffe's model zoo
    "vgg11": (132_863_336, 7610),  # torchvision
    "inception_v1": (6_998_552, 1583),  # bvlc_googlenet: a shift of normalisation for each bias
    "resnet18": (11_689_512, 1814),  # torchvision
    "resnet34": (21_797_672, 3664),  # torchvision
    "resnext50_32x4d": (25_028_904, 4230),  # torchvision
    "se_resnet50": (28_088_024, 3860),  # the paper's table 2: 3.87e9; timm's count
    "squeezenet": (1_235_496, 349),  # torchvision, squeezenet1_1
    "shufflenet_v2": (2_278_604, 145),  # torchvision; 146 in the paper
    "mobilenet_v4_conv_small": (3_774_024, 186),  # timm
    "mobilenet_v4_conv_medium": (9_715_512, 1080),  # timm, at 256 pixels
    "efficientnet_lite0": (4_652_008, 385),  # timm
    "efficientnet_lite1": (5_416_680, 600),
    "efficientnet_lite2": (6_092_072, 860),
    "efficientnet_lite3": (8_197_096, 1383),
    "efficientnet_lite4": (13_006_568, 2553),
}
# By arithmetic, and by the publisher's own file.
COUNTED_APART = ("mlp", "resnet8", "mobilenet_v1_vww")
WITHOUT_PEER = [spec.name for spec in list_models() if not spec.keras_name]


def trained(model: Any) -> int:
    return sum(math.prod(weight.shape) for weight in model.trainable_weights)


@pytest.mark.parametrize("name", WITHOUT_PEER)
def test_counts(name: str) -> None:
    spec, model = get_spec(name), edgecnn.build(name)
    cost = count(model)
    assert (cost.parameters, cost.macs) == (spec.parameters, spec.macs)
    if name not in COUNTED_APART:
        parameters, macs = PUBLISHED[name]
        assert trained(model) == parameters
        assert cost.macs / 1e6 == pytest.approx(macs, rel=0.01)


@pytest.mark.parametrize(("alpha", "parameters"), [(0.5, 1_366_792), (1.5, 3_503_624)])
def test_shufflenet_at_its_other_widths(alpha: float, parameters: int) -> None:
    assert trained(edgecnn.build("shufflenet_v2", alpha=alpha)) == parameters  # torchvision


def test_the_dense_network_by_arithmetic() -> None:
    inputs, hidden, classes = 32 * 32 * 3, 1024, 1000
    expected = (inputs + 1) * hidden + (hidden + 1) * hidden + (hidden + 1) * classes
    assert count(edgecnn.build("mlp")).parameters == expected


@pytest.mark.parametrize(
    ("name", "file", "largest"),
    [
        ("resnet8", "mlperf_tiny_resnet8_cifar10.keras", 255.0),
        ("mobilenet_v1_vww", "mlperf_tiny_vww96_keras2.h5", 1.0),
    ],
)
def test_mlperf_tinys_models_are_theirs(
    name: str, file: str, largest: float, shared_data: Path
) -> None:
    path = shared_data / "models" / file
    ours, theirs = edgecnn.build(name, weights=path), load(path)
    assert ours.count_params() == theirs.count_params()
    shape = (64, *ours.input_shape[1:])
    images = np.random.default_rng(0).uniform(0, largest, shape).astype(np.float32)
    expected = theirs.predict(images, verbose=0)
    assert expected.std() > 0.01
    assert np.abs(ours.predict(images, verbose=0) - expected).max() < 1e-4


def test_the_auxiliary_classifiers_are_the_papers() -> None:
    model = edgecnn.build("inception_v1", auxiliary=True)
    assert [tuple(output.shape) for output in model.outputs] == [(None, 1000)] * 3
    # 1x1 to 128 (with a shift each), 4x4 of them to 1,024, those to the classes (section 5).
    heads = sum(
        channels * 128 + 128 + (4 * 4 * 128 + 1) * 1024 + (1024 + 1) * 1000
        for channels in (512, 528)
    )
    assert trained(model) == PUBLISHED["inception_v1"][0] + heads


@pytest.mark.parametrize("suffix", [".keras", ".h5", ".weights.h5"])
def test_weights_trained_with_auxiliary_classifiers_load_without(
    suffix: str, tmp_path: Path
) -> None:
    options: dict[str, Any] = {"alpha": 0.25, "size": 32, "classes": 4}
    first = edgecnn.build("inception_v1", auxiliary=True, **options)
    path = tmp_path / f"trained{suffix}"
    first.save_weights(path) if suffix == ".weights.h5" else first.save(path)
    reports: list[WeightsReport] = []
    second = edgecnn.build("inception_v1", weights=path, on_weights=reports.append, **options)
    assert len(reports[0].left_out) == 8
    assert all(layer.startswith("auxiliary_4") for layer in reports[0].left_out)
    image = np.random.default_rng(0).uniform(-1, 1, (2, 32, 32, 3)).astype(np.float32)
    answers = first.predict(image, verbose=0)[0]
    np.testing.assert_allclose(second.predict(image, verbose=0), answers, atol=1e-6)


def test_only_inception_v1_has_auxiliary_classifiers() -> None:
    with pytest.raises(InputError, match="no auxiliary classifiers"):
        edgecnn.build("mobilenet_v2", auxiliary=True)


def load(path: Path) -> Any:
    from edgecnn.quantize.loading import _load_h5, _load_keras_file

    return (_load_h5 if path.suffix == ".h5" else _load_keras_file)(str(path), trust=False)
