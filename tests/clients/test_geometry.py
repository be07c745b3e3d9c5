"""Pictures of any size: MediaPipe's ImageClassifier, which resizes them itself, and edgecnn's own.

MediaPipe decodes the same PNG files, so that nothing but the resizing can differ.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import edgecnn
from edgecnn.model_metadata.labels import imagenet_labels
from edgecnn.tflite.reading import read_model
from tests.at_hand import NotAtHand, not_here

from .clients import from_mediapipe
from .environments import MEDIAPIPE_PACKAGES, environment
from .jobs import Job

NEAR = 0.02
"""What the scores of two programs may differ by, for their users to call them the same."""

SIZES = [(224, 224), (288, 432), (432, 288), (301, 300), (60, 90), (1100, 1500)]
"""Height and width of the pictures, the model's own size first."""

PEERS = ("mobilenet_v1_0.25_224_float_metadata", "mobilenet_v1_0.25_224_quant_metadata")


@pytest.fixture(scope="module")
def mediapipe() -> Path:
    try:
        return environment("mediapipe", MEDIAPIPE_PACKAGES)
    except NotAtHand as error:
        not_here(str(error), "EDGECNN_REQUIRE_CLIENTS")


@pytest.fixture(scope="module")
def pictures(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("pictures")
    photos = sorted((shared_data / "imagenet_sample" / "images").iterdir())[:: 500 // len(SIZES)]
    files = [folder / f"{height}x{width}.png" for height, width in SIZES]
    for photo, file, (height, width) in zip(photos, files, SIZES, strict=False):
        Image.open(photo).convert("RGB").resize((width, height)).save(file)
    return files


def centre_of(height: int, width: int) -> dict[str, float] | None:
    """Return the region of interest that a program passes for a crop of 87.5 % at 224x224."""
    if (height, width) == (224, 224):
        return None
    scale = max(256 / height, 256 / width)
    full_height, full_width = round(height * scale), round(width * scale)
    left, top = (full_width - 224) // 2, (full_height - 224) // 2
    return {
        "left": left / full_width,
        "top": top / full_height,
        "right": (left + 224) / full_width,
        "bottom": (top + 224) / full_height,
    }


def assert_same(model: Path, pictures: list[Path], mediapipe: Path, *, cropped: bool) -> None:
    regions = tuple(centre_of(*size) for size in SIZES) if cropped else ()
    job = Job("peer", model, tuple(pictures), read_model(model), regions)
    (answer,) = from_mediapipe(mediapipe, [job])
    assert answer.scores is not None, answer.error
    for scores, found in zip(
        answer.scores, edgecnn.classify(model, pictures, top=answer.scores.shape[1]), strict=True
    ):
        ours = np.array([best.score for best in found.top])
        theirs = scores[[best.index for best in found.top]]
        assert np.abs(ours - theirs).max() <= NEAR, found.image
        # The order of our best five is theirs, but for classes with the same score.
        assert (np.diff(theirs[:5]) <= 0).all(), found.image
        assert theirs[0] == scores.max(), found.image


@pytest.mark.parametrize("name", PEERS)
def test_makers_files_answer_as_in_mediapipe(
    name: str, shared_data: Path, pictures: list[Path], mediapipe: Path
) -> None:
    model = shared_data / "peers" / f"{name}.tflite"
    assert_same(model, pictures, mediapipe, cropped=False)


@pytest.mark.parametrize("resize", ["stretch", "crop"])
def test_files_of_ours_with_mediapipes_filter_answer_as_there(
    resize: str, shared_data: Path, pictures: list[Path], mediapipe: Path, tmp_path: Path
) -> None:
    (made,) = edgecnn.convert(
        shared_data / "models" / "mobilenet_v1_0.25_224.keras", quantize="float32",
        output=tmp_path, preprocess="tf", labels=imagenet_labels(1001), resize=resize,
        interpolation="bilinear-asymmetric",
    )  # fmt: skip
    assert_same(made.path, pictures, mediapipe, cropped=resize == "crop")


def test_the_filter_is_mediapipes_to_the_byte(
    pictures: list[Path], mediapipe: Path, tmp_path: Path
) -> None:
    """A model whose scores are the pixels that it was given."""
    keras = pytest.importorskip("keras")
    from edgecnn.data.geometry import MEDIAPIPE_TASKS
    from edgecnn.data.images import decode, fit
    from edgecnn.data.inputspec import preset

    image = keras.Input((28, 28, 3))
    keras.Model(image, keras.layers.Flatten()(image)).save(tmp_path / "pixels.keras")
    (made,) = edgecnn.convert(
        tmp_path / "pixels.keras", quantize="float32", preprocess="raw", output=tmp_path,
        labels=[f"pixel {number}" for number in range(28 * 28 * 3)],
    )  # fmt: skip
    job = Job("pixels", made.path, tuple(pictures), read_model(made.path))
    (answer,) = from_mediapipe(mediapipe, [job])
    assert answer.scores is not None, answer.error
    spec = preset("raw", 28, 28).with_geometry(MEDIAPIPE_TASKS)
    for picture, pixels in zip(pictures, answer.scores, strict=True):
        np.testing.assert_array_equal(pixels.reshape(28, 28, 3), fit(decode(picture), spec))
