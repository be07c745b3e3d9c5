"""How much memory a model's activations take at once: an estimate, planned as the runtime does."""

from __future__ import annotations

from bisect import insort
from collections import Counter
from dataclasses import dataclass

from edgecnn.tflite.numbers import numbers_of
from edgecnn.tflite.reading import TfliteModel
from edgecnn.tflite.structure import TensorInfo

ALIGNMENT = 64
"""Multiple of bytes at which the runtime lets a tensor begin."""

MAX_PLANNED = 4000
"""Most tensors that are planned: the time of planning grows with the square of their number."""


@dataclass(order=True)
class MemoryPlace:
    """Where a tensor lies in memory, and for how long.

    Args:
        offset: First byte of the tensor.
        size: Bytes of the tensor.
        first: Place of the op from which on the tensor is needed.
        last: Place of the op up to which the tensor is needed.
    """

    offset: int
    size: int
    first: int
    last: int


def tensor_bytes(tensor: TensorInfo) -> int:
    """Return the bytes that a tensor's values take in memory."""
    return (tensor.elements * numbers_of(tensor.dtype).bits + 7) // 8


def activation_bytes(model: TfliteModel) -> int | None:
    """Estimate the memory of all activations, inputs and outputs.

    A tensor lives from the op that makes it to the last that reads it; inputs and outputs live all
    the time. As in the runtime's ``arena_planner.cc``, tensors are placed by size, the largest
    first, each in the smallest gap that is free for its life. Memory that kernels need besides is
    not counted. With XNNPACK the delegate plans for itself, in much the same way.

    Args:
        model: The file's structure.

    Returns:
        Bytes; None where a shape is open, or the model has more tensors than can be planned in a
        moment.

    Example:
        >>> activation_bytes(read_model("mobilenet_v1_0.25_224_float32.tflite"))
        1806336
    """
    results = (result for op in model.operators for result in op.outputs)
    if model.has_open_inputs or not all(map(model.knows_shape, results)):
        return None
    places = plan_memory(model)
    if places is None:
        return None
    return max((place.offset + place.size for place in places.values()), default=0)


def plan_memory(model: TfliteModel) -> dict[int, MemoryPlace] | None:
    """Return the places of the tensors in memory by tensor index, planned for ``activation_bytes``.

    Tensors that share their memory share a place.
    """
    lives = _lives(model)
    waiting = list({id(place): place for place in lives.values()}.values())
    if len(waiting) > MAX_PLANNED:
        return None
    # Tensors that live throughout come first, and of equal sizes those that are made first.
    end = len(model.operators)
    waiting.sort(key=lambda each: (each.first > 0 or each.last < end, -each.size, each.first))
    placed: list[MemoryPlace] = []
    for place in waiting:
        place.offset = _best_offset(place, placed)
        insort(placed, place)
    return lives


def widened_bytes(model: TfliteModel) -> int:
    """Return the additional bytes of float16 weights that are float32 in memory."""
    names = model.widened_constants
    results = (result for op in model.operators for result in op.outputs)
    return sum(tensor_bytes(tensor) for tensor in results if tensor.name in names)


def _lives(model: TfliteModel) -> dict[int, MemoryPlace]:
    """Return the place of each tensor, not planned yet; tensors that share memory share it."""
    readers = Counter(t.index for op in model.operators for t in op.inputs if t is not None)
    ends = {tensor.index for tensor in (*model.inputs, *model.outputs)}
    last = len(model.operators)
    lives = {t.index: MemoryPlace(0, tensor_bytes(t), 0, last) for t in model.inputs}
    for step, op in enumerate(model.operators):
        read = [t for t in op.inputs if t is not None and t.index in lives]
        for tensor in read:
            lives[tensor.index].last = max(step, lives[tensor.index].last)
        for result in op.outputs:
            if result.name in model.widened_constants or result.index in lives:
                continue
            shared = next((t for t in read if _shares(t, result, ends, readers)), None)
            if op.traits.in_place and shared is not None:
                lives[result.index] = lives[shared.index]
                continue
            end = last if result.index in ends else step
            lives[result.index] = MemoryPlace(0, tensor_bytes(result), step, end)
    return lives


def _shares(source: TensorInfo, result: TensorInfo, ends: set[int], readers: Counter[int]) -> bool:
    alike = tensor_bytes(source) == tensor_bytes(result)
    return alike and readers[source.index] == 1 and not {source.index, result.index} & ends


def _best_offset(place: MemoryPlace, placed: list[MemoryPlace]) -> int:
    best, smallest, free = None, None, 0
    for other in placed:
        if other.last < place.first or place.last < other.first:
            continue
        start = -(-free // ALIGNMENT) * ALIGNMENT
        gap = other.offset - free
        if start + place.size <= other.offset and (smallest is None or gap < smallest):
            best, smallest = start, gap
        free = max(free, other.offset + other.size)
    return best if best is not None else -(-free // ALIGNMENT) * ALIGNMENT
