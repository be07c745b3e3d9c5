"""How many bytes a network moves before one of its ops uses the same memory again."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from edgecnn.profiling.profiled_ops import ProfiledOp
from edgecnn.tflite.memory import MemoryPlace, planned
from edgecnn.tflite.reading import TfliteModel

MOST_IDLE_BYTES = 64 << 20
"""After so many bytes no cache of a small device holds anything of what was there before."""


def with_idle_bytes(model: TfliteModel, ops: Sequence[ProfiledOp]) -> list[ProfiledOp]:
    """Return ops with the bytes that others move before the same memory is used again.

    Weights are read again after a whole inference. The memory of results is used sooner: the
    runtime lays them over others that are not needed any more, often over what the ops just before
    have read. A result that is laid over its op's own input waits for nothing.

    Args:
        model: The file's structure.
        ops: All ops that run, in order.
    """
    places, most = planned(model), min(MOST_IDLE_BYTES, sum(op.bytes for op in ops))
    if places is None:
        return [dataclasses.replace(op, idle_bytes=most) for op in ops]
    used = [_used(model, op, places) for op in ops]
    results = [_results(model, op, places) for op in ops]
    return [
        dataclasses.replace(
            op,
            idle_bytes=most
            if op.weight_bytes > op.written_bytes
            else min(most, _moved_before(number, ops, used, results[number])),
        )
        for number, op in enumerate(ops)
    ]


def _used(model: TfliteModel, op: ProfiledOp, places: dict[int, MemoryPlace]) -> list[MemoryPlace]:
    """Return the memory that an op reads and writes, constants aside."""
    one = model.operators[op.place]
    tensors = (*one.inputs, *one.outputs)
    return [places[t.index] for t in tensors if t is not None and t.index in places]


def _results(
    model: TfliteModel, op: ProfiledOp, places: dict[int, MemoryPlace]
) -> list[MemoryPlace]:
    """Return the memory of an op's results, except where they are laid over what it reads."""
    one = model.operators[op.place]
    read = {id(places[t.index]) for t in one.inputs if t is not None and t.index in places}
    made = [places[t.index] for t in one.outputs if t.index in places]
    return [place for place in made if id(place) not in read]


def _moved_before(
    number: int,
    ops: Sequence[ProfiledOp],
    used: list[list[MemoryPlace]],
    results: list[MemoryPlace],
) -> int:
    """Return how many bytes were moved since half of the memory of an op's results was used."""
    wanted, moved = sum(place.size for place in results) / 2, 0
    # Before the first op of an inference comes the last one of the inference before.
    for before in (number - step for step in range(1, len(ops))):
        wanted -= sum(_overlap(place, other) for place in results for other in used[before])
        if wanted <= 0:
            break
        moved += ops[before].bytes
    return moved


def _overlap(one: MemoryPlace, other: MemoryPlace) -> int:
    end = min(one.offset + one.size, other.offset + other.size)
    return max(0, end - max(one.offset, other.offset))
