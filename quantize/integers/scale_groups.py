"""Which tensors of an integer graph share one scale, as the kernels between them ask for it."""

from __future__ import annotations

from collections.abc import Mapping

from edgecnn.quantize.integers.kernels import IntegerKernel, IntegerType
from edgecnn.quantize.integers.levels import activation_levels
from edgecnn.tflite.numbers import INT8
from edgecnn.tflite.tensors_and_ops import Op, Quantization, Range, Tensor

FIXED_16_BIT = 32767 / 32768
"""Greatest value of probabilities and of tanh in 16 bits, whose scale the runtime prescribes."""

BOUNDING = frozenset({"MINIMUM", "MAXIMUM"})
"""Kinds that give the same if a constant beyond all other values is moved to the last of them."""


class ScaleGroups:
    """Groups of tensors with one scale each.

    Args:
        kernels: The ops of a calibrated float graph that are to compute with integers, with their
            kernels.
        integers: The integers of the activations.
    """

    def __init__(self, kernels: Mapping[Op, IntegerKernel], integers: IntegerType) -> None:
        self._integers = integers
        self._parents: dict[Tensor, Tensor] = {}
        self._ranges: dict[Tensor, Range] = {}
        self._fixed: set[Tensor] = set()
        self._apart: set[tuple[Op, Tensor]] = set()
        for op in kernels:
            self._prescribe(op)
        for op, kernel in kernels.items():
            if kernel.has_one_scale:
                self._tie(op)

    def levels_of(self, tensor: Tensor) -> Quantization:
        """Return scale and zero point of a tensor."""
        return activation_levels(self._range_of(self._group(tensor)), self._integers)

    def levels_for(self, op: Op, tensor: Tensor) -> Quantization:
        """Return scale and zero point in which an op reads one of its inputs.

        They are those of the tensor itself but where the op needs one scale for all inputs, and
        another kernel prescribes the tensor's.
        """
        return self.levels_of(op.result if (op, tensor) in self._apart else tensor)

    def _prescribe(self, op: Op) -> None:
        fixed = op.traits.fixed_range
        if fixed is None:
            return
        if self._integers.activations is not INT8:
            fixed = (-FIXED_16_BIT, FIXED_16_BIT)
        self._ranges[op.result] = fixed
        self._fixed.add(op.result)

    def _tie(self, op: Op) -> None:
        first, *others = (tensor for tensor in op.outputs if tensor.is_float)
        for tensor in others:
            self._join(self._group(tensor), self._group(first))
        for tensor in op.constant_inputs:
            if tensor.is_float and op.kind not in BOUNDING:
                self._widen(self._group(first), tensor)
        for tensor in op.activation_inputs:
            if tensor.is_float and self._group(tensor) is not self._group(first):
                if self._may_join(tensor, first):
                    self._join(self._group(tensor), self._group(first))
                else:
                    self._apart.add((op, tensor))

    def _may_join(self, tensor: Tensor, result: Tensor) -> bool:
        """Whether two tensors can have one scale: not where a kernel prescribes another one."""
        one, two = self._group(tensor), self._group(result)
        is_free = one not in self._fixed and two not in self._fixed
        return is_free or self._range_of(one) == self._range_of(two)

    def _join(self, one: Tensor, two: Tensor) -> None:
        if one is not two:
            self._ranges[two] = _union(self._range_of(one), self._range_of(two))
            self._parents[one] = two
            if one in self._fixed:
                self._fixed.add(two)

    def _widen(self, group: Tensor, constant: Tensor) -> None:
        if group in self._fixed:
            return  # What the kernel's scale cannot hold is clipped.
        extremes = float(constant.values.min()), float(constant.values.max())
        self._ranges[group] = _union(self._range_of(group), extremes)

    def _group(self, tensor: Tensor) -> Tensor:
        while tensor in self._parents:
            tensor = self._parents[tensor]
        return tensor

    def _range_of(self, group: Tensor) -> Range:
        extremes = self._ranges.get(group, group.range)
        assert extremes is not None
        return extremes


def _union(one: Range, two: Range) -> Range:
    return min(one[0], two[0]), max(one[1], two[1])
