"""What a model expects of its input image: the one description that every step uses.

Calibration, accuracy, file metadata, devices and apps all take their preprocessing from an
:class:`InputSpec`; a mismatch between them is the most common silent error in deployment.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any

from edgecnn.core.errors import InputError
from edgecnn.data.geometry import CROP_OF_OLD_FILES, NO_ANTIALIAS, STRETCH, Geometry

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

LARGEST_VALUE = 3e38
"""What pixels become is less than this, which float32 just holds."""

SMALL_INPUT = 64
"""Inputs whose shorter side has at most so many pixels are small: the first stages of registered
architectures keep their resolution."""


@dataclass(frozen=True)
class InputSpec:
    """Size, normalisation, geometry and colour order of a model's input.

    A pixel ``p`` (0..255) of channel ``c``, in the order of ``color_order``, becomes
    ``(p - mean[c]) / std[c]``.

    Args:
        height: Height in pixels.
        width: Width in pixels.
        mean: Mean of each channel, in units of a pixel (0..255).
        std: Deviation of each channel, in units of a pixel; never 0.
        color_order: ``"RGB"``, ``"BGR"`` or ``"GRAY"`` (one channel).
        resize: ``"stretch"``, ``"crop"`` or ``"pad"``, as :class:`~edgecnn.data.geometry.Geometry`
            has it.
        crop_fraction: Share of the image's sides that ``"crop"`` keeps; 1 for the other two.
        interpolation: The filter, one of ``INTERPOLATIONS`` there.

    Example:
        >>> InputSpec(224, 224, mean=(127.5,) * 3, std=(127.5,) * 3).shape
        (224, 224, 3)
    """

    height: int
    width: int
    mean: tuple[float, ...] = (0.0, 0.0, 0.0)
    std: tuple[float, ...] = (1.0, 1.0, 1.0)
    color_order: str = "RGB"
    resize: str = STRETCH
    crop_fraction: float = 1.0
    interpolation: str = NO_ANTIALIAS

    def __post_init__(self) -> None:
        """Refuse what cannot be an input; the values may come from an untrusted file."""
        if not all(_is_number(n, Integral) and n > 0 for n in (self.height, self.width)):
            raise InputError(
                f"input size {self.height!r}x{self.width!r} must be two positive whole numbers"
            )
        if self.color_order not in ("RGB", "BGR", "GRAY"):
            raise InputError(f"colour order {self.color_order!r} is none of RGB, BGR, GRAY")
        if len(self.mean) != self.channels or len(self.std) != self.channels:
            raise InputError(
                f"mean and std need {self.channels} value(s) for {self.color_order}, "
                f"not {len(self.mean)} and {len(self.std)}"
            )
        self._check_numbers()
        # Its constructor refuses values that are no geometry.
        Geometry(self.resize, self.crop_fraction, self.interpolation)

    def _check_numbers(self) -> None:
        if not all(_is_number(value, Real) for value in (*self.mean, *self.std)):
            raise InputError("mean and std must be finite numbers")
        if not all(s > 0 for s in self.std):
            raise InputError("std must be greater than 0 in every channel")
        pairs = zip(self.mean, self.std, strict=True)
        # A product, as a deviation next to 0 would make the quotient infinite.
        if any(max(abs(m) + 255, s) > LARGEST_VALUE * min(s, 1.0) for m, s in pairs):
            raise InputError("mean and std make values of a pixel that float32 cannot hold")

    @property
    def channels(self) -> int:
        """Number of channels: 1 for GRAY, else 3."""
        return 1 if self.color_order == "GRAY" else 3

    @property
    def shape(self) -> tuple[int, int, int]:
        """Shape of an image, (height, width, channels)."""
        return (self.height, self.width, self.channels)

    @property
    def geometry(self) -> Geometry:
        """How an image of any size becomes one of this size."""
        return Geometry(self.resize, self.crop_fraction, self.interpolation)

    def with_geometry(self, geometry: Geometry) -> InputSpec:
        """Return the same input with images that come to its size in another way."""
        return dataclasses.replace(self, **dataclasses.asdict(geometry))

    def is_cut_like(self, other: InputSpec) -> bool:
        """Return whether images are cut to the same pixels for both inputs."""
        return (self.shape, self.geometry) == (other.shape, other.geometry)

    @property
    def geometry_text(self) -> str:
        """What is done to an image in plain words: ``"whole, stretched to 224x224, ..."``."""
        return self.geometry.text(self.height, self.width)

    @property
    def is_uniform(self) -> bool:
        """Whether one scale and one offset serve all channels of an RGB or grey image.

        Only then can the quantisation of a uint8 input express the normalisation by itself.
        """
        return self.color_order != "BGR" and len(set(self.mean)) == 1 and len(set(self.std)) == 1

    @property
    def is_raw(self) -> bool:
        """Whether pixels go in as they are: 0..255 in RGB or grey."""
        return self.is_uniform and self.mean[0] == 0.0 and self.std[0] == 1.0

    @property
    def value_range(self) -> tuple[float, float]:
        """The least and the greatest value that a pixel can become."""
        lows = [(0.0 - m) / s for m, s in zip(self.mean, self.std, strict=True)]
        highs = [(255.0 - m) / s for m, s in zip(self.mean, self.std, strict=True)]
        return min(lows), max(highs)

    def normalize(self, images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Turn pixels into what the model was trained on.

        Args:
            images: Pixels, uint8, shape (..., height, width, channels), RGB or grey; grey ones may
                lack the channel.

        Returns:
            Values, float32 of the same shape, with the channels in ``color_order``.
        """
        import numpy as np

        if self.color_order == "BGR":
            images = images[..., ::-1]
        values = np.array(images, np.float32, order="C")
        if self.channels == 1:
            values -= np.float32(self.mean[0])
            values /= np.float32(self.std[0])
            return values
        # By rows: numpy is 20 times slower where it repeats three numbers over the last axis.
        rows = values.reshape(*images.shape[:-2], -1)
        rows -= np.tile(np.asarray(self.mean, np.float32), images.shape[-2])
        rows /= np.tile(np.asarray(self.std, np.float32), images.shape[-2])
        return values

    def centered(self) -> InputSpec:
        """Return the same geometry for a model that takes RGB or grey pixels less one number.

        The number is the whole one next to the average of the means. A quantised input then takes
        pixels as they are, and its zero, with which convolutions pad, is near the means.
        """
        order = "GRAY" if self.color_order == "GRAY" else "RGB"
        middle = float(round(sum(self.mean) / self.channels))
        return dataclasses.replace(
            self, mean=(middle,) * self.channels, std=(1.0,) * self.channels, color_order=order
        )

    def resized(self, height: int, width: int) -> InputSpec:
        """Return the same preprocessing at another size in pixels."""
        return dataclasses.replace(self, height=height, width=width)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> InputSpec:
        """Read what :meth:`to_dict` returned; InputError for anything else.

        A description that names no kind of resizing is of an older version, which always cut the
        centre out.
        """
        try:
            names = {field.name for field in dataclasses.fields(cls)}
            fields = {key: value for key, value in values.items() if key in names}
            if "resize" not in fields:
                fields = {**CROP_OF_OLD_FILES, **fields}
            fields["mean"], fields["std"] = tuple(fields["mean"]), tuple(fields["std"])
            return cls(**fields)
        except (KeyError, TypeError, AttributeError, OverflowError) as error:
            raise InputError(f"not an input description: {error}") from error


def _is_number(value: Any, kind: type[Any]) -> bool:
    return isinstance(value, kind) and not isinstance(value, bool) and math.isfinite(value)


def height_and_width(size: int | tuple[int, int]) -> tuple[int, int]:
    """Return (height, width) in pixels, also where one number stands for both."""
    return (size, size) if isinstance(size, int) else size


PREPROCESSING: dict[str, dict[str, Any]] = {
    "tf": {"mean": (127.5,) * 3, "std": (127.5,) * 3},
    "torch": {"mean": (123.675, 116.28, 103.53), "std": (58.395, 57.12, 57.375)},
    "caffe": {"mean": (103.939, 116.779, 123.68), "std": (1.0,) * 3, "color_order": "BGR"},
    "unit": {"mean": (0.0,) * 3, "std": (255.0,) * 3},
    "raw": {"mean": (0.0,) * 3, "std": (1.0,) * 3},
}
"""The field's five customs: tf -> [-1, 1]; torch -> ImageNet mean and deviation; caffe -> BGR less
the ImageNet mean; unit -> [0, 1]; raw -> 0..255."""


def preset(name: str, height: int, width: int, channels: int = 3) -> InputSpec:
    """Return the InputSpec of one of the customs in ``PREPROCESSING``.

    Args:
        name: ``"tf"``, ``"torch"``, ``"caffe"``, ``"unit"`` or ``"raw"``.
        height: Height in pixels.
        width: Width in pixels.
        channels: Number of channels: 3, or 1 for grey (tf, unit and raw only).

    Raises:
        InputError: The name is not known, or does not fit the number of channels.

    Example:
        >>> preset("tf", 224, 224).value_range
        (-1.0, 1.0)
    """
    if name not in PREPROCESSING:
        raise InputError(f"unknown preprocessing {name!r}: choose {', '.join(PREPROCESSING)}")
    values = PREPROCESSING[name]
    return _with_values(height, width, channels, **values)


def custom(
    mean: Sequence[float], std: Sequence[float], height: int, width: int, channels: int = 3
) -> InputSpec:
    """Return an InputSpec from ``--mean`` and ``--std``: one value for all channels or one each."""
    if len(mean) not in (1, channels) or len(std) not in (1, channels):
        raise InputError(f"--mean and --std take 1 or {channels} values, separated by commas")
    return _with_values(
        height,
        width,
        channels,
        mean=tuple(mean) * (channels if len(mean) == 1 else 1),
        std=tuple(std) * (channels if len(std) == 1 else 1),
    )


def _with_values(
    height: int,
    width: int,
    channels: int,
    mean: tuple[float, ...],
    std: tuple[float, ...],
    color_order: str = "RGB",
) -> InputSpec:
    if channels not in (1, 3):
        raise InputError(f"images have 1 or 3 channels, but this input has {channels}")
    if channels == 1:
        if len(set(mean)) != 1 or len(set(std)) != 1:
            raise InputError("this input is grey: choose tf, unit or raw, or one --mean and --std")
        mean, std, color_order = mean[:1], std[:1], "GRAY"
    return InputSpec(height, width, mean, std, color_order)
