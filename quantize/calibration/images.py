"""Representative data: which images calibrate a model, and refusing those that would ruin it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edgecnn.accuracy.output_labels import ModelOutputs
from edgecnn.core.errors import InputError
from edgecnn.core.files import quoted
from edgecnn.data.arrays import InputWanted, NamedArrays
from edgecnn.data.datasets import Dataset, sample_indices
from edgecnn.data.inputspec import InputSpec
from edgecnn.data.loader import load_images

DEFAULT_SAMPLES = 100
MIN_SAMPLES = 10
"""Fewest images to calibrate with, unless --samples says fewer: the next image would leave the
ranges of so few."""
NOISE_SAMPLES = 16
MOST_HELD_OUT = 100
"""Most images beyond the samples on which a file is compared with the float file."""
MOST_HELD_OUT_FOR_BUDGET = 500
"""Most images beyond the samples where an accuracy budget of a fraction of a percent is to be
measured."""
SEED = 0
NONE_READABLE = "no calibration image can be read"

SLIVER = 25
"""Brightest value of images that use no more than a tenth of 0..255."""
DARK, BRIGHT = 64, 191
"""A set of images is nearly black if 99 % of its values are below ``DARK``, nearly white if 99 %
are above ``BRIGHT``."""
CLIPPED = 0.5
"""Part of the values of coloured images that are black or white, with some of both, beyond which
the images were changed before they were saved."""
NEARLY_ALL = 0.97
"""Part of the values of coloured images that are black or white, beyond which the images are
normalised numbers cast to bytes."""
AS_SEEN = "give images as bright as those that the model will see"
COLOURED = 2.0
"""Mean difference of red and blue below which images are as good as grey."""
STRIDE = 4
"""Step between the rows and columns that statistics of pixels are taken from."""


@dataclass(frozen=True)
class CalibrationSamples:
    """Samples of a model's inputs: images cut to its size, or arrays as they are.

    Args:
        arrays: For each input the samples, shape (count, *shape of a sample): of images uint8,
            shape (count, height, width, channels), RGB or grey.
        warnings: What a user should know about them, one line each.
        held_out: How many samples are held out: the last ones, which prove the result.
        indices: Index of each image in its data set.
        are_images: Whether the samples are pixels.
    """

    arrays: tuple[npt.NDArray[Any], ...]
    warnings: tuple[str, ...] = ()
    held_out: int = 0
    indices: tuple[int, ...] = ()
    are_images: bool = True

    @property
    def images(self) -> npt.NDArray[np.uint8]:
        """The images, where the samples are images."""
        assert self.are_images
        return self.arrays[0]

    @property
    def count(self) -> int:
        """How many samples there are."""
        return len(self.arrays[0])

    @property
    def fitted(self) -> int:
        """How many samples give the ranges."""
        return self.count - self.held_out


def check_count(count: int, samples: int, data: str, noun: str = "image") -> None:
    """Raise InputError if data has too few samples to calibrate with.

    Args:
        count: How many samples there are.
        samples: How many samples are asked for.
        data: The data's name for the message.
        noun: What a sample is called.
    """
    if samples < 1:
        raise InputError(f"--samples must be at least 1, not {samples}")
    least = min(MIN_SAMPLES, samples)
    if count < least:
        raise InputError(
            f"{quoted(data)} has {count} {noun}(s), too few to calibrate with: give at least "
            f"{least} that look like what the model will see"
        )


def load_calibration(
    dataset: Dataset,
    samples: int,
    spec: InputSpec,
    on_progress: Callable[[int, int], None],
    most_held_out: int = MOST_HELD_OUT,
) -> CalibrationSamples:
    """Decode a fixed sample of images, drawn evenly over the classes, and further ones to hold out.

    Where the data has no more images than the samples, a third of them is held out.

    Args:
        dataset: The data, from :func:`~edgecnn.data.datasets.open_dataset`.
        samples: How many images to fit to.
        spec: The model's input.
        on_progress: Called with (images done, images in all).
        most_held_out: How many further images to hold out at most.

    Raises:
        InputError: No image can be read, most are of one colour, or they use a sliver of 0..255.
    """
    indices = sample_indices(dataset, samples + most_held_out, seed=SEED)
    images, read_indices, unreadable = [], [], []
    for number, loaded in enumerate(load_images(dataset, indices, spec)):
        if loaded.image is None:
            unreadable.append(loaded.error)
        else:
            images.append(loaded.image)
            read_indices.append(loaded.index)
        on_progress(number + 1, len(indices))
    if len(images) < min(MIN_SAMPLES, samples):
        some = f"only {len(images)} of {len(indices)} calibration images can be read, too few"
        raise InputError(f"{some if images else NONE_READABLE}: {unreadable[0]}")
    _refuse_constant(images)
    stacked, held_out = np.stack(images), _held_out(len(images), samples)
    warnings = [
        *_unreadable_warnings(unreadable),
        *_count_warnings(len(images), held_out, samples, "images"),
        *pixel_warnings(stacked, spec),
    ]
    return CalibrationSamples((stacked,), tuple(warnings), held_out, tuple(read_indices))


def draw_arrays(
    arrays: NamedArrays,
    inputs: Sequence[InputWanted],
    samples: int,
    most_held_out: int = MOST_HELD_OUT,
) -> CalibrationSamples:
    """Read a fixed sample of arrays, as they are, and further ones to hold out.

    Args:
        arrays: The data.
        inputs: What the model's inputs take.
        samples: How many samples to fit to.
        most_held_out: How many further samples to hold out at most.

    Raises:
        InputError: An array is missing or does not fit its input, or there are too few samples.
    """
    read = arrays.read(inputs)
    check_count(len(read[0]), samples, str(arrays.path), "sample")
    generator = np.random.Generator(np.random.PCG64(SEED))
    drawn = generator.permutation(len(read[0]))[: samples + most_held_out]
    held_out = _held_out(len(drawn), samples)
    return CalibrationSamples(
        tuple(each[drawn] for each in read),
        tuple(_count_warnings(len(drawn), held_out, samples, "samples")),
        held_out,
        are_images=False,
    )


def _held_out(images: int, samples: int) -> int:
    """Return how many images are held out: those beyond the samples, or a third."""
    beyond = images - samples
    if beyond >= MIN_SAMPLES:
        return beyond
    return images // 3 if images >= MIN_SAMPLES else 0


def pixel_warnings(images: npt.NDArray[np.uint8], spec: InputSpec) -> list[str]:
    """Say what is odd about the pixels of a set of images, one line each.

    Args:
        images: uint8, shape (count, height, width, channels), RGB or grey.
        spec: How pixels become the model's input.

    Raises:
        InputError: Pixels are so near to 0 that the model's input hardly changes.

    Example:
        >>> pixel_warnings(np.full((10, 4, 4, 3), 20, np.uint8), preset("raw", 4, 4))
        ['calibration images use pixel values 0 to 20 only, of 0 to 255: ...']
    """
    brightest = int(np.percentile(images.reshape(len(images), -1).max(axis=1), 90))
    if brightest <= SLIVER:
        return [_sliver(brightest, spec)]
    drawn = images[:, ::STRIDE, ::STRIDE]
    parts = np.bincount(drawn.reshape(-1), minlength=256) / drawn.size
    low, high = np.searchsorted(parts.cumsum(), [0.01, 0.99])
    if high < DARK:
        return [f"{_values(f'at most {high}')} (nearly black): {AS_SEEN}"]
    if low > BRIGHT:
        return [f"{_values(f'at least {low}')} (nearly white): {AS_SEEN}"]
    if high - low <= SLIVER:
        return [f"{_values(f'{low} to {high}')} (little contrast): {AS_SEEN}"]
    ends = parts[:3].sum(), parts[253:].sum()
    is_clipped = sum(ends) > CLIPPED and min(ends) > CLIPPED / 5
    if (is_clipped or sum(ends) > NEARLY_ALL) and is_coloured(drawn):
        return [
            f"{100 * sum(ends):.0f} % of the values of the calibration images are black or white, "
            "as of numbers that were normalised or multiplied before they were saved: save the "
            "pixels as they were"
        ]
    return []


def _values(which: str) -> str:
    return f"nearly all values of the calibration images are {which}"


def _sliver(brightest: int, spec: InputSpec) -> str:
    """Say that images are nearly black; raise InputError where the model cannot use them."""
    says = f"calibration images use pixel values 0 to {brightest} only, of 0 to 255"
    if brightest <= 3:
        says += ": they look like normalised numbers rounded to whole ones; save them as 0 to 255"
    else:
        says += ": stretch them to 0 to 255, as the model will see them"
    lows = [(0.0 - mean) / std for mean, std in zip(spec.mean, spec.std, strict=True)]
    spans = [brightest / std for std in spec.std]
    # A model may have been trained on pixels of 0 to 1 as they are, or of 0 to 16 with --std 16.
    is_of_use = min(spans) > 0.25 and max(map(abs, lows)) < 4 * max(spans)
    if not is_of_use:
        raise InputError(says)
    return says


def is_coloured(images: npt.NDArray[np.uint8]) -> bool:
    """Say whether exchanging red and blue changes images; documents and drawings may have neither.

    Args:
        images: uint8, channels last.
    """
    red, blue = images[..., 0].astype(np.int16), images[..., -1]
    return bool(np.abs(red - blue).mean() > COLOURED)


@dataclass(frozen=True)
class HeldOutLabels:
    """The outputs that are right for the held-out images.

    Args:
        outputs: For each held-out image the output that stands for its label; None where there are
            no labels, or they are not known to be the model's classes.
        warnings: How classes were matched where that may be wrong, or why they were not.
    """

    outputs: tuple[int, ...] | None = None
    warnings: tuple[str, ...] = ()


def held_out_labels(
    dataset: Dataset | None, calibration: CalibrationSamples, model: ModelOutputs
) -> HeldOutLabels:
    """Return the outputs that are right for the held-out images.

    Args:
        dataset: Where the images come from.
        calibration: The images.
        model: What is known of the model's outputs.
    """
    from edgecnn.accuracy.class_outputs import UnmatchedClassesError, find_class_outputs

    if dataset is None or dataset.labels is None or not calibration.held_out:
        return HeldOutLabels()
    try:
        classes = find_class_outputs(model, dataset)
    except UnmatchedClassesError as error:
        unused = f"the labels of the calibration images are not used: {error.reason}"
        return HeldOutLabels(warnings=(unused,))
    labels = dataset.labels
    held_out = calibration.indices[-calibration.held_out :]
    warnings = () if classes.advice is None else (classes.evidence,)
    return HeldOutLabels(tuple(classes.of(labels[index] for index in held_out)), warnings)


def noise_images(spec: InputSpec) -> CalibrationSamples:
    """Return random images for a model whose weights are random too: only its cost matters."""
    generator = np.random.Generator(np.random.PCG64(SEED))
    images = generator.integers(0, 256, (NOISE_SAMPLES, *spec.shape), np.uint8)
    return CalibrationSamples((images,))


def _refuse_constant(images: list[npt.NDArray[np.uint8]]) -> None:
    constant = sum(int(image.min() == image.max()) for image in images)
    if 2 * constant > len(images):
        raise InputError(
            f"{constant} of {len(images)} calibration images are of one colour: give images that "
            "look like what the model will see"
        )


def _unreadable_warnings(unreadable: list[str | None]) -> list[str]:
    if not unreadable:
        return []
    return [f"{len(unreadable)} calibration image(s) skipped: {unreadable[0]}"]


def _count_warnings(count: int, held_out: int, asked: int, noun: str) -> list[str]:
    """Say that fewer samples gave the ranges than were asked for, and where the others are."""
    fitted = count - held_out
    if fitted >= asked:
        return []
    why = f": {held_out} of {count} are held out to prove the result on" if held_out else ""
    return [f"calibrated on {fitted} {noun} where {asked} were asked for{why}"]
