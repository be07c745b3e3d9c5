"""What a model expects of its input: against Keras' own preprocessing, and what is refused."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest

from edgecnn.core.errors import InputError
from edgecnn.data.geometry import IMAGENET_CROP, Geometry
from edgecnn.data.inputspec import PREPROCESSING, InputSpec, custom, preset
from edgecnn.data.preprocessing import Preprocessing

RGB = {"mean": (0.0, 0.0, 0.0), "std": (1.0, 1.0, 1.0)}


def every_level() -> np.ndarray:
    """All 256 levels in each channel, each channel in another order."""
    levels = np.arange(256, dtype=np.uint8)
    return np.stack([levels, levels[::-1], np.roll(levels, 85)], -1).reshape(1, 16, 16, 3)


@pytest.mark.parametrize("mode", ["tf", "torch", "caffe"])
def test_preset_is_what_keras_does(mode: str) -> None:
    pytest.importorskip("keras")
    from keras.applications import imagenet_utils

    images = every_level()
    wanted = imagenet_utils.preprocess_input(
        images.astype(np.float32), data_format="channels_last", mode=mode
    )
    ours = preset(mode, 16, 16).normalize(images)
    assert ours.dtype == np.float32
    np.testing.assert_allclose(ours, wanted, rtol=0, atol=1e-5)


def test_unit_and_raw_follow_from_their_names() -> None:
    images = every_level()
    np.testing.assert_allclose(preset("unit", 16, 16).normalize(images), images / 255, atol=1e-7)
    np.testing.assert_array_equal(preset("raw", 16, 16).normalize(images), images)


def test_normalize_takes_one_image_and_leaves_it_unchanged() -> None:
    image = every_level()[0]
    before = image.copy()
    assert preset("caffe", 16, 16).normalize(image).shape == (16, 16, 3)
    np.testing.assert_array_equal(image, before)


@pytest.mark.parametrize("mode", sorted(PREPROCESSING))
def test_value_range_holds_every_normalised_pixel(mode: str) -> None:
    spec = preset(mode, 16, 16)
    values = spec.normalize(every_level())
    low, high = spec.value_range
    assert math.isclose(low, values.min(), abs_tol=1e-4)
    assert math.isclose(high, values.max(), abs_tol=1e-4)


@pytest.mark.parametrize(
    ("mode", "uniform", "raw"),
    [
        ("tf", True, False),
        ("torch", False, False),
        ("caffe", False, False),
        ("unit", True, False),
        ("raw", True, True),
    ],
)
def test_uniform_and_raw(mode: str, uniform: bool, raw: bool) -> None:
    spec = preset(mode, 224, 224)
    assert (spec.is_uniform, spec.is_raw) == (uniform, raw)


def test_bgr_is_not_uniform_even_with_one_mean() -> None:
    assert not InputSpec(8, 8, color_order="BGR").is_uniform
    assert not InputSpec(8, 8, color_order="BGR").is_raw


@pytest.mark.parametrize("mode", sorted(PREPROCESSING))
def test_round_trip_through_json(mode: str) -> None:
    spec = preset(mode, 200, 300)
    assert InputSpec.from_dict(json.loads(json.dumps(spec.to_dict()))) == spec


def test_from_dict_ignores_what_a_later_version_adds() -> None:
    values = {**preset("tf", 32, 32).to_dict(), "gamma": 2.2}
    assert InputSpec.from_dict(values) == preset("tf", 32, 32)


@pytest.mark.parametrize(
    "change",
    [
        {"height": 0},
        {"width": -1},
        {"height": 32.5},
        {"height": "32"},
        {"height": None},
        {"height": True},
        {"mean": (0.0,)},
        {"std": (1.0, 1.0)},
        {"std": (1.0, 0.0, 1.0)},
        {"std": (1.0, -1.0, 1.0)},
        {"std": (1.0, math.nan, 1.0)},
        {"std": (1.0, math.inf, 1.0)},
        {"mean": (math.nan, 0.0, 0.0)},
        {"mean": (0.0, 0.0, -math.inf)},
        {"mean": "abc"},
        {"mean": None},
        {"mean": (10**400, 0.0, 0.0)},
        {"color_order": "HSV"},
        {"color_order": ["RGB"]},
        {"color_order": "GRAY"},
        {"crop_fraction": 0},
        {"crop_fraction": -0.5},
        {"crop_fraction": 1.5},
        {"crop_fraction": math.nan},
        {"crop_fraction": "0.875"},
        {"resize": "fill"},
        {"resize": None},
        {"resize": ["crop"]},
        {"resize": "stretch", "crop_fraction": 0.9},
        {"resize": "pad", "crop_fraction": 0.9},
        {"interpolation": "lanczos"},
        {"interpolation": None},
        {"interpolation": ["bilinear"]},
    ],
)
def test_bad_values_are_refused(change: dict[str, object]) -> None:
    values = {"height": 32, "width": 32, **RGB, **change}
    with pytest.raises(InputError) as refused:
        InputSpec.from_dict(values)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("values", [{}, [], None, 7, "tf", {"height": 32, "width": 32}])
def test_what_is_no_description_is_refused(values: object) -> None:
    with pytest.raises(InputError, match="not an input description"):
        InputSpec.from_dict(values)  # type: ignore[arg-type]


@pytest.mark.parametrize("mode", ["tf", "unit", "raw"])
def test_grey_has_one_channel(mode: str) -> None:
    spec = preset(mode, 28, 28, channels=1)
    assert spec.color_order == "GRAY"
    assert spec.shape == (28, 28, 1)
    assert spec.is_uniform
    grey = np.full((28, 28, 1), 255, np.uint8)
    wanted = {"tf": 1.0, "unit": 1.0, "raw": 255.0}[mode]
    np.testing.assert_allclose(spec.normalize(grey), wanted)


@pytest.mark.parametrize("mode", ["torch", "caffe"])
def test_colour_customs_do_not_fit_grey(mode: str) -> None:
    with pytest.raises(InputError, match="grey"):
        preset(mode, 28, 28, channels=1)


def test_unknown_preset_lists_the_choices() -> None:
    with pytest.raises(InputError, match="tf, torch, caffe, unit, raw"):
        preset("pytorch", 224, 224)


@pytest.mark.parametrize("channels", [0, 2, 4])
def test_channels_other_than_1_and_3_are_refused(channels: int) -> None:
    with pytest.raises(InputError, match="1 or 3 channels"):
        preset("tf", 8, 8, channels=channels)


def test_custom_takes_one_value_or_one_each() -> None:
    assert custom([127.5], [127.5], 224, 224) == preset("tf", 224, 224)
    spec = custom([1, 2, 3], [4], 224, 224)
    assert (spec.mean, spec.std) == ((1, 2, 3), (4, 4, 4))
    assert custom([10], [5], 28, 28, channels=1).mean == (10,)
    with pytest.raises(InputError, match="1 or 3 values"):
        custom([1, 2], [1], 224, 224)
    with pytest.raises(InputError, match="greater than 0"):
        custom([0], [0], 224, 224)


@pytest.mark.parametrize("order", ["RGB", "BGR"])
def test_centered_keeps_geometry_and_takes_rgb_less_the_middle_mean(order: str) -> None:
    geometry = Geometry("crop", 0.9, "bicubic")
    spec = InputSpec(100, 50, (1.0, 2.0, 3.0), (4.0, 5.0, 6.0), order).with_geometry(geometry)
    assert spec.centered() == InputSpec(100, 50, (2.0,) * 3).with_geometry(geometry)
    assert preset("torch", 8, 8).centered().mean == (114.0,) * 3
    assert preset("caffe", 8, 8).centered().value_range == (-115.0, 140.0)
    assert preset("tf", 28, 28, channels=1).centered().shape == (28, 28, 1)


def test_another_size_has_the_same_geometry() -> None:
    assert preset("tf", 224, 224).resized(32, 48) == preset("tf", 32, 48)
    cut = preset("tf", 224, 224).with_geometry(IMAGENET_CROP)
    assert cut.resized(32, 48).geometry == IMAGENET_CROP


def test_a_models_own_user_is_taken_to_load_images_as_keras_does() -> None:
    geometry = preset("tf", 224, 224).geometry
    assert geometry == Geometry("stretch", 1.0, "bilinear-no-antialias")
    assert InputSpec(224, 224).geometry == geometry


def test_a_description_of_an_older_version_means_the_crop_that_it_had() -> None:
    """Older versions wrote a fraction and a filter, and no kind of resizing."""
    old = {"height": 224, "width": 224, **RGB, "crop_fraction": 0.9, "interpolation": "bicubic"}
    assert InputSpec.from_dict(old).geometry == Geometry("crop", 0.9, "bicubic")
    whole = {**old, "crop_fraction": 1.0, "interpolation": "bilinear"}
    assert InputSpec.from_dict(whole).geometry == Geometry("crop", 1.0, "bilinear")


@pytest.mark.parametrize(
    ("geometry", "text"),
    [
        (Geometry(), "whole, stretched to 192x256, bilinear without antialiasing"),
        (IMAGENET_CROP, "centre crop of 87.5 %, 192x256, bilinear with antialiasing"),
        (Geometry("pad", 1, "nearest"), "whole, fitted into 192x256 with black borders, nearest"),
    ],
)
def test_geometry_in_plain_words(geometry: Geometry, text: str) -> None:
    said = InputSpec(192, 256).with_geometry(geometry).geometry_text
    assert said.startswith(text)


def test_options_of_the_command_become_a_spec() -> None:
    assert Preprocessing.of("tf", None, None).spec(224, 224, 3) == preset("tf", 224, 224)
    assert Preprocessing.of(None, [127.5], [127.5]).spec(224, 224, 3) == preset("tf", 224, 224)
    assert Preprocessing.of(None, None, None).spec(224, 224, 3) is None
    assert not Preprocessing.of(None, None, None).gives_normalization


@pytest.mark.parametrize(
    ("said", "base", "wanted"),
    [
        ({}, IMAGENET_CROP, IMAGENET_CROP),
        ({"resize": "crop"}, Geometry(), IMAGENET_CROP),
        ({"resize": "crop"}, Geometry("crop", 0.9, "bicubic"), Geometry("crop", 0.9, "bicubic")),
        ({"crop_fraction": 0.9}, Geometry(), Geometry("crop", 0.9, "bilinear")),
        ({"crop_fraction": 0.9}, IMAGENET_CROP, Geometry("crop", 0.9, "bilinear")),
        ({"resize": "stretch"}, IMAGENET_CROP, Geometry()),
        ({"resize": "pad"}, IMAGENET_CROP, Geometry("pad")),
        ({"interpolation": "bicubic"}, IMAGENET_CROP, Geometry("crop", 0.875, "bicubic")),
        ({"interpolation": "nearest"}, Geometry(), Geometry(interpolation="nearest")),
    ],
)
def test_what_the_user_says_of_geometry(
    said: dict[str, Any], base: Geometry, wanted: Geometry
) -> None:
    spec = preset("tf", 224, 224).with_geometry(base)
    assert Preprocessing.of(**said).placed(spec) == spec.with_geometry(wanted)


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"resize": "fill"}, "choose stretch, crop, pad"),
        ({"interpolation": "lanczos"}, "choose nearest, bilinear"),
        ({"resize": "stretch", "crop_fraction": 0.9}, "--crop-fraction goes with --resize crop"),
        ({"resize": "pad", "crop_fraction": 1.0}, "--crop-fraction goes with --resize crop"),
        ({"crop_fraction": 0.0}, "above 0 and at most 1"),
        ({"crop_fraction": math.nan}, "above 0 and at most 1"),
        ({"resize": "crop", "crop_fraction": 1.5}, "above 0 and at most 1"),
    ],
)
def test_geometry_that_contradicts_itself_is_refused(said: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        Preprocessing.of(**said)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("keras", None, None), "unknown preprocessing"),
        (("tf", [0.0], [1.0]), "not both"),
        ((None, [0.0], None), "go together"),
        ((None, None, [1.0]), "go together"),
    ],
)
def test_options_that_contradict_are_refused(options: tuple, words: str) -> None:
    with pytest.raises(InputError, match=words):
        Preprocessing.of(*options)
