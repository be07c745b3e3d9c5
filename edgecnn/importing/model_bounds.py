"""Sizes that a user's model may have, checked before memory or time is spent on them."""

from __future__ import annotations

import math
from contextlib import AbstractContextManager
from typing import Any

from edgecnn.core.errors import InputError
from edgecnn.core.platform_support import physical_memory_bytes
from edgecnn.core.text import size_text
from edgecnn.models.weight_limit import MAX_WEIGHTS, weights_limited

MAX_OBJECTS = 20_000
"""Most layers, calls of layers and parts of layers in a configuration; NASNet-Large has 6,192."""

MAX_SEQUENCE = 250
"""Most layers of a sequential model, which Keras builds anew with each layer: the time grows with
the square of their number. Of several such models the squares count together."""

SPARE_WEIGHTS = 1 << 20
"""Weights beyond those in the file that a model may have: layers keep states that are not saved."""

TENSOR_MEMORY_SHARE = 1 / 4
"""Largest share of the machine's memory that one tensor may take: its op has at least one more of
its kind, and quantising holds both as float32 and as integers."""


def no_more_weights_than(stored: int, label: str) -> AbstractContextManager[None]:
    """Refuse a model whose configuration asks for far more weights than its file has.

    Args:
        stored: How many numbers the file's arrays hold.
        label: The file's name for the message.

    Returns:
        A context manager; loading the model within it raises InputError before memory is set
        aside.
    """
    most = min(2 * stored + SPARE_WEIGHTS, MAX_WEIGHTS)
    if most == MAX_WEIGHTS:
        return weights_limited(
            most, f"{label} has more weights than a .tflite file can hold: 2 GiB"
        )
    return weights_limited(
        most,
        f"{label} describes layers with far more weights than the {stored:,} that are stored in "
        "it: save the model again",
    )


def refuse_many_objects(config: Any, label: str) -> None:
    """Raise InputError for a configuration that would take minutes to become a model.

    Args:
        config: The parsed configuration of a Keras model.
        label: The file's name for the message.
    """
    count, squares = 0, 0
    values: list[Any] = [[config]]
    while values:
        value = values.pop()
        if isinstance(value, dict):
            nodes = value.get("inbound_nodes")
            count += ("class_name" in value) + (len(nodes) if isinstance(nodes, list) else 0)
            squares += _sequence_length(value) ** 2
            value = list(value.values())
        values.extend(each for each in value if isinstance(each, (dict, list)))
    if count > MAX_OBJECTS:
        raise InputError(
            f"{label} has {count:,} layers and parts of layers, where at most {MAX_OBJECTS:,} can "
            "be converted"
        )
    if squares > MAX_SEQUENCE**2:
        raise InputError(
            f"{label} is a sequence of more than {MAX_SEQUENCE} layers, which Keras would build "
            "without end: save it as a functional model"
        )


def _sequence_length(entry: dict[str, Any]) -> int:
    """Return how many layers a sequential model has; 0 for anything else."""
    config = entry.get("config") if entry.get("class_name") == "Sequential" else None
    layers = config.get("layers") if isinstance(config, dict) else config
    return len(layers) if isinstance(layers, list) else 0


def refuse_large_tensors(graph: Any) -> None:
    """Raise InputError if a tensor of a traced graph would not fit into this machine's memory.

    Nothing was computed yet when a graph is traced: its shapes are known alone.

    Args:
        graph: A TensorFlow graph.
    """
    memory = physical_memory_bytes()
    for tensor in (each for op in graph.get_operations() for each in op.outputs):
        shape = tensor.shape
        if not shape.is_fully_defined():
            continue
        size = math.prod(shape.as_list()) * tensor.dtype.size
        if memory is not None and size > memory * TENSOR_MEMORY_SHARE:
            raise InputError(
                f"the model computes a tensor of shape {tuple(shape)}, {size_text(size)}, which is "
                f"too large for this machine's {size_text(memory)} of memory"
            )
