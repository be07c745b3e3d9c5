"""The counts of parameters and multiply-adds that others print, source by source."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import edgecnn
from edgecnn.core.errors import InputError
from edgecnn.models.registry import get_spec, list_models
from edgecnn.models.weights import WeightsReport

from .facts import FactsOf

# A publisher's trained parameters (without batch normalisation's averages), and 10^9 multiply-adds.
# pytorch/vision, torchvision/models: num_params and _ops of the weights. Counted as here: the
# kernels' multiply-adds alone, so ours round to the same.
TORCHVISION = {
    "vgg11": (132_863_336, 7.609),  # vgg.py
    "vgg16": (138_357_544, 15.470),
    "vgg19": (143_667_240, 19.632),
    "inception_v3": (None, 5.713),  # inception.py; its parameters include auxiliary classifiers
    "resnet18": (11_689_512, 1.814),  # resnet.py
    "resnet34": (21_797_672, 3.664),
    "resnext50_32x4d": (25_028_904, 4.230),
    "densenet121": (7_978_856, 2.834),  # densenet.py
    "squeezenet": (1_235_496, 0.349),  # squeezenet.py, 1_1
    "mobilenet_v2": (3_504_872, 0.301),  # mobilenetv2.py
    "mobilenet_v3_small": (2_542_856, 0.057),  # mobilenetv3.py
    "mobilenet_v3_large": (5_483_032, 0.217),
    "shufflenet_v2": (2_278_604, 0.145),  # shufflenetv2.py, x1_0; 146 million in the paper
    "efficientnet_b0": (5_288_548, 0.386),  # efficientnet.py
    "efficientnet_b1": (7_794_184, 0.687),
    "efficientnet_b3": (12_233_232, 1.827),
}
# huggingface/pytorch-image-models, results/benchmark-infer-amp-nchw-pt240-cu124-rtx4090.csv: name,
# infer_img_size, param_count (millions) and infer_gmacs. Its counter adds two for each value that
# batch normalisation gives and one for each that the last pooling takes.
TIMM: dict[str, tuple[str, int, float | None, float]] = {
    "mobilenet_v1": ("mobilenetv1_100", 224, 4.23, 0.58),
    "mobilenet_v4_conv_small": ("mobilenetv4_conv_small", 224, 3.77, 0.19),
    "mobilenet_v4_conv_medium": ("mobilenetv4_conv_medium", 256, 9.72, 1.10),
    "efficientnet_lite0": ("efficientnet_lite0", 224, 4.65, 0.40),
    "efficientnet_lite1": ("efficientnet_lite1", 240, 5.42, 0.62),
    "efficientnet_lite2": ("efficientnet_lite2", 260, 6.09, 0.89),
    "efficientnet_lite3": ("efficientnet_lite3", 300, 8.20, 1.65),
    "efficientnet_lite4": ("efficientnet_lite4", 380, 13.01, 4.04),
    "efficientnet_b2": ("tf_efficientnet_b2", 260, 9.11, 1.02),
    "efficientnet_v2_b0": ("tf_efficientnetv2_b0", 224, 7.14, 0.73),
    "se_resnet50": ("legacy_seresnet50", 224, 28.09, 3.88),
    "xception": ("legacy_xception", 299, 22.86, 8.40),
    # Its normalisation has factors, which Keras' model and ours leave out.
    "inception_resnet_v2": ("inception_resnet_v2", 299, None, 13.18),
}
EXACT_PARAMETERS = {
    # The paper's; HewlettPackard/dlcookbook-dlbs, docs/models/models.md, of bvlc_alexnet and of
    # bvlc_googlenet, whose biases are a shift of normalisation here.
    "alexnet": 60_965_224,
    "inception_v1": 6_998_552,
    # osmr/imgclsmob, pytorch/README.md
    "se_resnet50": 28_088_024,
    # ChanLumerico/lucid, docs of the two models
    "mobilenet_v4_conv_small": 3_774_024,
    "mobilenet_v4_conv_medium": 9_715_512,
    # tensorflow/tpu, models/official/efficientnet/lite/efficientnet_lite_builder_test.py
    "efficientnet_lite0": 4_652_008,
    "efficientnet_lite1": 5_416_680,
    "efficientnet_lite2": 6_092_072,
    "efficientnet_lite3": 8_197_096,
    "efficientnet_lite4": 13_006_568,
}
# Table 1 of the paper, which rounds.
RESNET_PAPER = {"resnet50": 3.8, "resnet101": 7.6}
BY_ARITHMETIC = ("alexnet", "mlp", "inception_v1", "resnet50_v2", "resnet8", "mobilenet_v1_vww")
ALL = [spec.name for spec in list_models()]


@pytest.mark.parametrize("name", ALL)
def test_the_registry_says_what_the_model_has(name: str, facts: FactsOf) -> None:
    spec, found = get_spec(name), facts(name)
    assert (found.parameters, found.macs) == (spec.parameters, spec.macs)


@pytest.mark.parametrize("name", ALL)
def test_every_model_has_a_figure_of_others(name: str) -> None:
    assert name in {*TORCHVISION, *TIMM, *RESNET_PAPER, *BY_ARITHMETIC}


@pytest.mark.parametrize("name", TORCHVISION)
def test_torchvisions_counts(name: str, facts: FactsOf) -> None:
    parameters, ops = TORCHVISION[name]
    found = facts(name)
    assert parameters is None or found.trained == parameters
    assert round(found.macs / 1e9, 3) == ops


@pytest.mark.parametrize("name", TIMM)
def test_timms_counts(name: str, facts: FactsOf) -> None:
    _, size, millions, ops = TIMM[name]
    # EfficientNet-Lite 3 and 4 are other sizes there.
    found = facts(name) if get_spec(name).input.width == size else facts(name, size=size)
    assert millions is None or round(found.trained / 1e6, 2) == millions
    pooled = math.prod(found.layers["pool"].input)
    counted = found.macs + 2 * found.normalised_values + pooled
    assert round(counted / 1e9, 2) == ops


@pytest.mark.parametrize("name", EXACT_PARAMETERS)
def test_exact_parameters(name: str, facts: FactsOf) -> None:
    assert facts(name).trained == EXACT_PARAMETERS[name]


@pytest.mark.parametrize("name", RESNET_PAPER)
def test_the_resnet_papers_counts(name: str, facts: FactsOf) -> None:
    assert facts(name).macs / 1e9 == pytest.approx(RESNET_PAPER[name], rel=0.02)


def test_resnet50_v2_counts(facts: FactsOf) -> None:
    """google-research/receptive_field, RECEPTIVE_FIELD_TABLE.md: TF-Slim's resnet_v2_50 at 224.

    6.969 billion operations, two for a multiply-add, up to the last block: without the classifier,
    and with additions of biases and the comparisons of max pooling, a thousandth of it.
    """
    found = facts("resnet50_v2")
    operations = 2 * (found.macs - 2048 * 1000)
    biased = sum(math.prod(layer.output) for layer in found.layers.values() if layer.has_bias)
    operations += biased - 1000 + 9 * math.prod(found.layers["pool1"].output)
    assert round(operations / 1e9, 3) == 6.969


def test_inception_v1_counts(facts: FactsOf) -> None:
    """Ni-co-la-s/d2l, README.md: two for a multiply-add, one for each bias that is added."""
    found = facts("inception_v1")
    assert 2 * found.macs + found.normalised_values + 1000 == 3_168_570_904


def test_alexnet_by_arithmetic(facts: FactsOf) -> None:
    """Positions, outputs, inputs of a group and kernel of the paper's layers.

    albanie/convnet-burden's README has 727 million, with pooling and rectifiers.
    """
    convolutions = (
        55**2 * 96 * 3 * 11**2,
        27**2 * 256 * 48 * 5**2,
        13**2 * 384 * 256 * 3**2,
        13**2 * 384 * 192 * 3**2,
        13**2 * 256 * 192 * 3**2,
    )
    dense = 6 * 6 * 256 * 4096 + 4096 * 4096 + 4096 * 1000
    macs = facts("alexnet").macs
    assert macs == sum(convolutions) + dense
    assert macs / 1e6 == pytest.approx(727, rel=0.005)


def test_mlperf_tinys_counts_by_arithmetic(facts: FactsOf) -> None:
    """mlcommons/tiny, benchmark/training: the layers of its two models."""
    resnet = (
        32**2 * (3 * 9 + 2 * 16 * 9) * 16
        + 16**2 * (16 * 9 + 32 * 9 + 16) * 32
        + 8**2 * (32 * 9 + 64 * 9 + 32) * 64
        + 64 * 10
    )
    assert facts("resnet8").macs == resnet
    macs, before = 48**2 * 3 * 9 * 8, 8
    for side, channels, repeats in (
        (48, 16, 1), (24, 32, 2), (12, 64, 2), (6, 128, 6), (3, 256, 2),
    ):  # fmt: skip
        for _ in range(repeats):
            macs += side**2 * before * (9 + channels)
            before = channels
    assert facts("mobilenet_v1_vww").macs == macs + 256 * 2


@pytest.mark.parametrize(
    ("alpha", "parameters", "ops"), [(0.5, 1_366_792, 0.040), (1.5, 3_503_624, 0.296)]
)
def test_shufflenet_at_its_other_widths(
    alpha: float, parameters: int, ops: float, facts: FactsOf
) -> None:
    found = facts("shufflenet_v2", alpha=alpha)  # torchvision's x0_5 and x1_5
    assert found.trained == parameters
    assert round(found.macs / 1e9, 3) == ops


def test_the_dense_network_by_arithmetic(facts: FactsOf) -> None:
    inputs, hidden, classes = 32 * 32 * 3, 1024, 1000
    expected = (inputs + 1) * hidden + (hidden + 1) * hidden + (hidden + 1) * classes
    assert facts("mlp").parameters == expected


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


def test_the_auxiliary_classifiers_are_the_papers(facts: FactsOf) -> None:
    found = facts("inception_v1", auxiliary=True)
    assert found.outputs == ((1000,),) * 3
    # 1x1 to 128 (with a shift each), 4x4 of them to 1,024, those to the classes (section 5).
    heads = sum(
        channels * 128 + 128 + (4 * 4 * 128 + 1) * 1024 + (1024 + 1) * 1000
        for channels in (512, 528)
    )
    assert found.trained == EXACT_PARAMETERS["inception_v1"] + heads


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
    from edgecnn.importing.formats import hdf5_file, keras_file

    form = hdf5_file.input_format if path.suffix == ".h5" else keras_file.input_format
    return form.read(str(path), trust=False)[0]
