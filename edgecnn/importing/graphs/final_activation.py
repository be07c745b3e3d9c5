"""Softmax or sigmoid put behind a graph that answers logits (in a child)."""

from __future__ import annotations

from edgecnn.core.errors import InputError
from edgecnn.tflite.graph import Graph
from edgecnn.tflite.ops import PROBABILITY_OPS
from edgecnn.tflite.output_outline import outline_of_graph
from edgecnn.tflite.tensors_and_ops import Op, Tensor


def append_activation(graph: Graph, activation: str) -> None:
    """Let a graph answer probabilities in the place of its logits.

    Args:
        graph: A float graph of one output, changed in place.
        activation: ``"softmax"`` or ``"sigmoid"``.

    Raises:
        InputError: The graph ends in one of them already, has several outputs, or answers no
            floats.
    """
    if len(graph.outputs) > 1:
        names = ", ".join(tensor.name for tensor in graph.outputs)
        raise InputError(
            f"--{activation} is for a model of one output, and this one has {len(graph.outputs)} "
            f"({names}): put it into the model"
        )
    (outline,) = outline_of_graph(graph, ["output"]).outputs
    if outline.activation is not None:
        raise InputError(
            f"the model ends in {outline.activation} already: leave --{activation} out"
        )
    logits = graph.output
    if not logits.is_float:
        raise InputError(f"the model answers {logits.dtype}, no logits: leave --{activation} out")
    answer = graph.add_like(logits, activation)
    answer.name, logits.name = logits.name, f"{logits.name}/logits"
    graph.replace([], [_op(graph, activation, logits, answer)])
    graph.outputs[0] = answer


def _op(graph: Graph, activation: str, logits: Tensor, answer: Tensor) -> Op:
    kind = next(op for op, name in PROBABILITY_OPS.items() if name == activation)
    if kind == "SOFTMAX":
        return graph.new_op(kind, [logits], answer, beta=1.0)
    return Op(kind, [logits], [answer])
