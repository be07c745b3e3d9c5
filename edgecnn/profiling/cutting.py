"""Ops cut out of a file, so that each can be timed as if it stood in the whole network.

An op that runs alone, again and again, finds its weights and the memory of its result in the cache,
where in the network other ops have pushed them out. So a part holds copies of the op, each with
weights packed for it and a result of its own: together they move as much memory as the network does
before it comes back to those weights or that memory. All copies read the same input, as in the
network too an op's input was written just before.
"""

from __future__ import annotations

import copy
import math
import struct
from collections.abc import Hashable
from pathlib import Path
from typing import Any

import numpy as np

from edgecnn.core.errors import EdgecnnError, InputError
from edgecnn.core.files import quoted
from edgecnn.profiling.profiled_ops import ProfiledOp
from edgecnn.tflite.operators import OpenGraph

MOST_COPIES = 256
"""Copies of an op in a part at most: loading them takes time, and a tiny op is no slower from the
cache."""

CHEAP_COPIES, CHEAP_BYTES = 16, 64 << 10
"""Copies that together move no more bytes than that share the cost of a call, and find the cache
warm; there are at least so many of them."""

PADDED_KINDS = ("CONV_2D", "DEPTHWISE_CONV_2D")


class Cutter:
    """Cuts ops out of a file.

    Args:
        content: A ``.tflite`` file's bytes.
        ops: The ops of the same file that run.

    Example:
        >>> model = read_model(path)
        >>> ops = with_idle_bytes(model, running_ops(model))
        >>> Path("first.tflite").write_bytes(Cutter(path.read_bytes(), ops).alone(ops[0]))
    """

    def __init__(self, content: bytes, ops: list[ProfiledOp]) -> None:
        self._graph = graph = OpenGraph(content)
        self._ops = ops
        self._makers = {int(t): op for op in graph.operators for t in op.outputs}
        self._made_at_load = set(range(len(graph.operators))) - {op.place for op in ops}

    def alone(self, op: ProfiledOp) -> bytes:
        """Return a model that holds one op alone, ``copies(op)`` times."""
        return self._repeated([op], copies(op))

    def joined(self, op: ProfiledOp, partner: ProfiledOp) -> bytes:
        """Return a model that holds two ops, one after the other, as often as the partner alone."""
        chain = sorted((op, partner), key=lambda one: one.place)
        return self._repeated(chain, copies(partner))

    def partner(self, op: ProfiledOp) -> ProfiledOp | None:
        """Return the op whose kernel may do this one's work too; None if there is none.

        XNNPACK joins a sigmoid and the product with its input (swish) in int8, and a padding and
        the convolution behind it.
        """
        one = self._graph.operators[op.place]
        if op.kind == "MUL":
            sigmoids = [self._makers.get(int(tensor)) for tensor in one.inputs]
            found = next((each for each in sigmoids if self._is_swish(each, one)), None)
        else:
            found = self._graph.only_reader(int(one.outputs[0])) if op.kind == "PAD" else None
            if found is None or self._graph.kind(found) not in PADDED_KINDS:
                return None
        return next(
            (each for each in self._ops if self._graph.operators[each.place] is found), None
        )

    def _is_swish(self, sigmoid: Any, product: Any) -> bool:
        if sigmoid is None or self._graph.kind(sigmoid) != "LOGISTIC":
            return False
        result, source = int(sigmoid.outputs[0]), int(sigmoid.inputs[0])
        read = {int(tensor) for tensor in product.inputs}
        return read == {result, source} and self._graph.only_reader(result) is product

    def _repeated(self, chain: list[ProfiledOp], times: int) -> bytes:
        ops = [self._graph.operators[op.place] for op in chain]
        before = [self._makers[tensor] for one in ops for tensor in self._widened(one)]
        others = [other for _ in range(times - 1) for other in self._again(ops)]
        return self._graph.several([*before, *ops, *others])

    def likeness(self, op: ProfiledOp) -> Hashable:
        """Return a key that is the same for ops whose parts take the same time."""
        one = self._graph.operators[op.place]
        widened = self._widened(one)
        numbers: dict[int, int] = {}
        tensors = [
            (numbers.setdefault(int(t), len(numbers)), self._form(int(t)), int(t) in widened)
            for t in (*one.inputs, *one.outputs)
        ]
        settings = (_plain(one.builtinOptions), _plain(one.customOptions))
        return repr((copies(op), int(one.opcodeIndex), settings, tensors))

    def _widened(self, one: Any) -> list[int]:
        """Return the inputs of an op that are constants as soon as the file is loaded."""
        places = {id(self._graph.operators[place]) for place in self._made_at_load}
        return [t for t in self._graph.moving_inputs(one) if id(self._makers.get(t)) in places]

    def _again(self, chain: list[Any]) -> list[Any]:
        """Return copies of ops that follow each other, with results of their own."""
        renamed: dict[int, int] = {}
        found = []
        for one in chain:
            other = copy.copy(one)
            other.inputs = np.array([renamed.get(int(t), int(t)) for t in one.inputs], np.int32)
            for tensor in map(int, one.outputs):
                self._graph.tensors.append(self._graph.tensors[tensor])
                renamed[tensor] = len(self._graph.tensors) - 1
            other.outputs = np.array([renamed[int(t)] for t in one.outputs], np.int32)
            found.append(other)
        return found

    def _form(self, tensor: int) -> Hashable:
        if tensor < 0:
            return None
        scales = len(self._graph.scale(tensor))
        return (
            self._graph.shape(tensor),
            int(self._graph.tensors[tensor].type),
            self._graph.is_constant(tensor),
            scales,
        )


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
    # A power of two, so that more ops have the same likeness.
    return 1 << (needed - 1).bit_length()


def cutter_of(path: Path, ops: list[ProfiledOp]) -> Cutter:
    """Read a file whose ops are to be cut out.

    Args:
        path: The file.
        ops: The ops that run.

    Raises:
        InputError: The file is truncated or corrupt.
        EdgecnnError: This machine has no ai-edge-litert, whose schema files are written with.
    """
    try:
        return Cutter(path.read_bytes(), ops)
    except ImportError as error:
        raise EdgecnnError(
            "cutting a file up needs ai-edge-litert, which 32-bit systems have no wheels of: "
            "profile this device from another machine, with --device"
        ) from error
    except (
        struct.error, AttributeError, IndexError, KeyError, ValueError, TypeError, OverflowError
    ) as error:  # fmt: skip
        raise InputError(f"{quoted(path)} is truncated or corrupt: make it again") from error


def _plain(value: Any) -> Any:
    """Return a table of the schema as plain values."""
    if isinstance(value, np.ndarray):
        return value.tolist()
    if hasattr(value, "__dict__"):
        return [(name, _plain(each)) for name, each in sorted(vars(value).items())]
    return value
