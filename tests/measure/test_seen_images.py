"""Accuracy over images that the file was made with says so, and is also given without them."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import edgecnn
from edgecnn.accuracy.result import Accuracy
from edgecnn.accuracy.seen_images import SeenImageFinder
from edgecnn.data.datasets import ImageArray, open_dataset, sample_indices
from edgecnn.data.images import fit
from edgecnn.data.inputspec import preset
from edgecnn.model_metadata.calibration_digests import CalibrationDigests
from edgecnn.quantize.result import Conversion
from edgecnn.records.record import Record

QUICK: dict[str, Any] = {"runs": 1, "min_time_s": 0, "warmup": 0}
SEEN = 6
"""How many photographs of the calibration data are in the labelled data."""
CLASSES = 5

Measured = tuple[Record, Accuracy]


def new_picture(number: int) -> Image.Image:
    pixels = np.random.default_rng(number).integers(0, 256, (6, 6, 3), np.uint8)
    return Image.fromarray(pixels).resize((48, 48))


@pytest.fixture(scope="module")
def mixed(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Class folders with some of the calibration's photographs, renamed, and with others."""
    folder = tmp_path_factory.mktemp("mixed")
    for number in range(CLASSES):
        (folder / str(number)).mkdir()
    for number, photo in enumerate(sorted(photos.iterdir())[:SEEN]):
        shutil.copy(photo, folder / str(number % CLASSES) / f"renamed {number}.png")
    for number in range(9):
        new_picture(100 + number).save(folder / str(number % CLASSES) / f"new {number}.png")
    return folder


def measured(file: Path, data: Path, **options: Any) -> Measured:
    found: list[Accuracy] = []
    (record,) = edgecnn.bench(
        file, data=data, on_accuracy=lambda record, accuracy: found.append(accuracy),
        **QUICK, **options,
    )  # fmt: skip
    return record, found[0]


@pytest.fixture(scope="module")
def over_mixed(small_results: dict[str, Conversion], mixed: Path) -> Measured:
    return measured(small_results["int8"].path, mixed)


def as_array(mixed: Path, target: Path) -> Path:
    """Write the same pictures as arrays."""
    paths = sorted(mixed.glob("*/*.png"))
    pixels = np.stack([np.asarray(Image.open(path)) for path in paths])
    np.savez(target / "mixed.npz", x=pixels, y=[int(path.parent.name) for path in paths])
    return target / "mixed.npz"


def as_bitmaps(mixed: Path, target: Path) -> Path:
    """Write the same pictures in another format."""
    for path in mixed.glob("*/*.png"):
        copy = target / "bitmaps" / path.parent.name / f"{path.stem}.bmp"
        copy.parent.mkdir(parents=True, exist_ok=True)
        Image.open(path).save(copy)
    return target / "bitmaps"


def expected_uses(photos: Path) -> tuple[int, int]:
    """Return how many of the seen photographs were fitted to, and how many were held out.

    The two thirds that were drawn first are fitted to; the photographs are numbered by their names.
    """
    drawn = sample_indices(open_dataset(photos), 24)
    fitted = sum(number < SEEN for number in drawn[:16])
    return fitted, SEEN - fitted


def test_the_images_are_known_whatever_they_are_called(over_mixed: Measured, photos: Path) -> None:
    record, accuracy = over_mixed
    assert (record.images, record.images_seen) == (15, SEEN)
    assert accuracy.seen is not None
    assert (len(accuracy.seen.fitted), len(accuracy.seen.held_out)) == expected_uses(photos)
    rows = accuracy.seen.rows(accuracy.answers)
    names = [Path(accuracy.image_name(row)).name for row in range(record.images)]
    assert rows == [name.startswith("renamed") for name in names]


@pytest.mark.parametrize("form", [as_array, as_bitmaps])
def test_the_form_of_the_data_does_not_matter(
    form: Callable[[Path, Path], Path],
    over_mixed: Measured,
    small_results: dict[str, Conversion],
    mixed: Path,
    tmp_path: Path,
) -> None:
    record, _ = measured(small_results["int8"].path, form(mixed, tmp_path))
    assert record.images_seen == SEEN
    assert record.top1_unseen_percent == over_mixed[0].top1_unseen_percent


def test_the_figure_without_them_is_that_of_the_data_without_them(
    over_mixed: Measured, small_results: dict[str, Conversion], mixed: Path, tmp_path: Path
) -> None:
    shutil.copytree(mixed, tmp_path / "new", ignore=shutil.ignore_patterns("renamed*"))
    (tmp_path / "new" / "0").mkdir(exist_ok=True)
    record, accuracy = measured(small_results["int8"].path, tmp_path / "new")
    assert (record.images, record.images_seen) == (9, 0)
    assert (record.top1_unseen_percent, accuracy.unseen_answers) == (None, None)
    assert record.messages_of("calibration-images") == []
    seen = over_mixed[0]
    assert seen.top1_unseen_percent == record.top1_percent
    assert seen.top1_unseen_low_percent == record.top1_low_percent
    assert seen.top1_unseen_high_percent == record.top1_high_percent


def test_a_warning_says_both_figures(over_mixed: Measured, photos: Path) -> None:
    record, _ = over_mixed
    fitted, held_out = expected_uses(photos)
    assert record.messages_of("calibration-images") == [
        f"{SEEN} of 15 images are among those that the file was calibrated on ({fitted}) or that "
        f"proved its steps ({held_out}): without them top-1 is {record.top1_unseen_percent:.1f} %"
    ]


def test_data_of_nothing_else_has_no_figure_without_them(
    small_results: dict[str, Conversion], photos: Path, tmp_path: Path
) -> None:
    for number, photo in enumerate(sorted(photos.iterdir())[: 2 * CLASSES]):
        folder = tmp_path / "seen" / str(number % CLASSES)
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(photo, folder)
    record, _ = measured(small_results["int8"].path, tmp_path / "seen")
    assert (record.images_seen, record.top1_unseen_percent) == (10, None)
    (message,) = record.messages_of("calibration-images")
    assert message.startswith("all 10 images are among those that the file was calibrated on")
    assert "without them" not in message


def test_a_file_that_is_compared_with_is_looked_at_too(
    small_results: dict[str, Conversion], mixed: Path
) -> None:
    record, accuracy = measured(
        small_results["float32"].path, mixed, against=small_results["int8"].path
    )
    assert record.images_seen is None
    assert accuracy.other is not None and accuracy.other.seen is not None
    assert len(accuracy.other.seen) == SEEN
    (message,) = record.messages_of("calibration-images-of-other")
    assert message.startswith(f"{SEEN} of 15 images are among those that ")
    assert small_results["int8"].path.name in message


def test_a_file_without_digests_says_nothing(
    small_results: dict[str, Conversion], mixed: Path, tmp_path: Path, run_edgecnn: Any
) -> None:
    bare = tmp_path / "bare.tflite"
    shutil.copy(small_results["int8"].path, bare)
    assert "made with 24 images" in run_edgecnn("inspect", bare).stdout
    assert run_edgecnn("metadata", "strip", bare).returncode == 0
    assert "made with" not in run_edgecnn("inspect", bare).stdout
    record, accuracy = measured(bare, mixed)
    assert (record.images_seen, record.top1_unseen_percent, accuracy.seen) == (None, None, None)
    assert record.messages_of("calibration-images") == []


def test_images_that_were_cut_otherwise_are_cut_again() -> None:
    pixels = np.random.default_rng(5).integers(0, 256, (4, 50, 40, 3), np.uint8)
    data, own, other = ImageArray("array", pixels), preset("tf", 16, 16), preset("raw", 8, 8)
    cut = np.stack([fit(image, own) for image in pixels])
    finder = SeenImageFinder(data, CalibrationDigests.of(cut[[2, 0]], fitted=1), own)
    assert finder.knows_the_cut_of(preset("caffe", 16, 16))
    assert not finder.knows_the_cut_of(other)
    seen = finder.among([0, 1, 2, 3])
    assert (seen.fitted, seen.held_out) == ({2}, {0})
