"""From a calibrated float graph to an integer graph.

Ops with an integer kernel compute with integers; the others stay in float32, and integers are
turned into floats and back around them.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import numpy.typing as npt

from edgecnn.quantize.integers.ends import conversion, give_integers, take_integers
from edgecnn.quantize.integers.kernels import (
    IntegerType,
    integer_kernel,
)
from edgecnn.quantize.integers.levels import (
    activation_levels,
    bias_levels,
    to_levels,
    weight_levels,
)
from edgecnn.quantize.integers.scale_groups import ScaleGroups
from edgecnn.tflite.graph import Graph
from edgecnn.tflite.numbers import FLOAT32, INT8
from edgecnn.tflite.tensors_and_ops import Op, Quantization, Tensor


def integer_graph(
    calibrated: Graph,
    integers: IntegerType,
    input_type: str,
    in_float: Collection[str] = (),
    output_type: str = FLOAT32.name,
) -> Graph:
    """Return the integer graph of a calibrated float graph.

    The results of ops keep their names.

    Args:
        calibrated: A float graph whose tensors have ranges; it stays as it is.
        integers: The integers of the activations.
        input_type: Element type of the graph's input: ``"float32"``, ``"uint8"``, or that of the
            activations.
        in_float: Names of the results of ops that stay in float32.
        output_type: Element type of the graph's output, as ``input_type``.
    """
    graph = calibrated.copy()
    _Quantizing(graph, integers, in_float).run()
    if input_type != FLOAT32.name:
        take_integers(graph, integers, input_type)
    if output_type != FLOAT32.name:
        give_integers(graph, integers, output_type)
    for tensor in graph.tensors:
        tensor.range = None
    return graph


class _Quantizing:
    """One graph while its ops are put into integers, from the first to the last."""

    def __init__(self, graph: Graph, integers: IntegerType, in_float: Collection[str]) -> None:
        self._graph, self._integers = graph, integers
        found = {op: integer_kernel(op, integers) for op in graph.ops if _is_known(op)}
        kernels = {op: kernel for op, kernel in found.items() if kernel is not None}
        useful = _useful(graph, kernels)
        self._kernels = {
            op: kernel
            for op, kernel in kernels.items()
            if op in useful and op.result.name not in in_float
        }
        self._groups = ScaleGroups(self._kernels, integers)
        self._integers_of: dict[Tensor, Tensor] = {}
        self._has_floats: set[Tensor] = set(graph.inputs)
        self._constants: dict[tuple[int, str, bytes], Tensor] = {}
        self._contents: dict[bytes, npt.NDArray[np.uint8]] = {}
        self._ops: list[Op] = []

    def run(self) -> None:
        """Put the graph's ops into integers."""
        for op in self._graph.ops:
            if op in self._kernels:
                self._add_in_integers(op)
            else:
                self._add_in_floats(op)
        for tensor in self._graph.outputs:
            self._need_floats(tensor)
        self._graph.replace(self._graph.ops, self._ops)

    def _add_in_floats(self, op: Op) -> None:
        for tensor in op.activation_inputs:
            self._need_floats(tensor)
        self._has_floats.update(op.outputs)
        self._ops.append(op)

    def _add_in_integers(self, op: Op) -> None:
        inputs = [
            tensor if tensor is None or not tensor.is_float else self._read(op, place, tensor)
            for place, tensor in enumerate(op.inputs)
        ]
        results = [self._written(tensor) if tensor.is_float else tensor for tensor in op.outputs]
        op.inputs, op.outputs, op.version = inputs, results, self._kernels[op].version
        if op.is_weighted:
            self._quantize_weights(op)
        if hasattr(op.options, "potScaleInt16"):
            op.options.potScaleInt16 = False
        self._ops.append(op)

    def _read(self, op: Op, place: int, tensor: Tensor) -> Tensor:
        """Return what an op reads in the place of a float tensor."""
        if not tensor.is_constant:
            return self._integers_for(op, tensor)
        if op.is_weighted and place > 0:
            return tensor  # The scales of weights and bias follow from that of the other input.
        if self._kernels[op].has_one_scale:
            levels = self._groups.levels_of(op.result)
        else:
            levels = _levels_of_constant(tensor, self._integers)
        return self._constant(tensor, self._integers.activations.name, levels)

    def _integers_for(self, op: Op, tensor: Tensor) -> Tensor:
        """Return the integers of a tensor in the scale in which an op reads them."""
        if tensor not in self._integers_of:
            new = self._written(tensor)
            new.name = f"{tensor.name}/{new.dtype}"
            self._ops.append(conversion(self._graph, tensor, new))
        own = self._integers_of[tensor]
        levels = self._groups.levels_for(op, tensor)
        assert own.quantization is not None
        if np.array_equal(levels.scales, own.quantization.scales):
            return own
        new = self._graph.add_like(own, f"for {op.result.name}")
        new.quantization = levels
        self._ops.append(conversion(self._graph, own, new))
        return new

    def _written(self, tensor: Tensor) -> Tensor:
        """Return the integers that an op writes in the place of a float tensor."""
        new = self._graph.add_like(tensor, "integers")
        new.name, new.range = tensor.name, None
        new.dtype = self._integers.activations.name
        new.quantization = self._groups.levels_of(tensor)
        self._integers_of[tensor] = new
        return new

    def _need_floats(self, tensor: Tensor) -> None:
        """Have a tensor's floats made of its integers where nothing else makes them."""
        if tensor in self._has_floats or tensor not in self._integers_of:
            return
        own = self._integers_of[tensor]
        self._has_floats.add(tensor)
        self._ops.append(conversion(self._graph, own, tensor))
        if tensor in self._graph.outputs:
            own.name = f"{tensor.name}/{own.dtype}"
        else:
            tensor.name = f"{tensor.name}/float32"

    def _quantize_weights(self, op: Op) -> None:
        data, place = (op.inputs[2], 3) if op.traits.is_transposed else (op.source, 2)
        assert data is not None and data.quantization is not None
        bias = op.inputs[place] if len(op.inputs) > place else None
        axis = op.traits.channel_axis
        levels = weight_levels(
            op.weights.values,
            axis,
            None if bias is None else bias.values,
            data.quantization,
            self._integers,
        )
        if bias is None:
            bias = self._no_bias(len(levels.scales), op.result.name)
        weights = self._constant(op.weights, INT8.name, levels, least=-INT8.largest)
        sums = bias_levels(levels, data.quantization)
        summed = self._constant(bias, self._integers.bias_dtype, sums)
        op.inputs = [*op.inputs[:1], weights, *op.inputs[2:place], summed]

    def _no_bias(self, channels: int, name: str) -> Tensor:
        return self._graph.add_constant(np.zeros(channels), f"{name}/bias")

    def _constant(
        self, tensor: Tensor, dtype: str, levels: Quantization, least: int | None = None
    ) -> Tensor:
        """Return a constant's integers; ops that read it in the same scale share them."""
        key = (tensor.index, dtype, levels.scales.tobytes())
        if key not in self._constants:
            new = self._graph.add_like(tensor, dtype)
            new.name, new.dtype, new.quantization, new.range = tensor.name, dtype, levels, None
            content = to_levels(tensor.values, levels, dtype, least).reshape(-1).view(np.uint8)
            # Tensors of the same bytes share them in the file: many biases are all zeros.
            new.data = self._contents.setdefault(content.tobytes(), content)
            self._constants[key] = new
        return self._constants[key]


def _useful(graph: Graph, kernels: Collection[Op]) -> set[Op]:
    """Return the ops that gain by integers.

    Those that only move values, from ops in floats to ops in floats, would lose by it.
    """
    waiting = [op for op in kernels if not op.traits.moves_values]
    useful = set(waiting)
    while waiting:
        op = waiting.pop()
        makers = [graph.maker(tensor) for tensor in op.activation_inputs]
        readers = [reader for tensor in op.outputs for reader in graph.readers(tensor)]
        for other in (*makers, *readers):
            if other is not None and other in kernels and other not in useful:
                useful.add(other)
                waiting.append(other)
    return useful


def _is_known(op: Op) -> bool:
    """Whether all that an integer kernel of an op needs to know of its tensors is known."""
    activations = [t for t in (*op.activation_inputs, *op.outputs) if t.is_float]
    if not activations or any(tensor.range is None for tensor in activations):
        return False
    return not op.traits.has_weights or _weights_are_plain(op)


def _weights_are_plain(op: Op) -> bool:
    """Whether an op's weights and bias are float constants."""
    place = 3 if op.traits.is_transposed else 2
    bias = op.inputs[place] if len(op.inputs) > place else None
    constants = [op.weights, *([] if bias is None else [bias])]
    return all(tensor.float_values is not None for tensor in constants)


def _levels_of_constant(tensor: Tensor, integers: IntegerType) -> Quantization:
    values = tensor.values
    return activation_levels((float(values.min()), float(values.max())), integers)
