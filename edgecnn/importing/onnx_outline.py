"""What an ``.onnx`` file holds, looked at from outside: inputs, ops, and where its weights lie.

The file is a protocol buffer (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto); only what
decides whether and how it is converted is read of it, and none of its weights.
"""

from __future__ import annotations

import mmap
import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from edgecnn.core.errors import InputError
from edgecnn.core.files import quoted
from edgecnn.core.input_files import open_input
from edgecnn.core.protobuf import (
    ProtobufError,
    nested,
    text,
    whole_number,
    whole_numbers,
)

MAX_ONNX_BYTES = 2 << 30
"""Bytes that a protocol buffer may have, and of all weights that a ``.tflite`` file can hold."""

MAX_ONNX_OPS = 50_000
"""Most ops of a file, more than any real model has."""

MAX_GRAPH_DEPTH = 16
"""Most graphs within each other, as loops and branches make them."""

STANDARD_DOMAINS = ("", "ai.onnx", "ai.onnx.ml", "com.microsoft")
"""Domains of ops that are known without the program that exported the file; the last one holds
the ops that ONNX Runtime's own tools write."""

ELEMENT_TYPES = {
    1: "float32",
    2: "uint8",
    3: "int8",
    5: "int16",
    6: "int32",
    7: "int64",
    8: "string",
    9: "bool",
    10: "float16",
    11: "float64",
}
"""Number of an element type in ``TensorProto.DataType`` -> its name."""

ONNX_SPATIAL_OPS = (
    "AveragePool",
    "BatchNormalization",
    "Conv",
    "ConvTranspose",
    "DepthToSpace",
    "GlobalAveragePool",
    "GlobalMaxPool",
    "GridSample",
    "InstanceNormalization",
    "LRN",
    "MaxPool",
    "QLinearConv",
    "SpaceToDepth",
)
"""Ops whose first input has its channels in the second place, as ONNX defines them."""

ONNX_LAYOUT_ENDS = ("Einsum", "Flatten", "Gemm", "MatMul", "Reshape", "Squeeze")
"""Ops behind which the sides of a tensor are no longer those of the input."""

LAST_TO_FIRST = [0, 3, 1, 2]
"""How a Transpose orders the sides of an image with its channels last, so that they come first."""

# Numbers of fields in messages of onnx.proto.
MODEL_GRAPH, MODEL_TRAINING, MODEL_FUNCTIONS = 7, 20, 25
GRAPH_NODE, GRAPH_INITIALIZER, GRAPH_SPARSE, GRAPH_INPUT = 1, 5, 15, 11
NODE_INPUT, NODE_OUTPUT, NODE_OP, NODE_ATTRIBUTE, NODE_DOMAIN = 1, 2, 4, 5, 7
ATTRIBUTE_NAME, ATTRIBUTE_INTS = 1, 8
ATTRIBUTE_TENSORS, ATTRIBUTE_SPARSE, ATTRIBUTE_GRAPHS = (5, 10), (22, 23), (6, 11)
TENSOR_NAME, TENSOR_EXTERNAL = 8, 13
SPARSE_TENSORS, TRAINING_GRAPHS = (1, 2), (1, 2)
FUNCTION_NAME, FUNCTION_NODE, FUNCTION_DOMAIN = 1, 7, 10
VALUE_NAME, VALUE_TYPE, TYPE_TENSOR, TENSOR_ELEMENT, TENSOR_SHAPE = 1, 2, 1, 1, 2
SHAPE_SIDE, SIDE_VALUE, ENTRY_KEY, ENTRY_VALUE = 1, 1, 1, 2


@dataclass(frozen=True)
class Node:
    """One op of a graph.

    Args:
        op: The op's kind: ``"Conv"``.
        domain: The set of ops that it belongs to; empty for ONNX' own.
        inputs: Names of the tensors that it reads.
        outputs: Names of the tensors that it makes.
        order: The order into which a Transpose brings the sides; empty for other ops.
    """

    op: str
    domain: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    order: tuple[int, ...] = ()


@dataclass(frozen=True)
class OnnxInput:
    """An input of a model.

    Args:
        name: The input's name.
        shape: The shape with the batch, as the file states it, with None for each open side.
        dtype: The element type: ``"float32"``.
    """

    name: str
    shape: tuple[int | None, ...]
    dtype: str


@dataclass(frozen=True)
class OnnxOutline:
    """What an ``.onnx`` file holds, less its weights.

    Args:
        inputs: The inputs, in the model's order.
        nodes: The ops of the graph itself.
        inner_nodes: The ops of graphs within it, and of functions.
        functions: Domain and name of each function that the file defines of other ops.
        external: Names of the files that hold weights, as the file writes them.
    """

    inputs: tuple[OnnxInput, ...]
    nodes: tuple[Node, ...]
    inner_nodes: tuple[Node, ...]
    functions: frozenset[tuple[str, str]]
    external: tuple[str, ...]

    @property
    def foreign_ops(self) -> list[str]:
        """Ops of domains that only the program that exported the file knows: ``"a.b.Op"``."""
        ops = {
            f"{node.domain}.{node.op}"
            for node in (*self.nodes, *self.inner_nodes)
            if node.domain not in STANDARD_DOMAINS and (node.domain, node.op) not in self.functions
        }
        return sorted(ops)

    @property
    def ops(self) -> set[str]:
        """The kinds of ops."""
        return {node.op for node in (*self.nodes, *self.inner_nodes)}

    def has_channels_last(self, name: str) -> bool | None:
        """Say how an input of four sides has its channels, by the first op that has to know.

        Returns:
            True for channels last, which a Transpose then brings to the front; False for channels
            first; None where no op tells.
        """
        seen, waiting = {name}, [name]
        while waiting:
            for node in self._readers.get(waiting.pop(0), ()):
                if node.op == "Transpose":
                    return list(node.order) == LAST_TO_FIRST
                if node.op in ONNX_SPATIAL_OPS:
                    return False
                if node.op not in ONNX_LAYOUT_ENDS:
                    waiting += [output for output in node.outputs if output not in seen]
                    seen.update(node.outputs)
        return None

    @cached_property
    def _readers(self) -> dict[str, list[Node]]:
        readers: dict[str, list[Node]] = {}
        for node in self.nodes:
            for name in node.inputs:
                readers.setdefault(name, []).append(node)
        return readers


def read_outline(path: Path) -> OnnxOutline:
    """Read what an ``.onnx`` file holds, less its weights.

    Raises:
        InputError: The file is too large, cannot be read, or is no ONNX model.
    """
    label = quoted(path)
    try:
        with open_input(path) as file:
            if not MAX_ONNX_BYTES > os.fstat(file.fileno()).st_size > 0:
                raise InputError(
                    f"{label} is empty, or larger than the 2 GiB of an ONNX file: export it again"
                )
            content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        return _Outliner(label).outline(memoryview(content))
    except OSError as error:
        raise InputError(f"cannot read {label}: {error.strerror or error}") from error
    except ProtobufError as error:
        raise InputError(
            f"{label} is no ONNX model, or is truncated ({error}): export it again"
        ) from error


class _Outliner:
    """Walks through a model, and counts what it meets.

    Args:
        label: The file's name for messages.
    """

    def __init__(self, label: str) -> None:
        self._label = label
        self._ops = 0
        self._external: dict[str, None] = {}

    def outline(self, model: memoryview) -> OnnxOutline:
        """Return what a model holds."""
        graphs = list(nested(model, MODEL_GRAPH))
        if len(graphs) != 1:
            raise ProtobufError("it has no graph")
        functions = list(nested(model, MODEL_FUNCTIONS))
        trained = [
            graph
            for training in nested(model, MODEL_TRAINING)
            for number in TRAINING_GRAPHS
            for graph in nested(training, number)
        ]
        inner: list[Node] = []
        nodes = self._nodes(graphs[0], GRAPH_NODE, inner, 0)
        for function in functions:
            inner += self._nodes(function, FUNCTION_NODE, inner, 1)
        self._keep_weights(graphs[0])
        for graph in trained:
            self._nodes(graph, GRAPH_NODE, inner, 1)
            self._keep_weights(graph)
        return OnnxOutline(
            inputs=tuple(_inputs(graphs[0])),
            nodes=tuple(nodes),
            inner_nodes=tuple(inner),
            functions=frozenset(
                (text(f, FUNCTION_DOMAIN), text(f, FUNCTION_NAME)) for f in functions
            ),
            external=tuple(self._external),
        )

    def _nodes(self, owner: memoryview, field: int, inner: list[Node], depth: int) -> list[Node]:
        """Return the ops of a graph or of a function; those of graphs within go to ``inner``."""
        if depth > MAX_GRAPH_DEPTH:
            raise InputError(
                f"{self._label} has more than {MAX_GRAPH_DEPTH} graphs within each other: it is "
                "no real model"
            )
        found = []
        for node in nested(owner, field):
            self._ops += 1
            if self._ops > MAX_ONNX_OPS:
                raise InputError(
                    f"{self._label} has more than {MAX_ONNX_OPS:,} ops: it is no real model"
                )
            found.append(_node(node))
            for attribute in nested(node, NODE_ATTRIBUTE):
                self._keep_tensors(attribute, ATTRIBUTE_TENSORS, ATTRIBUTE_SPARSE)
                for number in ATTRIBUTE_GRAPHS:
                    for graph in nested(attribute, number):
                        inner += self._nodes(graph, GRAPH_NODE, inner, depth + 1)
                        self._keep_weights(graph)
        return found

    def _keep_weights(self, graph: memoryview) -> None:
        self._keep_tensors(graph, (GRAPH_INITIALIZER,), (GRAPH_SPARSE,))

    def _keep_tensors(
        self, owner: memoryview, dense: tuple[int, ...], sparse: tuple[int, ...]
    ) -> None:
        """Keep the names of files in which tensors of a graph or of an attribute lie."""
        tensors = [tensor for number in dense for tensor in nested(owner, number)]
        for number in sparse:
            for pair in nested(owner, number):
                tensors += [tensor for part in SPARSE_TENSORS for tensor in nested(pair, part)]
        for tensor in tensors:
            for entry in nested(tensor, TENSOR_EXTERNAL):
                if text(entry, ENTRY_KEY) == "location":
                    self._external[text(entry, ENTRY_VALUE)] = None


def _node(node: memoryview) -> Node:
    op = text(node, NODE_OP)
    order: tuple[int, ...] = ()
    if op == "Transpose":
        for attribute in nested(node, NODE_ATTRIBUTE):
            if text(attribute, ATTRIBUTE_NAME) == "perm":
                order = tuple(whole_numbers(attribute, ATTRIBUTE_INTS))
    return Node(
        op=op,
        domain=text(node, NODE_DOMAIN),
        inputs=tuple(bytes(name).decode(errors="replace") for name in nested(node, NODE_INPUT)),
        outputs=tuple(bytes(name).decode(errors="replace") for name in nested(node, NODE_OUTPUT)),
        order=order,
    )


def _inputs(graph: memoryview) -> Iterator[OnnxInput]:
    """Yield a graph's inputs; old files list their weights among them, too."""
    weights = {text(tensor, TENSOR_NAME) for tensor in nested(graph, GRAPH_INITIALIZER)}
    for value in nested(graph, GRAPH_INPUT):
        name = text(value, VALUE_NAME)
        if name not in weights:
            yield _input(name, value)


def _input(name: str, value: memoryview) -> OnnxInput:
    tensors = [t for kind in nested(value, VALUE_TYPE) for t in nested(kind, TYPE_TENSOR)]
    if not tensors:
        raise InputError(f"input {quoted(name)} is no tensor: only models of tensors are converted")
    element = whole_number(tensors[0], TENSOR_ELEMENT)
    sides: list[int | None] = []
    for shape in nested(tensors[0], TENSOR_SHAPE):
        stated = [whole_number(side, SIDE_VALUE) or 0 for side in nested(shape, SHAPE_SIDE)]
        sides += [side if side > 0 else None for side in stated]
    return OnnxInput(name, tuple(sides), ELEMENT_TYPES.get(element or 0, "unknown"))
