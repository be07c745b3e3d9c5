"""What a model that normalises pixels by itself takes, judged by what it does to them first.

Networks want numbers around zero with a deviation of about one, so what a model subtracts and
divides by says what its input is: ``x / 127.5 - 1`` makes that of pixels, ``x * 2 - 1`` of [0, 1].
"""

from __future__ import annotations

import enum
from collections.abc import Sequence

import numpy as np

from edgecnn.data.inputspec import InputSpec
from edgecnn.tflite.channel_map import ChannelMap

LEAST_OF_PIXELS = 8.0
"""Means and deviations of a data set's pixels are above this, those of small numbers below."""
LEAST_SIGNED_DEVIATION = 0.3
"""Deviation over a data set's pixels in [-1, 1], at least; it is half of that in [0, 1]."""
SLIGHT = 0.02
"""Part of a number's range that constants differ by that mean the same."""


class Takes(enum.Enum):
    """What numbers a model's input holds."""

    PIXELS = "raw", "0..255"
    UNIT = "unit", "[0, 1]"
    SIGNED = "tf", "[-1, 1]"
    SMALL = None, "small numbers"

    def __init__(self, preset: str | None, text: str) -> None:
        self.preset = preset
        """The preset that makes such input; None where two may."""
        self.text = text
        """The range in words."""


def what_it_takes(channels: ChannelMap) -> Takes | None:
    """Return what a model takes, judged by what it makes of its image's channels first.

    Args:
        channels: What the model makes of the channels.

    Returns:
        None where the model changes no value, so that its input can be anything.

    Example:
        >>> what_it_takes(ChannelMap.identity(3).scaled(1 / 255))
        Takes.PIXELS
    """
    factors, offsets = np.asarray(channels.factors), np.asarray(channels.offsets)
    if not np.isfinite([factors, offsets]).all() or not factors.all():
        return None
    means, deviations = -offsets / factors, 1 / np.abs(factors)
    if deviations.min() > LEAST_OF_PIXELS or means.max() > LEAST_OF_PIXELS:
        return Takes.PIXELS
    if (np.abs(means) < SLIGHT).all():
        return _without_mean(deviations)
    if (means < -SLIGHT).any():
        is_lowest = np.abs(means + 1) < SLIGHT
        is_statistical = (means > -1) & (deviations > LEAST_SIGNED_DEVIATION)
        return Takes.SIGNED if (is_lowest | is_statistical).all() else Takes.SMALL
    is_usual = np.abs(means - 0.5) < SLIGHT
    # No numbers in [0, 1] deviate by more than that from their mean.
    is_statistical = deviations <= np.sqrt(np.clip(means * (1 - means), 0, 1))
    return Takes.UNIT if (is_usual | is_statistical).all() else Takes.SMALL


def _without_mean(deviations: np.ndarray) -> Takes | None:
    """Return what a model takes that divides alone."""
    if (np.abs(deviations - 1) < SLIGHT).all():
        return None
    makes_pixels = (np.abs(deviations * 255 - 1) < SLIGHT).all()
    return Takes.UNIT if makes_pixels else Takes.SMALL


def describe_preprocessing(channels: ChannelMap) -> str | None:
    """Say in one line what a model does to pixels by itself; None where that is nothing.

    Example:
        >>> describe_preprocessing(ChannelMap.identity(3).scaled(1 / 127.5).shifted(-1))
        'the model normalises pixels by itself (x / 127.5 - 1): it takes 0..255'
    """
    takes = what_it_takes(channels)
    if takes is None:
        is_exchange = channels.is_reversed and all(channels.factors)
        return "the model exchanges red and blue of its images by itself" if is_exchange else None
    how = formula(channels)
    if takes is Takes.PIXELS:
        return f"the model normalises pixels by itself ({how}): it takes {takes.text}"
    return f"the model starts with {how}: it takes {takes.text}"


def formula(channels: ChannelMap) -> str:
    """Return what happens to a channel ``x``: ``"RGB to BGR, x - (103.9, 116.8, 123.7)"``."""
    order = "RGB to BGR, " if channels.is_reversed else ""
    factors, offsets = np.asarray(channels.factors), np.asarray(channels.offsets)
    means = -offsets / factors
    if _is_short(offsets) and not _is_one(factors):
        return f"{order}{_times(factors)}{_plus(offsets)}"
    shifted = f"x{_plus(-means)}"
    if _is_one(factors):
        return f"{order}{shifted}"
    return f"{order}({shifted}) / {_text(1 / factors)}"


def _is_one(factors: np.ndarray) -> bool:
    return bool((np.abs(factors - 1) < 1e-6).all())


def _is_short(offsets: np.ndarray) -> bool:
    """Whether an offset is one that people write down beside a factor."""
    return bool((np.abs(offsets) < 1e-6).all()) or _text(offsets) in ("-1", "-0.5", "0.5", "1")


def _times(factors: np.ndarray) -> str:
    return f"x * {_text(factors)}" if (np.abs(factors) >= 1).all() else f"x / {_text(1 / factors)}"


def _plus(offsets: np.ndarray) -> str:
    if (np.abs(offsets) < 1e-6).all():
        return ""
    return f" - {_text(-offsets)}" if (offsets <= 0).all() else f" + {_text(offsets)}"


def _text(values: np.ndarray) -> str:
    """Return one number, or one for each channel in brackets."""
    texts = [f"{value:.4g}" for value in values]
    return texts[0] if len(set(texts)) == 1 else f"({', '.join(texts)})"


def preprocessing_doubts(channels: ChannelMap, spec: InputSpec) -> Sequence[str]:
    """Say that pixels are normalised twice, or not as the model takes them.

    Args:
        channels: What the model makes of the channels of its image.
        spec: How pixels become the model's input.

    Example:
        >>> halved = ChannelMap.identity(3).scaled(1 / 127.5).shifted(-1)
        >>> preprocessing_doubts(halved, preset("tf", 96, 96))
        ['the model normalises pixels by itself (x / 127.5 - 1), so that is done twice: ...']
    """
    takes = what_it_takes(channels)
    if takes is None:
        return []
    how = formula(channels)
    if takes is Takes.PIXELS and _is_done_twice(channels, spec):
        return [
            f"the model normalises pixels by itself ({how}), so that is done twice: "
            "leave --preprocess, --mean and --std out"
        ]
    if takes is Takes.PIXELS or _suits(takes, spec):
        return []
    advice = f"--preprocess {takes.preset}" if takes.preset else "--preprocess unit or tf"
    low, high = spec.value_range
    return [
        f"the model starts with {how}, so it takes {takes.text}, and gets {low:.4g} to "
        f"{high:.4g}: say {advice}"
    ]


def _is_done_twice(channels: ChannelMap, spec: InputSpec) -> bool:
    """Whether a model that takes pixels gets what is divided, or from which a mean is taken.

    Pixels less the number that their input's zero stands for are pixels still, and the model then
    takes off the rest of the mean.
    """
    means = -np.asarray(channels.offsets) / np.asarray(channels.factors)
    is_divided = max(spec.std) > 2
    return is_divided or (min(spec.mean) > 20 and bool(means.min() > 20))


def _suits(takes: Takes, spec: InputSpec) -> bool:
    """Whether an input is in the range that a model takes."""
    low, high = spec.value_range
    if takes is Takes.UNIT:
        return low > -SLIGHT and 0.5 < high < 2
    if takes is Takes.SIGNED:
        return -1.5 < low < -0.4 and 0.4 < high < 1.5
    return high - low < LEAST_OF_PIXELS
