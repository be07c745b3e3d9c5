"""Cutting ops out of a file, so that each can be timed as if it stood in the whole network.

An op that runs alone, again and again, finds its weights and the memory of its result in the cache;
in the network other ops have pushed them out. So a part holds copies of the op, each with packed
weights and a result of its own: together the copies move as much memory as the network does before
it uses those weights or that memory again. All copies read the same input, because in the network,
too, an op's input was written just before.
"""

from __future__ import annotations

import copy
import dataclasses
import math
import struct
from collections.abc import Hashable
from pathlib import Path
from typing import Any

import numpy as np

from edgecnn.core.errors import EdgecnnError, InputError
from edgecnn.core.files import quoted
from edgecnn.profiling.profiled_ops import ProfiledOp
from edgecnn.tflite.graph import Graph
from edgecnn.tflite.parts import part_of_ops
from edgecnn.tflite.reading import TfliteModel
from edgecnn.tflite.serialization import read_graph
from edgecnn.tflite.tensors_and_ops import Op, Tensor

MOST_COPIES = 256
"""Copies of an op in a part at most: loading copies takes time, and a tiny op is hardly slower when
its memory is not in the cache."""

CHEAP_COPIES, CHEAP_BYTES = 16, 64 << 10
"""Copies of a cheap op at least, and the bytes that they may move together: the copies share the
cost of a call, and all of them find the cache warm."""


class Cutter:
    """Cuts ops out of a file.

    Args:
        graph: Tables of the file, from which the file of an op is written.
        ops: The ops of the file that run.

    Example:
        >>> model = read_model(path)
        >>> ops = with_idle_bytes(model, running_ops(model))
        >>> Path("first.tflite").write_bytes(cutter_of(path, ops, model).alone(ops[0]))
    """

    def __init__(self, graph: Graph, ops: list[ProfiledOp]) -> None:
        self._graph, self._ops = graph, ops
        run = {op.place for op in ops}
        self._made_at_load = {op for place, op in enumerate(graph.ops) if place not in run}

    def alone(self, op: ProfiledOp) -> bytes:
        """Return a model that holds one op alone, ``copies(op)`` times."""
        return self._repeated([op], copies(op))

    def joined(self, op: ProfiledOp, partner: ProfiledOp) -> bytes:
        """Return a model with copies of two successive ops, as many as ``alone(partner)`` has."""
        chain = sorted((op, partner), key=lambda one: one.place)
        return self._repeated(chain, copies(partner))

    def partner(self, op: ProfiledOp) -> ProfiledOp | None:
        """Return the op whose kernel may do this op's work, too; None if there is none.

        XNNPACK joins a sigmoid and the product with its input (swish) in int8, and a padding and
        the convolution after it.
        """
        graph_op, partner = self._graph.ops[op.place], None
        if op.kind == "MUL":
            makers = [self._graph.maker(tensor) for tensor in graph_op.distinct_inputs]
            partner = next((m for m in makers if m and self._is_swish(m, graph_op)), None)
        elif op.kind == "PAD":
            reader = self._graph.only_reader(graph_op.result)
            partner = reader if reader is not None and reader.traits.has_window else None
        return next((each for each in self._ops if self._graph.ops[each.place] is partner), None)

    def _is_swish(self, sigmoid: Op, product: Op) -> bool:
        return (
            sigmoid.kind == "LOGISTIC"
            and set(product.distinct_inputs) == {sigmoid.result, sigmoid.source}
            and self._graph.only_reader(sigmoid.result) is product
        )

    def _repeated(self, chain: list[ProfiledOp], times: int) -> bytes:
        ops = [self._graph.ops[op.place] for op in chain]
        before = self._made_before(ops)
        others = [other for _ in range(times - 1) for other in self._again(ops)]
        return part_of_ops(self._graph, [*before, *ops, *others])

    def likeness(self, op: ProfiledOp) -> Hashable:
        """Return a key that is the same for ops whose parts take the same time."""
        graph_op = self._graph.ops[op.place]
        widened = self._widening(graph_op)
        numbers: dict[Tensor | None, int] = {}
        tensors = [
            (numbers.setdefault(tensor, len(numbers)), _form(tensor), tensor in widened)
            for tensor in (*graph_op.inputs, *graph_op.outputs)
        ]
        options = (_plain(graph_op.options), _plain(graph_op.extra))
        settings = (graph_op.kind, graph_op.version, *options)
        return repr((copies(op), settings, tensors))

    def _widening(self, op: Op) -> dict[Tensor, Op]:
        """Return the inputs that ops make of constants while the file is loaded, with these ops."""
        makers = {tensor: self._graph.maker(tensor) for tensor in op.activation_inputs}
        return {t: made for t, made in makers.items() if made and made in self._made_at_load}

    def _made_before(self, ops: list[Op]) -> list[Op]:
        """Return the ops that make weights of constants for some ops, in an order to run them in.

        One may read what another one made: DEQUANTIZE the weights that DENSIFY filled up.
        """
        made: list[Op] = []
        for op in ops:
            for maker in self._widening(op).values():
                made += [one for one in (*self._made_before([maker]), maker) if one not in made]
        return made

    def _again(self, chain: list[Op]) -> list[Op]:
        """Return copies of ops that follow each other, with results of their own."""
        renamed: dict[Tensor, Tensor] = {}
        copied = []
        for op in chain:
            inputs = [tensor and renamed.get(tensor, tensor) for tensor in op.inputs]
            for tensor in op.outputs:
                renamed[tensor] = copy.copy(tensor)
                renamed[tensor].index = len(self._graph.tensors)
                self._graph.tensors.append(renamed[tensor])
            outputs = [renamed[tensor] for tensor in op.outputs]
            copied.append(dataclasses.replace(op, inputs=inputs, outputs=outputs))
        return copied


def copies(op: ProfiledOp) -> int:
    """Return how many copies of an op its part holds.

    Example:
        >>> copies(dataclasses.replace(op, weight_bytes=1_000_000, idle_bytes=3_500_000))
        4
    """
    own = op.own_bytes
    if not own:
        return CHEAP_COPIES
    cheap = min(CHEAP_COPIES, CHEAP_BYTES // own)
    needed = max(1, cheap, min(MOST_COPIES, math.ceil(op.idle_bytes / own)))
    # A power of two makes more ops alike, so that they share a part.
    return 1 << (needed - 1).bit_length()


def cutter_of(path: Path, ops: list[ProfiledOp], model: TfliteModel) -> Cutter:
    """Return a cutter of a file's ops.

    Args:
        path: Path of the file.
        ops: The ops of the file that run.
        model: Structure of the graph that is called, with the shapes that it has in the call.

    Raises:
        InputError: The file is truncated or corrupt.
        EdgecnnError: This machine has no ai-edge-litert, by whose schema files are written.
    """
    try:
        graph = read_graph(path.read_bytes(), model.subgraph)
        _set_shapes(graph, model)
        return Cutter(graph, ops)
    except ImportError as error:
        raise EdgecnnError(
            "cutting a file up needs ai-edge-litert, which 32-bit systems have no wheels of: "
            "profile this device from another machine, with --device"
        ) from error
    except (
        struct.error, AttributeError, IndexError, KeyError, ValueError, TypeError, OverflowError
    ) as error:  # fmt: skip
        raise InputError(f"{quoted(path)} is truncated or corrupt: make it again") from error


def _set_shapes(graph: Graph, model: TfliteModel) -> None:
    """Give results and inputs the shapes that they have in a call, so that none is open."""
    made = (tensor for op in model.operators for tensor in op.outputs)
    for tensor in (*model.inputs, *made):
        mine = graph.tensors[tensor.index]
        mine.shape, mine.extra = tensor.shape, {**mine.extra, "shapeSignature": None}


def _form(tensor: Tensor | None) -> Hashable:
    if tensor is None:
        return None
    return tensor.shape, tensor.dtype, tensor.is_constant, len(tensor.scales)


def _plain(value: Any) -> Any:
    """Return a table of the schema as plain values."""
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, dict):
        return [(name, _plain(each)) for name, each in sorted(value.items())]
    if hasattr(value, "__dict__"):
        return [(name, _plain(each)) for name, each in sorted(vars(value).items())]
    return value
