"""How long memory lies idle before an op of a network uses it again, in bytes moved meanwhile."""

from __future__ import annotations

from collections.abc import Sequence

from edgecnn.inspection.memory import Place, planned
from edgecnn.profiling.ops import Op
from edgecnn.quantize.flatbuffer import TfliteModel

MOST_IDLE = 64 << 20
"""Bytes after which no cache of a small device holds anything of what was there before."""


def idle_weights(ops: Sequence[Op]) -> int:
    """Return what is moved until weights are read again: all that one inference moves.

    Args:
        ops: All that run.
    """
    return min(MOST_IDLE, sum(op.bytes for op in ops))


def idle_results(model: TfliteModel, ops: Sequence[Op]) -> dict[int, int]:
    """Return what is moved between the last use of the memory that an op writes to and that op.

    The runtime lays results over others that are not needed any more, so a result often comes to
    lie where the ops just before have read. What is laid over an op's own input waits for nothing.

    Args:
        model: The file's structure.
        ops: All that run, in order.

    Returns:
        Place of an op in the file -> bytes.
    """
    places, most = planned(model), idle_weights(ops)
    if places is None:
        return {op.place: most for op in ops}
    used = [_used(model, op, places) for op in ops]
    return {op.place: _idle(number, model, ops, places, used) for number, op in enumerate(ops)}


def _used(model: TfliteModel, op: Op, places: dict[int, Place]) -> list[Place]:
    one = model.operators[op.place]
    tensors = (*one.inputs, *one.outputs)
    return [places[t.index] for t in tensors if t is not None and t.index in places]


def _idle(
    number: int,
    model: TfliteModel,
    ops: Sequence[Op],
    places: dict[int, Place],
    used: list[list[Place]],
) -> int:
    one, most = model.operators[ops[number].place], idle_weights(ops)
    results = [places[t.index] for t in one.outputs if t.index in places]
    read = {id(places[t.index]) for t in one.inputs if t is not None and t.index in places}
    if all(id(place) in read for place in results):
        return 0
    wanted, moved = sum(place.size for place in results) / 2, 0
    # Before the first op of an inference comes the last one of the inference before.
    for step in range(1, len(ops)):
        before = number - step
        wanted -= sum(_overlap(place, other) for place in results for other in used[before])
        if wanted <= 0 or moved >= most:
            break
        moved += ops[before].bytes
    return min(most, moved)


def _overlap(one: Place, other: Place) -> int:
    end = min(one.offset + one.size, other.offset + other.size)
    return max(0, end - max(one.offset, other.offset))
