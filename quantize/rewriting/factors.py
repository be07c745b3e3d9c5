"""Factors on a tensor, and the kernels that take them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edgecnn.tflite.graph import Graph, Op, Tensor
from edgecnn.tflite.ops import Activation


@dataclass(frozen=True)
class Absorbers:
    """Where a factor on a tensor ends.

    Args:
        kernels: Ops whose weights take it.
        tensors: Tensors that carry it.
    """

    kernels: list[Op]
    tensors: list[Tensor]


def absorbers(graph: Graph, tensor: Tensor) -> Absorbers | None:
    """Return where a positive factor on a tensor ends; None if not all of it is in weights.

    Args:
        graph: Where the tensor is.
        tensor: What is multiplied.
    """
    found, waiting, products = Absorbers([], []), [tensor], list[Tensor]()
    while waiting:
        tensor = waiting.pop()
        readers = graph.readers(tensor)
        found.tensors.append(tensor)
        if tensor in graph.outputs or not readers:
            return None
        for op in readers:
            if op.known.is_linear and _owns_kernel(graph, op, tensor):
                found.kernels.append(op)
            elif op.activation is Activation.NONE and _passes_on(op, tensor):
                waiting.append(op.result)
                products.append(op.result)
            else:
                return None
    # An op that reads the factor twice would have its square.
    return found if len(set(products)) == len(products) else None


def _owns_kernel(graph: Graph, op: Op, tensor: Tensor) -> bool:
    owned = op.weights.float_values is not None and graph.only_reader(op.weights) is op
    return owned and op.source is tensor


def _passes_on(op: Op, tensor: Tensor) -> bool:
    if op.kind != "MUL":
        return op.known.passes_factors
    return len([other for other in op.inputs if other is not tensor]) == 1


def scale_kernel(graph: Graph, op: Op, factor: float) -> None:
    """Multiply the weights of an op that alone reads them.

    Args:
        graph: Changed in place.
        op: One of :class:`Absorbers`' kernels.
        factor: A positive number.
    """
    values = op.weights.float_values
    assert values is not None
    scaled = graph.add_constant(values * np.float32(factor), op.weights.name)
    graph.set_input(op, 1, scaled)
