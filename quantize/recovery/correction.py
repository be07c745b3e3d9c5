"""Layer by layer through an integer file: weights rounded together, biases that undo the drift.

The integer file is walked layer by layer over a few dozen images. Each layer reads the results of
the corrected layers before it. After its weights are rounded, the mean of each of its channels is
made the float file's, as errors that are the same everywhere are those that grow from layer to
layer (Nagel et al. 2019, "Data-Free Quantization Through Weight Equalization and Bias Correction").
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from edgecnn.quantize.recovery.joint_rounding import round_weights
from edgecnn.quantize.recovery.layer_sums import has_known_bounds, layer_sums
from edgecnn.quantize.recovery.op_by_op import GraphWalk
from edgecnn.quantize.recovery.steps import BIAS_CORRECTION, JOINT_ROUNDING, StepsLeftOut
from edgecnn.quantize.recovery.window_rows import (
    InputRows,
    grouped_weights,
    inputs_of_an_output,
    products,
    ungrouped_weights,
)
from edgecnn.tflite.graph import Graph
from edgecnn.tflite.numbers import INT8
from edgecnn.tflite.tensors_and_ops import Array, Op, Quantization

MOST_INPUTS = 2304
"""Most weights of an output that are rounded together (3x3 of 256 channels). More are rounded to
the nearest level: errors average out over so many, and the time grows with the cube."""

LEAST_LIVE = 0.05
"""Least part of a channel's values that is taken to be off its bounds, where a bias moves them."""


@dataclass(frozen=True)
class CorrectedLayers:
    """Which layers of an integer graph were corrected.

    Args:
        layers: How many weighted ops were corrected.
        uncorrected: Names of the results of weighted ops that were left as they were.
    """

    layers: int
    uncorrected: tuple[str, ...]


def correct_layers(
    graph: Graph,
    reference: Graph,
    integer_samples: Sequence[Array],
    float_samples: Sequence[Array],
    on_progress: Callable[[int, int], None] = lambda done, total: None,
    *,
    without: StepsLeftOut = frozenset(),
) -> CorrectedLayers:
    """Correct an integer graph's weights and biases against the float graph that it was made from.

    Layers that have no counterpart, or share their weights with another layer, are left as they
    are.

    Args:
        graph: The integer graph, changed in place.
        reference: The float graph, whose tensors have the same names.
        integer_samples: For each input its samples as the integer graph takes them, shape
            (samples, *shape of the input).
        float_samples: The same samples as the float graph takes them.
        on_progress: Called with (ops done, ops in all).
        without: Steps that are left out: joint rounding, bias correction, or both.
    """
    layers = _Layers(graph, reference, integer_samples, float_samples, without)
    done, uncorrected = 0, []
    for number, op in enumerate(graph.ops):
        if op.is_weighted:
            # All weights before this layer are final, so what lies between is run at once.
            layers.walk.run_before(number)
            if layers.correct(op):
                done += 1
            else:
                uncorrected.append(op.result.name)
        on_progress(number + 1, len(graph.ops))
    return CorrectedLayers(done, tuple(uncorrected))


class _Layers:
    """The layers of an integer graph that have a counterpart in the float graph."""

    def __init__(
        self,
        graph: Graph,
        reference: Graph,
        integer_samples: Sequence[Array],
        float_samples: Sequence[Array],
        without: StepsLeftOut,
    ) -> None:
        _separate_biases(graph)
        self.walk = GraphWalk(graph, integer_samples)
        self._without = without
        shared = graph.shared_constants()
        self._twins = {
            op: twin
            for op, twin in _counterparts(graph, reference).items()
            if not shared & set(op.distinct_inputs) and _fits(op, twin)
        }
        self._rows = {op: InputRows(op, len(integer_samples[0])) for op in self._twins}
        rows = {twin: self._rows[op] for op, twin in self._twins.items()}
        self._sums = layer_sums(reference, rows, float_samples)

    def correct(self, op: Op) -> bool:
        """Correct a layer; return False if its form is not known."""
        twin = self._twins.get(op)
        if twin is None:
            return False
        inputs = self._rows[op].inputs(self.walk.values[op.source])
        levels = self._rounded(op, twin, inputs)
        wanted = self._sums.pop(twin)
        if op.bias is not None and BIAS_CORRECTION not in self._without:
            sums = products(inputs, levels * _weight_scales(op)[..., None])
            _center(op, sums, wanted)
            bounds = twin.activation.lower_bound, twin.activation.upper_bound
            _match_means(op, sums, np.clip(wanted, *bounds))
        return True

    def _rounded(self, op: Op, twin: Op, inputs: Array) -> Array:
        """Put rounded weights into a layer and return their levels, by groups."""
        if inputs_of_an_output(op) > MOST_INPUTS or JOINT_ROUNDING in self._without:
            return grouped_weights(op)
        levels = round_weights(grouped_weights(twin), _covariance(inputs), _weight_scales(op))
        op.weights.values = ungrouped_weights(op, levels)
        return levels


def _fits(op: Op, twin: Op) -> bool:
    """Whether an op and its counterpart are of a form that can be corrected."""
    return (
        op.is_linear
        and twin.kind == op.kind
        and twin.is_weighted
        and has_known_bounds(twin.activation)
        and twin.weights.shape == op.weights.shape
        and twin.result.shape == op.result.shape
        and op.weights.dtype == INT8.name
        and op.source.scales.size == 1
        and op.result.scales.size == 1
    )


def _counterparts(graph: Graph, reference: Graph) -> dict[Op, Op]:
    """Return for each weighted op of a graph its counterpart in the reference.

    Quantising keeps the names of results, but for a few that it numbers anew. The ops of these are
    paired in order, if they are alike.
    """
    named = {op.result.name: op for op in reference.ops}
    twins, missing = {}, []
    for op in graph.ops:
        if op.is_weighted:
            twin = named.pop(op.result.name, None)
            if twin is None:
                missing.append(op)
            else:
                twins[op] = twin
    rest = [op for op in named.values() if op.is_weighted]
    if [_form(op) for op in missing] == [_form(op) for op in rest]:
        twins |= dict(zip(missing, rest, strict=True))
    return twins


def _form(op: Op) -> tuple[str, tuple[int, ...]]:
    return op.kind, op.weights.shape


def _separate_biases(graph: Graph) -> None:
    """Give each layer a bias of its own: layers without one may share a tensor of zeros."""
    shared = graph.shared_constants()
    for op in graph.ops:
        bias = op.bias if op.is_weighted else None
        if bias is not None and bias in shared:
            own = graph.add_like(bias, op.result.name)
            if op.source.quantization is not None:
                scales = _bias_scales(op).astype(np.float32)
                own.quantization = Quantization(scales, np.zeros(len(scales), np.int64))
            graph.set_input(op, 2, own)


def _covariance(inputs: Array) -> Array:
    """Return the covariance of inputs, nearer to its diagonal the fewer rows there are.

    A pooled map has one row an image: hundreds of weights that are rounded together by a few dozen
    rows would fit these images and no others.
    """
    _, rows, width = inputs.shape
    centered = inputs - inputs.mean(axis=1, keepdims=True)
    covariance: Array = centered.transpose(0, 2, 1) @ centered / rows
    diagonal = np.diagonal(covariance, axis1=1, axis2=2)
    covariance += width / rows * diagonal[:, None, :] * np.eye(width, dtype=np.float32)
    return covariance


def _weight_scales(op: Op) -> Array:
    """Return the scales of the weights, shape (groups, outputs of a group)."""
    groups, outputs, _ = grouped_weights(op).shape
    return np.broadcast_to(op.weights.scales, groups * outputs).reshape(groups, -1)


def _center(op: Op, sums: Array, wanted: Array) -> None:
    """Set the bias so that the mean before the activation is that of the wanted sums.

    Args:
        op: The layer.
        sums: What its weights make of its inputs, without the bias, shape (rows, outputs).
        wanted: What the sums are in the float graph, with the bias.
    """
    missing = wanted.mean(axis=0, dtype=np.float64) - sums.mean(axis=0, dtype=np.float64)
    _set_bias(op, missing / _bias_scales(op))


def _bias_scales(op: Op) -> Array:
    scales: Array = op.source.scales[0] * _weight_scales(op).reshape(-1)
    return scales


def _set_bias(op: Op, bias: Array) -> None:
    assert op.bias is not None
    limits = np.iinfo(np.int32)
    op.bias.values = np.clip(np.rint(bias), limits.min, limits.max)


def _match_means(op: Op, sums: Array, wanted: Array) -> None:
    """Move each channel's bias so that its mean becomes that of the wanted results.

    A bias moves the mean of a channel by its own change times the part of the channel's values that
    no bound holds, neither the activation's nor the integers'. A change that brings a channel no
    nearer to the float graph's values is taken back.
    """
    assert op.bias is not None
    before = op.bias.values
    results = _results(op, sums)
    error, missing = _distance(results, wanted)
    change = missing / np.maximum(_live(results), LEAST_LIVE)
    _set_bias(op, before + change / _bias_scales(op))
    is_better = _distance(_results(op, sums), wanted)[0] < error
    _set_bias(op, np.where(is_better, op.bias.values, before))


def _results(op: Op, sums: Array) -> Array:
    """Return a layer's results as real numbers, as its kernel rounds them.

    Args:
        op: The layer.
        sums: What its weights make of its inputs, without the bias, shape (rows, outputs).
    """
    assert op.bias is not None
    scale, zero, limits = op.result.scales[0], op.result.zero_point, np.iinfo(op.result.dtype)
    low = max(limits.min - zero, np.rint(op.activation.lower_bound / scale))
    high = min(limits.max - zero, np.rint(op.activation.upper_bound / scale))
    results = sums + (op.bias.values * _bias_scales(op)).astype(np.float32)
    # The array is changed in place: rows of many channels take tens of megabytes.
    results /= np.float32(scale)
    np.rint(results, out=results)
    np.clip(results, low, high, out=results)
    results *= np.float32(scale)
    return results


def _distance(results: Array, wanted: Array) -> tuple[Array, Array]:
    """Return the mean square and the mean of each channel's difference from the wanted results."""
    missing = wanted - results
    return np.einsum("rc,rc->c", missing, missing) / len(missing), missing.mean(axis=0)


def _live(rows: Array) -> Array:
    """Return the part of each channel's values that are not at a bound."""
    inside = (rows > rows.min(axis=0)) & (rows < rows.max(axis=0))
    live: Array = inside.mean(axis=0)
    return live
