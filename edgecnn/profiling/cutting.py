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

from edgecnn.errors import InputError
from edgecnn.files import quoted
from edgecnn.profiling.ops import Op
from edgecnn.quantize.recovery.operators import OpenGraph

MOST_COPIES = 256
"""Of an op in a part: loading it takes its time, and a tiny op is no slower from the cache."""

CHEAP_COPIES, CHEAP_BYTES = 16, 64 << 10
"""So many, if they move no more than that, share the cost of a call and find the cache warm."""


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
        self._makers = {int(t): op for op in self.operators for t in op.outputs}
        self._made_at_load = set(range(len(self.operators))) - {op.place for op in ops}

    def alone(self, op: Op) -> bytes:
        """Return a model of one op alone, which is in it ``copies(op)`` times."""
        one = self.operators[op.place]
        before = [self._makers[tensor] for tensor in self._widened(one)]
        others = [self._again(one) for _ in range(copies(op) - 1)]
        return self.several([*before, one, *others])

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

    def _again(self, one: Any) -> Any:
        other = copy.copy(one)
        results = []
        for tensor in one.outputs:
            self.tensors.append(self.tensors[int(tensor)])
            results.append(len(self.tensors) - 1)
        other.outputs = np.array(results, np.int32)
        return other

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
    """
    try:
        return Cutter(path.read_bytes(), ops)
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
