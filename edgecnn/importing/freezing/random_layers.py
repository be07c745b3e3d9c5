"""Layers that change their input at random, left out of a graph that is to answer (in a child).

Keras' augmentation layers draw random numbers unless they are told not to train, and a model that
``export`` saved tells them nothing. TFLite has no kernels for most of what they do, and nobody
wants an app to turn its images at random.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from edgecnn.core.lazy import LazyModule
from edgecnn.importing.freezing.conversion_failures import scope
from edgecnn.importing.freezing.graph_messages import closure

tf = LazyModule("tensorflow", extra="convert")

RANDOM = re.compile(r".*(Random|Multinomial|TruncatedNormal).*")
"""Ops that draw random numbers."""

WITH_KERNELS = ("RandomUniform", "RandomStandardNormal", "Multinomial")
"""Those for which TFLite has a kernel: their layers stay, as random as they are."""

WEIGHTED = re.compile(r"(Depthwise)?Conv\w*|(Sparse|Batch)?MatMul\w*|FusedBatchNorm\w*|BiasAdd")
"""Ops of layers that have weights, and so are no augmentation."""


def leave_out_random_layers(graph: Any) -> list[str]:
    """Let what a layer changes at random pass through it unchanged.

    Such a layer draws random numbers, has no weights, takes one tensor that depends on the model's
    input, and gives one of the same shape. Other ops that draw random numbers stay.

    Args:
        graph: A ``GraphDef`` without variables, changed.

    Returns:
        The names of the layers that were left out, without what TensorFlow puts around functions.
    """
    drawing = [
        node.name
        for node in graph.node
        if RANDOM.fullmatch(node.op) and node.op not in WITH_KERNELS
    ]
    if not drawing:
        return []
    shapes = _Shapes(graph)
    nodes = {node.name: node for node in graph.node}
    names = []
    for layer in dict.fromkeys(shapes.random_layer(name) for name in drawing):
        if layer is not None:
            path, given, result = layer
            _pass_through(nodes[result], given, shapes.type_of(result))
            names.append(scope(f"{path}/"))
    return [name for name in names if not any(name.startswith(f"{other}/") for other in names)]


class _Shapes:
    """A graph with the shapes of its tensors, in which layers are looked for."""

    def __init__(self, graph: Any) -> None:
        with tf.Graph().as_default() as built:
            tf.import_graph_def(graph, name="")
        self._ops = built.get_operations()
        self._by_name = {op.name: op for op in self._ops}
        inputs = (op.name for op in self._ops if op.type == "Placeholder")
        self._dependent = closure(inputs, self._readers)

    def random_layer(self, name: str) -> tuple[str, str, str] | None:
        """Return the innermost layer that an op that draws numbers belongs to.

        Returns:
            The layer's scope, the tensor that it takes, and the op that makes its result; None if
            the op is in no layer that only changes a tensor at random.
        """
        path = name.rpartition("/")[0]
        while path:
            inside = [op for op in self._ops if op.name.startswith(f"{path}/")]
            if any(WEIGHTED.fullmatch(op.type) for op in inside):
                return None
            given, results = self._given(inside), self._results(inside)
            if len(given) == len(results) == 1 and _alike(given[0], results[0]):
                return path, given[0].name, results[0].op.name
            path = path.rpartition("/")[0]
        return None

    def type_of(self, name: str) -> int:
        """Return the number of the type of what an op makes, as messages have it."""
        return int(self._by_name[name].outputs[0].dtype.as_datatype_enum)

    def _readers(self, name: str) -> Iterator[str]:
        for tensor in self._by_name[name].outputs:
            yield from (op.name for op in tensor.consumers())

    def _given(self, inside: Iterable[Any]) -> list[Any]:
        """Return the tensors that ops take from outside and that depend on the model's input."""
        names = {op.name for op in inside}
        tensors = {tensor.name: tensor for op in inside for tensor in op.inputs}
        return [
            tensor
            for tensor in tensors.values()
            if tensor.op.name not in names and tensor.op.name in self._dependent
        ]

    def _results(self, inside: Iterable[Any]) -> list[Any]:
        """Return the tensors that ops give to others outside."""
        names = {op.name for op in inside}
        tensors = (tensor for op in inside for tensor in op.outputs)
        return [t for t in tensors if any(op.name not in names for op in t.consumers())]


def _alike(given: Any, result: Any) -> bool:
    is_known = given.shape.is_fully_defined() and given.shape.rank > 0
    return bool(
        is_known
        and given.shape.as_list() == result.shape.as_list()
        and given.dtype == result.dtype
        and result.value_index == 0
    )


def _pass_through(node: Any, given: str, dtype: int) -> None:
    """Have a node return a tensor as it is."""
    node.op = "Identity"
    del node.input[:]
    node.input.append(given.removesuffix(":0"))
    node.attr.clear()
    node.attr["T"].type = dtype
