"""What the first ops of a graph make of each channel of an image: a factor, an offset, an order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Values = npt.NDArray[np.float64]


@dataclass(frozen=True)
class ChannelMap:
    """Channels that are each an affine function of one channel of an image.

    Channel ``k`` holds ``factors[k] * image[..., sources[k]] + offsets[k]``.

    Args:
        sources: Number of the image's channel that each channel is made of.
        factors: What each channel is multiplied by.
        offsets: What is added to each product.

    Example:
        >>> ChannelMap.identity(3).scaled(1 / 127.5).shifted(-1).offsets
        (-1.0, -1.0, -1.0)
    """

    sources: tuple[int, ...]
    factors: tuple[float, ...]
    offsets: tuple[float, ...]

    @classmethod
    def identity(cls, channels: int) -> ChannelMap:
        """Return the map that leaves an image as it is."""
        return cls(tuple(range(channels)), (1.0,) * channels, (0.0,) * channels)

    @classmethod
    def joined(cls, maps: Sequence[ChannelMap]) -> ChannelMap:
        """Return the channels of several maps behind each other."""
        return cls(
            tuple(source for each in maps for source in each.sources),
            tuple(factor for each in maps for factor in each.factors),
            tuple(offset for each in maps for offset in each.offsets),
        )

    @property
    def channels(self) -> int:
        """Number of channels."""
        return len(self.sources)

    @property
    def is_identity(self) -> bool:
        """Whether the map changes nothing that float32 would show in a picture."""
        return (
            self.sources == tuple(range(self.channels))
            and np.allclose(self.factors, 1.0, rtol=0, atol=1e-3)
            and np.allclose(self.offsets, 0.0, rtol=0, atol=1e-6)
        )

    @property
    def is_uniform(self) -> bool:
        """Whether one factor and one offset serve all channels, whose order is the image's."""
        return (
            self.sources == tuple(range(self.channels))
            and np.allclose(self.factors, self.factors[0], rtol=1e-5, atol=0)
            and np.allclose(self.offsets, self.offsets[0], rtol=1e-5, atol=1e-6)
        )

    @property
    def is_reversed(self) -> bool:
        """Whether the channels are in the opposite order: RGB has become BGR."""
        return self.channels > 1 and self.sources == tuple(reversed(range(self.channels)))

    def scaled(self, factors: npt.ArrayLike) -> ChannelMap:
        """Return the map times one number, or one for each channel."""
        by = np.broadcast_to(np.asarray(factors, np.float64).ravel(), (self.channels,))
        return ChannelMap(
            self.sources,
            tuple((np.asarray(self.factors) * by).tolist()),
            tuple((np.asarray(self.offsets) * by).tolist()),
        )

    def shifted(self, offsets: npt.ArrayLike) -> ChannelMap:
        """Return the map plus one number, or one for each channel."""
        by = np.broadcast_to(np.asarray(offsets, np.float64).ravel(), (self.channels,))
        added = tuple((np.asarray(self.offsets) + by).tolist())
        return ChannelMap(self.sources, self.factors, added)

    def picked(self, channels: Sequence[int]) -> ChannelMap:
        """Return some of the channels, in another order."""
        return ChannelMap(
            tuple(self.sources[channel] for channel in channels),
            tuple(self.factors[channel] for channel in channels),
            tuple(self.offsets[channel] for channel in channels),
        )

    def after(self, first: ChannelMap) -> ChannelMap:
        """Return the map of an image that ``first`` is applied to before."""
        return first.picked(self.sources).scaled(self.factors).shifted(self.offsets)
