"""Images that a model makes: PSNR and SSIM against the images that are wanted."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edgecnn.accuracy.kinds.figures import Floats, KindFigure, mean_figure
from edgecnn.accuracy.kinds.judge import Array
from edgecnn.core.errors import InputError
from edgecnn.data.images import decode_cut
from edgecnn.data.inputspec import InputSpec
from edgecnn.data.targets import ArrayTargets, TargetImages
from edgecnn.records.recorded_figure import Unit
from edgecnn.tflite.output_outline import OutputOutline
from edgecnn.tflite.structure import TensorInfo

PEAK = 255.0
"""Levels of a pixel reach from 0 to 255."""

MOST_PSNR = 100.0
"""PSNR of images that are equal, which would be infinite."""

WINDOW, DEVIATION = 11, 1.5
"""Pixels of SSIM's window on each side, and the deviation of its Gaussian weights."""

STABILITY = ((0.01 * PEAK) ** 2, (0.03 * PEAK) ** 2)


class ImageJudge:
    """Judges an image against the one that is wanted, in levels of 0 to 255.

    Args:
        number: Number of the output.
        output: The output, shape (1, height, width, channels).
        targets: The images that are wanted, as files or as an array of levels 0 to 255.
        outline: How the output's values come about: a sigmoid's are 0 to 1, tanh's -1 to 1.
        spec: How the model's input is normalised: other outputs are taken for normalised alike;
            None where the input is no image, whose outputs are taken for levels.

    Raises:
        InputError: The output is no image.
    """

    takes_places = False

    def __init__(
        self,
        number: int,
        output: TensorInfo,
        targets: TargetImages | ArrayTargets,
        outline: OutputOutline,
        spec: InputSpec | None,
    ) -> None:
        if len(output.shape) != 4 or output.shape[-1] not in (1, 3):
            raise InputError(f"an output of shape {output.shape} is no image")
        self.outputs: tuple[int, ...] = (number,)
        self.name = output.name
        self._shape = output.shape[1:]
        self._targets = targets
        self._scale, self._offset, said = _levels(outline, spec)
        self.reading = f"the image of the output was read as {said}"

    def target(self, index: int, spec: InputSpec | None) -> npt.NDArray[np.float64]:
        """Return the image that is wanted, levels, float64, of the output's shape."""
        height, width, channels = self._shape
        if isinstance(self._targets, ArrayTargets):
            values = np.asarray(self._targets.values[index], np.float64)
            if values.size != height * width * channels:
                raise InputError(
                    f"an image of shape {values.shape} is given, and the output's is {self._shape}"
                )
            return values.reshape(self._shape)
        assert spec is not None
        path: Path = self._targets.paths[index]
        return decode_cut(path, _placed(spec, height, width, channels)).astype(np.float64)

    def row(self, values: Sequence[Array], target: Array) -> tuple[float, float]:
        """Return PSNR and SSIM of a sample."""
        image = self._image(values)
        return psnr(image, target), ssim(image, target)

    def answer(self, values: Sequence[Array]) -> npt.NDArray[np.uint8]:
        """Return the image in whole levels."""
        return np.round(self._image(values)).astype(np.uint8)

    def figures(self, rows: Sequence[tuple[float, float]]) -> list[KindFigure]:
        """Return the means of PSNR and SSIM over the images."""
        decibels, likeness = np.array(rows, np.float64).T
        figures = [mean_figure("PSNR", Unit.DECIBEL, decibels)]
        if np.isfinite(likeness).all():
            figures.append(mean_figure("SSIM", Unit.PLAIN, likeness))
        return figures

    def agreement(self, answers: Sequence[Array], others: Sequence[Array]) -> KindFigure:
        """Return the mean PSNR between two models' images."""
        pairs = zip(answers, others, strict=True)
        apart = [psnr(one.astype(np.float64), other.astype(np.float64)) for one, other in pairs]
        return mean_figure("PSNR between both", Unit.DECIBEL, np.array(apart))

    def _image(self, values: Sequence[Array]) -> npt.NDArray[np.float64]:
        image = np.asarray(values[0], np.float64).reshape(self._shape)
        levels: npt.NDArray[np.float64] = np.clip(image * self._scale + self._offset, 0, PEAK)
        return levels


def psnr(image: Floats, wanted: Floats) -> float:
    """Return the peak signal-to-noise ratio of an image of levels 0 to 255, in decibels.

    Args:
        image: float64, any shape.
        wanted: float64, of the same shape.

    Returns:
        At most :data:`MOST_PSNR`.

    Example:
        >>> round(psnr(np.zeros((2, 2)), np.full((2, 2), 25.5)), 3)
        20.0
    """
    error = float(((image - wanted) ** 2).mean())
    return MOST_PSNR if error == 0 else min(MOST_PSNR, float(10 * np.log10(PEAK**2 / error)))


def ssim(image: Floats, wanted: Floats) -> float:
    """Return the structural similarity of two images of levels 0 to 255.

    Z. Wang et al., "Image Quality Assessment: From Error Visibility to Structural Similarity"
    (2004): windows of 11x11 pixels with Gaussian weights, and the mean over channels.

    Args:
        image: float64, shape (height, width, channels).
        wanted: float64, of the same shape.

    Returns:
        -1 to 1; NaN for images of less than 11 pixels on a side.
    """
    if min(image.shape[:2]) < WINDOW:
        return float("nan")
    means = [_blurred(each) for each in (image, wanted)]
    squares = [_blurred(each) for each in (image * image, wanted * wanted, image * wanted)]
    one, other, both = (
        squares[0] - means[0] ** 2,
        squares[1] - means[1] ** 2,
        squares[2] - means[0] * means[1],
    )
    brightness = (2 * means[0] * means[1] + STABILITY[0]) / (
        means[0] ** 2 + means[1] ** 2 + STABILITY[0]
    )
    structure = (2 * both + STABILITY[1]) / (one + other + STABILITY[1])
    return float((brightness * structure).mean())


def _blurred(image: Floats) -> Floats:
    """Return weighted means of all windows that lie within an image."""
    offsets = np.arange(WINDOW) - WINDOW // 2
    weights = np.exp(-(offsets**2) / (2 * DEVIATION**2))
    weights /= weights.sum()
    for axis in (0, 1):
        windows = np.lib.stride_tricks.sliding_window_view(image, WINDOW, axis=axis)
        image = windows @ weights
    return image


def _levels(outline: OutputOutline, spec: InputSpec | None) -> tuple[Array, Array, str]:
    """Return factor and summand from an output's values to levels, and how that is said."""
    if outline.activation == "sigmoid":
        return np.array(PEAK), np.array(0.0), "0 to 1, as a sigmoid gives it"
    if outline.ending == "TANH":
        return np.array(PEAK / 2), np.array(PEAK / 2), "-1 to 1, as tanh gives it"
    if spec is None:
        return np.array(1.0), np.array(0.0), "levels of 0 to 255"
    if len(set(spec.std)) == 1 and len(set(spec.mean)) == 1:
        scale, offset = np.array(spec.std[0]), np.array(spec.mean[0])
    else:
        scale, offset = np.array(spec.std), np.array(spec.mean)
    low, high = spec.value_range
    return scale, offset, f"normalised as its input is ({low:g} to {high:g})"


def _placed(spec: InputSpec, height: int, width: int, channels: int) -> InputSpec:
    """Return the geometry of a model's input at the size of its output."""
    grey = channels == 1
    values = (0.0,) * channels, (1.0,) * channels
    return InputSpec(
        height, width, *values, "GRAY" if grey else "RGB", spec.resize, spec.crop_fraction,
        spec.interpolation,
    )  # fmt: skip
