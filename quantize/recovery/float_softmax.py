"""Which ops at a model's outputs leave the integers: softmax, sigmoid, and what joins unlike parts.

Softmax of 8-bit integers has 256 levels from 0 to 1: of a thousand classes most share one of the
lowest levels, and the best classes are often equal; a sigmoid that is sure is 0 or 255/256. In
float the same op costs microseconds. Of large maps it costs milliseconds: on 1 December 2026, on
two shared x86-64 cores with one thread, DEQUANTIZE and SOFTMAX of 256x256 positions took 4.5 ms in
float and 5.8 ms in int8 with 21 classes, 3.1 and 0.9 ms with two. So large maps of few classes
stay in integers, where as many of their positions are ties as in float: the scores are in 8 bits.

A detector's boxes and scores that are joined in one tensor have one scale in integers: boxes of
hundreds of pixels leave three levels for scores. Each part keeps its own scale where the join is
in float.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from edgecnn.tflite.graph import Graph
from edgecnn.tflite.ops import PROBABILITY_OPS
from edgecnn.tflite.output_kinds import OutputKind
from edgecnn.tflite.tensors_and_ops import Op, Tensor

MOST_FLOAT_ANSWERS = 1 << 16
"""Most numbers of an output whose sigmoid, or softmax of few classes, leaves the integers."""
FAST_SOFTMAX_CLASSES = 8
"""Number of classes from which on softmax in float takes no more time than in integers."""


def ops_in_float(graph: Graph, kinds: Sequence[OutputKind]) -> tuple[str, ...]:
    """Return the names of the results of the ops at the outputs that leave the integers.

    Args:
        graph: A float graph.
        kinds: The kind of each output.

    Example:
        >>> ops_in_float(graph, [OutputKind.CLASSES])
        ('probabilities',)
    """
    pairs = zip(graph.outputs, kinds, strict=True)
    ops = dict.fromkeys(op for tensor, kind in pairs for op in _ends(graph, tensor, kind))
    return tuple(op.result.name for op in ops)


def joined_outputs(graph: Graph, kinds: Sequence[OutputKind]) -> list[int]:
    """Return the numbers of the outputs that join parts of different kinds.

    Args:
        graph: A float graph.
        kinds: The kind of each output.
    """
    pairs = zip(graph.outputs, kinds, strict=True)
    return [
        place
        for place, (tensor, kind) in enumerate(pairs)
        if any(op.kind == "CONCATENATION" for op in _ends(graph, tensor, kind))
    ]


def _ends(graph: Graph, tensor: Tensor, kind: OutputKind) -> list[Op]:
    """Return the ops from an output back to what leaves the integers; none if nothing does."""
    passed: list[Op] = []
    while (op := graph.maker(tensor)) is not None:
        passed.append(op)
        if op.kind in PROBABILITY_OPS:
            return passed if _is_cheap(op) else []
        if op.kind == "CONCATENATION" and kind is OutputKind.DETECTIONS:
            parts = list(_of_parts(graph, op))
            return [*passed, *parts] if joins_unlike_parts(graph, op) else []
        if not op.traits.passes_values:
            return []
        tensor = op.source
    return []


def _is_cheap(op: Op) -> bool:
    """Whether an op takes about as much time in float as in integers, or next to none."""
    has_many = op.kind == "SOFTMAX" and op.result.shape[-1] >= FAST_SOFTMAX_CLASSES
    return has_many or op.result.elements <= MOST_FLOAT_ANSWERS


def _of_parts(graph: Graph, join: Op) -> Iterator[Op]:
    for part in join.activation_inputs:
        yield from _ends(graph, part, OutputKind.CLASSES)
        if not _are_probabilities(graph, part):
            yield from _decoding(graph, part)


def _decoding(graph: Graph, part: Tensor) -> Iterator[Op]:
    """Yield the ops that make boxes of what the last layers give, from the boxes back.

    They are few numbers, and ops such as EXP have ranges in which 8 bits leave a box two sizes.
    """
    waiting, seen = [part], set[Op]()
    while waiting:
        op = graph.maker(waiting.pop())
        if op is None or op in seen or op.is_weighted or op.result.elements > MOST_FLOAT_ANSWERS:
            continue
        seen.add(op)
        yield op
        waiting.extend(op.activation_inputs)


def joins_unlike_parts(graph: Graph, join: Op) -> bool:
    """Say whether some parts of a join are probabilities and others are not.

    Args:
        graph: The graph of the join.
        join: A CONCATENATION.
    """
    found = {_are_probabilities(graph, part) for part in join.activation_inputs}
    return len(found) > 1


def _are_probabilities(graph: Graph, tensor: Tensor) -> bool:
    while (op := graph.maker(tensor)) is not None:
        if op.kind in PROBABILITY_OPS:
            return True
        if not op.traits.passes_values:
            return False
        tensor = op.source
    return False
