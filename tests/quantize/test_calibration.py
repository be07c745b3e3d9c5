"""Which calibration images are refused, which are warned about, and which are not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgecnn.accuracy.output_labels import ModelOutputs, OutputLabels
from edgecnn.core.errors import InputError
from edgecnn.data.datasets import ImageArray, open_dataset
from edgecnn.data.inputspec import PREPROCESSING, custom, preset
from edgecnn.data.preprocessing import Preprocessing
from edgecnn.importing.sources import find_source
from edgecnn.models.build_options import BuildOptions
from edgecnn.quantize.calibration.images import (
    CalibrationSamples,
    held_out_labels,
    load_calibration,
    pixel_warnings,
)
from edgecnn.quantize.output_paths import EndTypes
from edgecnn.quantize.request import Request
from edgecnn.tflite.schemes import parse_schemes

Images = Any


@pytest.fixture(scope="module")
def pictures() -> Images:
    """Smooth random pictures that use all of 0..255, with other colours in each corner."""
    from PIL import Image

    generator = np.random.default_rng(0)
    coarse = generator.integers(0, 256, (20, 5, 5, 3), np.uint8)
    return np.stack([np.asarray(Image.fromarray(image).resize((40, 40))) for image in coarse])


def warned(images: Images, preprocess: str = "tf") -> str:
    """Return what is said of images: nothing, or one line."""
    height, width, channels = images.shape[1:]
    warnings = pixel_warnings(images, preset(preprocess, height, width, channels))
    assert len(warnings) <= 1
    return "".join(warnings)


def refused(images: Images, preprocess: str) -> str:
    with pytest.raises(InputError) as caught:
        warned(images, preprocess)
    assert len(str(caught.value).splitlines()) == 1
    return str(caught.value)


def floats_as_bytes(pixels: Images, preprocess: str) -> Images:
    """What numpy makes of normalised numbers that are cast to bytes: -1 becomes 255."""
    return preset(preprocess, 40, 40).normalize(pixels).astype(np.int64).astype(np.uint8)


def test_pictures_are_taken(pictures: Images) -> None:
    assert not warned(pictures)
    assert not warned(pictures[..., :1], "unit")
    # Underexposed and hazy ones too.
    assert not warned(pictures // 2)
    assert not warned(100 + pictures // 4)


@pytest.mark.parametrize("preprocess", ["tf", "torch", "caffe", "unit"])
def test_numbers_from_0_to_1_saved_as_bytes_are_refused(pictures: Images, preprocess: str) -> None:
    says = refused(np.round(pictures / 255).astype(np.uint8), preprocess)
    assert "0 to 1 only" in says
    assert "save them as 0 to 255" in says


@pytest.mark.parametrize("preprocess", ["tf", "torch", "caffe", "unit"])
def test_twelve_bits_in_a_file_of_sixteen_are_refused(pictures: Images, preprocess: str) -> None:
    says = refused(pictures // 16, preprocess)
    assert "0 to 15 only" in says
    assert "stretch them" in says


def test_a_sliver_that_the_normalisation_widens_is_warned_about(pictures: Images) -> None:
    bits = np.round(pictures / 255).astype(np.uint8)
    assert "0 to 1 only" in warned(bits, "raw")
    for mean in (0, 8):
        (says,) = pixel_warnings(pictures // 16, custom([mean], [16], 40, 40))
        assert "0 to 15 only" in says


def test_one_bright_image_does_not_hide_a_sliver(pictures: Images) -> None:
    bits = np.round(pictures / 255).astype(np.uint8)
    bits[3] = pictures[3]
    assert "0 to 1 only" in refused(bits, "tf")


def test_dark_bright_and_flat_sets(pictures: Images) -> None:
    assert "nearly black" in warned(pictures // 5)
    assert "nearly white" in warned(255 - pictures // 5)
    assert "little contrast" in warned(100 + pictures // 11)


def test_normalised_numbers_cast_to_bytes_are_told(pictures: Images) -> None:
    for preprocess in ("tf", "torch"):
        assert "black or white" in warned(floats_as_bytes(pictures, preprocess))
    # Without pixels that are next to black nothing becomes 255.
    assert "0 to 1 only" in refused(floats_as_bytes(np.maximum(pictures, 9), "tf"), "tf")


def test_clipped_pictures_and_drawings(pictures: Images) -> None:
    clipped = np.clip((pictures.astype(int) - 128) * 9 + 128, 0, 255).astype(np.uint8)
    assert "black or white" in warned(clipped)
    drawings = np.where(pictures[..., :1] > 128, 255, 0).astype(np.uint8)
    assert not warned(drawings)
    assert not warned(np.repeat(drawings, 3, axis=-1))


def test_digits_are_taken() -> None:
    digits = open_dataset("builtin:digits-train")
    for channels in (1, 3):
        spec = preset("unit", 32, 32, channels)
        loaded = load_calibration(digits, 50, spec, lambda done, total: None)
        assert not loaded.warnings


def test_photographs_are_taken(shared_data: Path) -> None:
    photographs = open_dataset(shared_data / "imagenet_sample")
    for preprocess in PREPROCESSING:
        spec = preset(preprocess, 64, 64)
        assert not load_calibration(photographs, 20, spec, lambda done, total: None).warnings


def save_all(folder: Path, pictures: Images, count: int, broken: int = 0) -> Path:
    """Write so many pictures, and files that are no images among them."""
    from PIL import Image

    folder.mkdir()
    for number in range(count):
        Image.fromarray(pictures[number % len(pictures)]).save(folder / f"{number:03}.png")
    for number in range(broken):
        (folder / f"{number:03}b.png").write_bytes(b"no image")
    return folder


@pytest.mark.parametrize(
    ("there", "samples", "fitted", "says"),
    [
        (30, 20, 20, ""),
        # Nine beyond the samples prove too little: a third of all is held out.
        (29, 20, 20, ""),
        (24, 20, 16, "calibrated on 16 images where 20 were asked for: 8 of 24 are held out"),
        (15, 15, 10, "calibrated on 10 images where 15 were asked for: 5 of 15 are held out"),
        (12, 100, 8, "calibrated on 8 images where 100 were asked for: 4 of 12 are held out"),
        (9, 9, 9, ""),
        (3, 3, 3, ""),
    ],
)
def test_fewer_images_than_asked_for_are_counted_right(
    tmp_path: Path, pictures: Images, there: int, samples: int, fitted: int, says: str
) -> None:
    dataset = open_dataset(save_all(tmp_path / "x", pictures, there))
    told: list[tuple[int, int]] = []
    loaded = load_calibration(
        dataset, samples, preset("tf", 32, 32), lambda *report: told.append(report)
    )
    assert loaded.fitted == fitted
    assert len(loaded.images) == there == len(told)
    (warning,) = loaded.warnings or ("",)
    assert warning.startswith(says)
    assert bool(warning) == bool(says)


def test_images_that_cannot_be_read_are_counted(tmp_path: Path, pictures: Images) -> None:
    spec = preset("tf", 32, 32)
    dataset = open_dataset(save_all(tmp_path / "x", pictures, 20, broken=3))
    loaded = load_calibration(dataset, 10, spec, lambda done, total: None)
    (warning,) = loaded.warnings
    assert warning.startswith("3 calibration image(s) skipped")
    assert "b.png" in warning


@pytest.mark.parametrize(("readable", "says"), [(0, "no calibration image can"), (9, "9 of 21")])
def test_too_few_that_can_be_read_are_refused(
    tmp_path: Path, pictures: Images, readable: int, says: str
) -> None:
    dataset = open_dataset(save_all(tmp_path / "x", pictures, readable, broken=21 - readable))
    with pytest.raises(InputError, match=says) as caught:
        load_calibration(dataset, 100, preset("tf", 32, 32), lambda done, total: None)
    assert "b.png" in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_files_of_the_data_that_are_not_used_are_accounted_for(
    tmp_path: Path, pictures: Images
) -> None:
    save_all(tmp_path / "photos", pictures, 12)
    (tmp_path / "photos" / "clip.mp4").write_bytes(b"")
    request = Request(
        source=find_source("mobilenet_v2"),
        schemes=parse_schemes("int8"),
        options=BuildOptions(weights="imagenet"),
        preprocessing=Preprocessing(),
        ends=EndTypes(),
        calibrate=str(tmp_path / "photos"),
        samples=12,
        recover="fast",
        on_progress=lambda phase, done, total: None,
    )
    [warning] = request.check().warnings
    assert "13 files: 12 images, 1 of unknown suffix (.mp4)" in warning


def test_a_folder_with_the_name_of_built_in_data_is_said(
    tmp_path: Path, pictures: Images, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_all(tmp_path / "digits-train", pictures, 12)
    monkeypatch.chdir(tmp_path)
    for data, count, notes in (("digits-train", 12, 1), ("builtin:digits-train", 1433, 0)):
        request = Request(
            source=find_source("mobilenet_v2"),
            schemes=parse_schemes("int8"),
            options=BuildOptions(weights="imagenet"),
            preprocessing=Preprocessing(),
            ends=EndTypes(),
            calibrate=data,
            samples=12,
            recover="fast",
            on_progress=lambda phase, done, total: None,
        )
        checked = request.check()
        assert checked.calibration_data is not None
        assert len(checked.calibration_data) == count
        assert len(checked.warnings) == notes
        assert all("builtin:digits-train" in warning for warning in checked.warnings)


def test_held_out_images_are_judged_by_the_outputs_of_their_classes_or_not_by_labels() -> None:
    images = np.zeros((4, 8, 8, 3), np.uint8)
    folders = ImageArray("four", images, (0, 1, 2, 3), ("Truck", "cat", "deer", "dog"), False)
    calibration = CalibrationSamples((images,), held_out=3, indices=(1, 0, 2, 3))
    labels = OutputLabels(("background", "cat", "deer", "dog", "truck"), "their labels")
    judged = held_out_labels(folders, calibration, ModelOutputs(5, labels))
    assert (judged.outputs, judged.warnings) == ((4, 2, 3), ())
    judged = held_out_labels(folders, calibration, ModelOutputs(4))
    assert judged.outputs == (0, 2, 3)
    assert "'Truck' for output 0, 'dog' for output 3" in judged.warnings[0]
    judged = held_out_labels(folders, calibration, ModelOutputs(5))
    assert judged.outputs is None
    assert "are not used: the model has 5 outputs" in judged.warnings[0]
