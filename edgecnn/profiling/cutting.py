"""Ops cut out of a file, so that each can be timed as if it stood in the whole network.

An op that runs alone, again and again, finds its weights and the memory of its result in the cache,
where in the network other ops have pushed them out. So a part holds the op several times, each with
weights packed for it and a result of its own: as many as move as much as the network does before it
comes back to those weights or that memory. What the op reads was written just before in the network
too, and all of them share it.
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
from edgecnn.profiling.ops import Op
from edgecnn.tflite.operators import OpenGraph

MOST_COPIES = 256
"""Of an op in a part: loading it takes its time, and a tiny op is no slower from the cache."""

CHEAP_COPIES, CHEAP_BYTES = 16, 64 << 10
"""So many, if they move no more than that, share the cost of a call and find the cache warm."""


PADDED = ("CONV_2D", "DEPTHWISE_CONV_2D")


class Cutter(OpenGraph):
    """A file whose ops can be cut out.

    Args:
        content: A ``.tflite`` file's bytes.
        ops: The ops that run, of the same file.

    Example:
        >>> model = read_model(path)
        >>> ops = with_idle_bytes(model, running_ops(model))
        >>> Path("first.tflite").write_bytes(Cutter(path.read_bytes(), ops).alone(ops[0]))
    """

    def __init__(self, content: bytes, ops: list[Op]) -> None:
        super().__init__(content)
        self._ops = ops
        self._makers = {int(t): op for op in self.operators for t in op.outputs}
        self._made_at_load = set(range(len(self.operators))) - {op.place for op in ops}

    def alone(self, op: Op) -> bytes:
        """Return a model of one op alone, which is in it ``copies(op)`` times."""
        return self._repeated([op], copies(op))

    def joined(self, op: Op, partner: Op) -> bytes:
        """Return a model of two ops that follow each other, as often as the partner alone."""
        chain = sorted((op, partner), key=lambda one: one.place)
        return self._repeated(chain, copies(partner))

    def partner(self, op: Op) -> Op | None:
        """Return the op whose kernel may do this one's work too; None if there is none.

        XNNPACK makes one op of a sigmoid and the product with its input (swish) in int8, and of a
        padding and the convolution behind it.
        """
        one = self.operators[op.place]
        if op.kind == "MUL":
            sigmoids = [self._makers.get(int(tensor)) for tensor in one.inputs]
            found = next((each for each in sigmoids if self._is_swish(each, one)), None)
        else:
            found = self.only_reader(int(one.outputs[0])) if op.kind == "PAD" else None
            if found is None or self.kind(found) not in PADDED:
                return None
        return next((each for each in self._ops if self.operators[each.place] is found), None)

    def _is_swish(self, sigmoid: Any, product: Any) -> bool:
        if sigmoid is None or self.kind(sigmoid) != "LOGISTIC":
            return False
        result, source = int(sigmoid.outputs[0]), int(sigmoid.inputs[0])
        read = {int(tensor) for tensor in product.inputs}
        return read == {result, source} and self.only_reader(result) is product

    def _repeated(self, chain: list[Op], times: int) -> bytes:
        ops = [self.operators[op.place] for op in chain]
        before = [self._makers[tensor] for one in ops for tensor in self._widened(one)]
        others = [other for _ in range(times - 1) for other in self._again(ops)]
        return self.several([*before, *ops, *others])

    def likeness(self, op: Op) -> Hashable:
        """Return what two ops share whose parts take the same time."""
        one = self.operators[op.place]
        widened = self._widened(one)
        numbers: dict[int, int] = {}
        tensors = [
            (numbers.setdefault(int(t), len(numbers)), self._form(int(t)), int(t) in widened)
            for t in (*one.inputs, *one.outputs)
        ]
        settings = (_plain(one.builtinOptions), _plain(one.customOptions))
        return repr((copies(op), int(one.opcodeIndex), settings, tensors))

    def _widened(self, one: Any) -> list[int]:
        """Return what an op reads that is a constant as soon as the file is loaded."""
        places = {id(self.operators[place]) for place in self._made_at_load}
        return [t for t in self.moving_inputs(one) if id(self._makers.get(t)) in places]

    def _again(self, chain: list[Any]) -> list[Any]:
        """Return ops that do the same again, with results of their own."""
        renamed: dict[int, int] = {}
        found = []
        for one in chain:
            other = copy.copy(one)
            other.inputs = np.array([renamed.get(int(t), int(t)) for t in one.inputs], np.int32)
            for tensor in map(int, one.outputs):
                self.tensors.append(self.tensors[tensor])
                renamed[tensor] = len(self.tensors) - 1
            other.outputs = np.array([renamed[int(t)] for t in one.outputs], np.int32)
            found.append(other)
        return found

    def _form(self, tensor: int) -> Hashable:
        if tensor < 0:
            return None
        scales = len(self.scale(tensor))
        return self.shape(tensor), int(self.tensors[tensor].type), self.is_constant(tensor), scales


def copies(op: Op) -> int:
    """Return how often an op is in its part.

    Example:
        >>> copies(dataclasses.replace(op, weight_bytes=1_000_000, idle_bytes=3_500_000))
        4
    """
    own = op.own_bytes
    if not own:
        return CHEAP_COPIES
    cheap = min(CHEAP_COPIES, CHEAP_BYTES // own)
    needed = max(1, cheap, min(MOST_COPIES, math.ceil(op.idle_bytes / own)))
    # A power of two, so that more ops are alike.
    return 1 << (needed - 1).bit_length()


def cutter_of(path: Path, ops: list[Op]) -> Cutter:
    """Read a file whose ops are to be cut out.

    Args:
        path: The file.
        ops: The ops that run.

    Raises:
        InputError: It is truncated or corrupt.
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
