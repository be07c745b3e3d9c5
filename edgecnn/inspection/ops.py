"""The ops of a file by kind and by the precision in which they compute."""

from __future__ import annotations

from collections import Counter

from edgecnn.tflite.reading import TfliteModel
from edgecnn.tflite.structure import Operator


def operators_by_precision(model: TfliteModel) -> dict[str, dict[str, int]]:
    """Count the ops of all graphs by kind and precision, the most frequent first.

    A layer with weights counts under its scheme (``int8``, ``dynamic``, ``float16`` ...), a
    conversion under both its types, any other op under the type of its result.

    Example:
        >>> operators_by_precision(read_model("mobilenet_v2_int8.tflite"))["CONV_2D"]
        {'int8': 35}
    """
    schemes = {id(op): scheme for op, scheme in model.weighted_operators()}
    within = (op for other in model.others.values() for op in other.operators)
    ops = [*model.operators, *within]
    counts = Counter((op.name, schemes.get(id(op)) or _precision(op)) for op in ops)
    kinds = Counter(op.name for op in ops)
    by_kind: dict[str, dict[str, int]] = {kind: {} for kind, _ in kinds.most_common()}
    for (kind, precision), count in counts.most_common():
        by_kind[kind][precision] = count
    return by_kind


def _precision(op: Operator) -> str:
    source = op.input(0)
    if op.traits.converts and source is not None:
        return f"{source.dtype} to {op.dtype}"
    return op.dtype
