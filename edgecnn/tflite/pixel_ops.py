"""The ops of a graph that act on each pixel alone, followed from the input on.

Preprocessing inside a model is made of such ops: products, sums, another order of the channels, and
between them ops that move or resize the picture, with which they commute. Whatever else reads a
channel map ends the walk.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgecnn.tflite.channel_map import ChannelMap
from edgecnn.tflite.tensors_and_ops import Op, Tensor


@dataclass(frozen=True)
class PixelOp:
    """An op whose results are channels of its inputs, times a factor, plus an offset.

    Args:
        inputs: The maps that the op reads; their channels lie behind each other.
        outputs: What the op makes.
        picks: For each output, the channels that it holds; None for all.
        factor: What the channels are multiplied by: one number, or one for each.
        offset: What is added to the products, likewise.
        moves: Whether the op resizes, cuts, pads or reshapes the picture.
    """

    inputs: Sequence[Tensor]
    outputs: Sequence[Tensor]
    picks: Sequence[Sequence[int]] | None = None
    factor: npt.ArrayLike = 1.0
    offset: npt.ArrayLike = 0.0
    moves: bool = False


@dataclass(frozen=True)
class TensorMap:
    """What is known of a tensor that ops on single pixels alone lead to.

    Args:
        base: The tensor that the last op which moved the picture made; the input where none did.
        from_base: What the ops behind the base make of its channels.
        from_image: What all ops together make of the channels of the image.
    """

    base: Tensor
    from_base: ChannelMap
    from_image: ChannelMap


@dataclass(frozen=True)
class LeadingMaps:
    """What the leading ops of a graph make.

    Args:
        maps: Every tensor that ops on single pixels alone lead to, with what they make of it.
        ends: Those of the tensors that other ops read, or that the graph answers.
    """

    maps: dict[Tensor, TensorMap]
    ends: tuple[Tensor, ...]

    @property
    def from_image(self) -> ChannelMap | None:
        """What all ends hold of the image; None where two of them hold different things."""
        different = {self.maps[end].from_image for end in self.ends}
        return different.pop() if len(different) == 1 else None


def leading_maps(
    image: Tensor,
    channels: int,
    ops: Iterable[Op],
    outputs: Iterable[Tensor],
    describe: Callable[[Op, int], PixelOp | None],
) -> LeadingMaps:
    """Follow an image through the ops that act on each pixel alone.

    Args:
        image: The graph's input.
        channels: Number of its channels.
        ops: The graph's ops, in an order in which they can run.
        outputs: The graph's outputs.
        describe: Returns an op that reads a map of so many channels; None for an op that mixes
            pixels or is not known.
    """
    same = ChannelMap.identity(channels)
    maps = {image: TensorMap(image, same, same)}
    ends: dict[Tensor, None] = {}
    for op in ops:
        read = [tensor for tensor in op.activation_inputs if tensor in maps]
        if not read:
            continue
        pixel_op = describe(op, maps[read[0]].from_image.channels)
        made = None if pixel_op is None else _results(maps, pixel_op)
        if made is None:
            ends.update(dict.fromkeys(read))
        else:
            maps.update(made)
    ends.update(dict.fromkeys(tensor for tensor in outputs if tensor in maps))
    return LeadingMaps(maps, tuple(ends))


def _results(maps: dict[Tensor, TensorMap], op: PixelOp) -> dict[Tensor, TensorMap] | None:
    """Return what an op makes; None if an input is unknown, or inputs are of two pictures."""
    if any(tensor not in maps for tensor in op.inputs):
        return None
    inputs = [maps[tensor] for tensor in op.inputs]
    channels = sum(each.from_base.channels for each in inputs)
    picks = op.picks or [range(channels)]
    if len({each.base for each in inputs}) != 1 or not _is_sound(op, picks, channels):
        return None
    made = {}
    for output, picked in zip(op.outputs, picks, strict=True):
        from_base, from_image = (
            ChannelMap.joined(parts).picked(picked).scaled(op.factor).shifted(op.offset)
            for parts in ([x.from_base for x in inputs], [x.from_image for x in inputs])
        )
        if op.moves:
            made[output] = TensorMap(output, ChannelMap.identity(len(picked)), from_image)
        else:
            made[output] = TensorMap(inputs[0].base, from_base, from_image)
    return made


def _is_sound(op: PixelOp, picks: Sequence[Sequence[int]], channels: int) -> bool:
    """Whether an op picks channels that there are, and has a constant for each."""
    sizes = {np.size(op.factor), np.size(op.offset)} - {1}
    return len(picks) == len(op.outputs) and all(
        picked and max(picked) < channels and sizes <= {len(picked)} for picked in picks
    )


def per_channel(values: npt.ArrayLike, channels: int) -> npt.NDArray[np.float64] | None:
    """Return a constant as one number or one for each channel; None if it is of another shape."""
    array = np.asarray(values, np.float64)
    is_along_channels = array.size == array.shape[-1] if array.ndim else True
    return (
        array.ravel() if array.size == 1 or (is_along_channels and array.size == channels) else None
    )


def keeps_channels(source: Sequence[int], result: Sequence[int], channels: int) -> bool:
    """Whether a reshaped map still has its channels last; a single one needs no dimension.

    Args:
        source: The map's shape.
        result: The shape that it gets.
        channels: Number of channels.
    """
    return channels == 1 or source[-1:] == result[-1:] == (channels,)


def sliced_channels(
    begins: Sequence[int | None],
    ends: Sequence[int | None],
    steps: Sequence[int],
    shape: Sequence[int],
) -> tuple[list[int], bool]:
    """Return the channels that a slice of a picture takes, and whether it takes all positions.

    Args:
        begins: First index in each dimension; None for the first in the slice's direction.
        ends: Index behind the last, likewise.
        steps: Step in each dimension.
        shape: Shape of what is cut, channels last.
    """
    taken = [
        range(*slice(*each).indices(side))
        for *each, side in zip(begins, ends, steps, shape, strict=True)
    ]
    is_whole = all(each == range(side) for each, side in zip(taken[:-1], shape[:-1], strict=True))
    return list(taken[-1]), is_whole
