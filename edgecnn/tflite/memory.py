"""How much memory a model's activations take at once: an estimate, planned as the runtime does."""

from __future__ import annotations

from bisect import insort
from collections import Counter
from dataclasses import dataclass

from edgecnn.tflite.reading import TensorInfo, TfliteModel

ALIGNMENT = 64
"""Bytes; where the runtime lets a tensor begin."""

MAX_PLANNED = 4000
"""Tensors; planning takes their number squared."""

BITS = {
    "bfloat16": 16,
    "bool": 8,
    "complex128": 128,
    "complex64": 64,
    "float16": 16,
    "float32": 32,
    "float64": 64,
    "int16": 16,
    "int2": 2,
    "int32": 32,
    "int4": 4,
    "int64": 64,
    "int8": 8,
    "uint16": 16,
    "uint32": 32,
    "uint4": 4,
    "uint64": 64,
    "uint8": 8,
}
"""Of one value; strings and resources have no size of their own."""

IN_PLACE = frozenset({"ADD", "MUL", "RESHAPE", "SOFTMAX", "SQUEEZE"})
"""Ops that write over an input of the same size, if nobody else reads it."""


@dataclass(order=True)
class MemoryPlace:
    """Where a tensor lies (bytes), and from which op to which it is needed."""

    offset: int
    size: int
    first: int
    last: int


def tensor_bytes(tensor: TensorInfo) -> int:
    """Return what a tensor's values take in memory."""
    return (tensor.elements * BITS.get(tensor.dtype, 0) + 7) // 8


def activation_bytes(model: TfliteModel) -> int | None:
    """Estimate the memory of all activations, inputs and outputs.

    A tensor lives from the op that makes it to the last that reads it; inputs and outputs live all
    the time. As in the runtime's ``arena_planner.cc`` they are placed by size, the largest first,
    each in the smallest gap that is free for its life. What kernels need besides is not in it; with
    XNNPACK the delegate plans for itself, much alike.

    Args:
        model: The file's structure; its first subgraph counts.

    Returns:
        Bytes; None where the model has more tensors than can be planned in a moment.

    Example:
        >>> activation_bytes(read_model("mobilenet_v1_0.25_224_float32.tflite"))
        1806336
    """
    places = planned(model)
    if places is None:
        return None
    return max((place.offset + place.size for place in places.values()), default=0)


def planned(model: TfliteModel) -> dict[int, MemoryPlace] | None:
    """Return where the tensors lie, as :func:`activation_bytes` says, by their index.

    Those that share their memory share a place.
    """
    lives = _lives(model)
    waiting = list({id(place): place for place in lives.values()}.values())
    if len(waiting) > MAX_PLANNED:
        return None
    # Those that live throughout come first, and of equal sizes those that are made first.
    end = len(model.operators)
    waiting.sort(key=lambda each: (each.first > 0 or each.last < end, -each.size, each.first))
    placed: list[MemoryPlace] = []
    for place in waiting:
        place.offset = _best_offset(place, placed)
        insort(placed, place)
    return lives


def widened_bytes(model: TfliteModel) -> int:
    """Return the bytes that float16 weights take besides, once they are float32 in memory."""
    names = model.widened
    made = (out for op in model.operators for out in op.outputs if out.name in names)
    return sum(tensor_bytes(tensor) for tensor in made)


def _lives(model: TfliteModel) -> dict[int, MemoryPlace]:
    """Give each stretch of memory its life, in ops; tensors that share one have one life."""
    readers = Counter(t.index for op in model.operators for t in op.inputs if t is not None)
    ends = {tensor.index for tensor in (*model.inputs, *model.outputs)}
    last = len(model.operators)
    lives = {t.index: MemoryPlace(0, tensor_bytes(t), 0, last) for t in model.inputs}
    for step, op in enumerate(model.operators):
        read = [t for t in op.inputs if t is not None and t.index in lives]
        for tensor in read:
            lives[tensor.index].last = max(step, lives[tensor.index].last)
        for made in op.outputs:
            if made.name in model.widened or made.index in lives:
                continue
            shared = next((t for t in read if _shares(t, made, ends, readers)), None)
            if op.name in IN_PLACE and shared is not None:
                lives[made.index] = lives[shared.index]
                continue
            kept = made.index in ends
            lives[made.index] = MemoryPlace(0, tensor_bytes(made), step, last if kept else step)
    return lives


def _shares(source: TensorInfo, made: TensorInfo, ends: set[int], readers: Counter[int]) -> bool:
    alike = tensor_bytes(source) == tensor_bytes(made)
    return alike and readers[source.index] == 1 and not {source.index, made.index} & ends


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
