"""Representative data: which images calibrate a model, and refusing those that would ruin it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgecnn.data.datasets import Dataset, open_dataset, sample
from edgecnn.data.inputspec import InputSpec
from edgecnn.data.loader import load
from edgecnn.errors import InputError
from edgecnn.files import quoted

DEFAULT_SAMPLES = 100
MIN_SAMPLES = 10
"""Fewer images than this give ranges that the next image leaves; only an explicit --samples may."""
NOISE_SAMPLES = 16
MOST_HELD_OUT = 100
"""Images beyond the samples on which a file is compared with the float file."""
SEED = 0


@dataclass(frozen=True)
class CalibrationImages:
    """Images cut to a model's size.

    Args:
        images: uint8, shape (count, height, width, channels), RGB or grey.
        warnings: What a user should know about them, one line each.
        held_out: How many of them, the last, nothing is fitted to; they prove the result.
        indices: Of each image in its data set.
    """

    images: npt.NDArray[np.uint8]
    warnings: tuple[str, ...] = ()
    held_out: int = 0
    indices: tuple[int, ...] = ()

    @property
    def fitted(self) -> int:
        """How many images give the ranges."""
        return len(self.images) - self.held_out


def open_calibration(data: str, samples: int) -> Dataset:
    """Open calibration data and check that there is enough of it.

    Args:
        data: As ``--calibrate`` takes it.
        samples: How many images are wanted.

    Raises:
        InputError: The data cannot be opened, or holds too few images.
    """
    if samples < 1:
        raise InputError(f"--samples must be at least 1, not {samples}")
    dataset = open_dataset(data)
    least = min(MIN_SAMPLES, samples)
    if len(dataset) < least:
        raise InputError(
            f"{quoted(data)} has {len(dataset)} image(s), too few to calibrate with: give at "
            f"least {least} that look like what the model will see"
        )
    return dataset


def load_calibration(
    dataset: Dataset, samples: int, spec: InputSpec, on_progress: Callable[[int, int], None]
) -> CalibrationImages:
    """Decode a fixed sample of images, drawn evenly over the classes, and some to prove it on.

    Of data that has no more than the samples, a third is held out.

    Args:
        dataset: What :func:`open_calibration` gave.
        samples: How many to fit to.
        spec: The model's input.
        on_progress: Told (images done, images in all).

    Raises:
        InputError: No image can be read, or all of them are of one colour.
    """
    indices = sample(dataset, samples + MOST_HELD_OUT, seed=SEED)
    images, kept, unreadable = [], [], []
    for number, loaded in enumerate(load(dataset, indices, spec)):
        if loaded.image is None:
            unreadable.append(loaded.error)
        else:
            images.append(loaded.image)
            kept.append(loaded.index)
        on_progress(number + 1, len(indices))
    if not images:
        raise InputError(f"no calibration image can be read: {unreadable[0]}")
    _refuse_constant(images)
    held_out = _held_out(len(images), samples)
    count = min(len(images), samples)
    return CalibrationImages(
        np.stack(images), tuple(_warnings(count, samples, unreadable)), held_out, tuple(kept)
    )


def _held_out(images: int, samples: int) -> int:
    """Return how many images are kept for the proof: those beyond the samples, or a third."""
    beyond = images - samples
    if beyond >= MIN_SAMPLES:
        return beyond
    return images // 3 if images >= MIN_SAMPLES else 0


def label_outputs(
    dataset: Dataset | None, calibration: CalibrationImages, outputs: int
) -> list[int] | None:
    """Return for each held-out image the output that stands for its label.

    Args:
        dataset: Where the images come from.
        calibration: The images.
        outputs: Class scores that the model gives.

    Returns:
        None where there are no labels, or they are not the model's classes.
    """
    from edgecnn.measure.accuracy import find_label_offset

    if dataset is None or dataset.labels is None or not calibration.held_out:
        return None
    try:
        offset = find_label_offset(outputs, dataset)
    except InputError:
        return None
    held_out = calibration.indices[-calibration.held_out :]
    return [dataset.labels[index] + offset for index in held_out]


def noise(spec: InputSpec) -> CalibrationImages:
    """Return random images for a model whose weights are random too: only its cost matters."""
    generator = np.random.Generator(np.random.PCG64(SEED))
    images = generator.integers(0, 256, (NOISE_SAMPLES, *spec.shape), np.uint8)
    return CalibrationImages(images)


def _refuse_constant(images: list[npt.NDArray[np.uint8]]) -> None:
    constant = sum(int(image.min() == image.max()) for image in images)
    if 2 * constant > len(images):
        raise InputError(
            f"{constant} of {len(images)} calibration images are of one colour: give images that "
            "look like what the model will see"
        )


def _warnings(count: int, samples: int, unreadable: list[str | None]) -> list[str]:
    warnings = []
    if unreadable:
        warnings.append(f"{len(unreadable)} calibration image(s) skipped: {unreadable[0]}")
    if count < samples:
        warnings.append(f"calibrated on {count} images where {samples} were asked for")
    return warnings
