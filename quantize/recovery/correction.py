"""Layer by layer through an integer file: weights rounded together, biases that undo the drift.

The integer and the float file are walked op by op over a few dozen images. Each layer of the
integer file reads the results of the corrected layers before it. After its weights are rounded, the
mean of each of its channels is made the float file's, as errors that are the same everywhere are
those that grow from layer to layer (Nagel et al. 2019, "Data-Free Quantization Through Weight
Equalization and Bias Correction").
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgecnn.quantize.recovery.joint_rounding import round_weights
from edgecnn.quantize.recovery.op_by_op import GraphWalk
from edgecnn.quantize.recovery.steps import BIAS_CORRECTION, JOINT_ROUNDING, StepsLeftOut
from edgecnn.quantize.recovery.window_rows import (
    InputRows,
    grouped_weights,
    inputs_of_an_output,
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
    integer_images: Array,
    float_images: npt.NDArray[np.float32],
    on_progress: Callable[[int, int], None] = lambda done, total: None,
    *,
    in_halves: bool = False,
    without: StepsLeftOut = frozenset(),
) -> CorrectedLayers:
    """Correct an integer graph's weights and biases against the float graph that it was made from.

    Layers that have no counterpart, or share their weights with another layer, are left as they
    are.

    Args:
        graph: The integer graph, changed in place.
        reference: The float graph, whose tensors have the same names.
        integer_images: Images as the integer graph takes them, shape (images, *shape of the
            graph's input).
        float_images: Images as the float graph takes them, in the order of ``integer_images``.
        on_progress: Called with (ops done, ops in all).
        in_halves: Keep the float graph's values as float16, for many images.
        without: Steps that are left out: joint rounding, bias correction, or both.
    """
    layers = _Layers(graph, reference, integer_images, float_images, in_halves, without)
    done, uncorrected = 0, []
    for number, op in enumerate(graph.ops):
        if op.is_weighted:
            if layers.correct(op):
                done += 1
            else:
                uncorrected.append(op.result.name)
        layers.walk.run_before(number + 1)
        on_progress(number + 1, len(graph.ops))
    return CorrectedLayers(done, tuple(uncorrected))


class _Layers:
    """The integer and the float graph, walked through side by side."""

    def __init__(
        self,
        graph: Graph,
        reference: Graph,
        integer_images: Array,
        float_images: npt.NDArray[np.float32],
        in_halves: bool,
        without: StepsLeftOut,
    ) -> None:
        _separate_biases(graph)
        self.walk = GraphWalk(graph, integer_images)
        self._other = GraphWalk(reference, float_images, in_halves=in_halves)
        self._places = _counterparts(graph, reference)
        self._shared = graph.shared_constants()
        self._without = without

    def correct(self, op: Op) -> bool:
        """Correct a layer and run it in both graphs; return False if its form is not known."""
        place = self._places.get(op)
        if place is None or self._shared & set(op.distinct_inputs) or not self._fits(op, place):
            return False
        self._other.run_before(place)
        twin = self._other.graph.ops[place]
        (wanted,) = self._other.run(twin)
        rows = InputRows(op, len(wanted))
        inputs = rows.inputs(self.walk.values[op.source])
        levels = self._rounded(op, twin, inputs)
        if op.bias is not None and BIAS_CORRECTION not in self._without:
            _center(op, levels, inputs, _sums(self._other, twin, len(wanted)))
            results = _match_means(self.walk, op, rows, rows.outputs(wanted))
        else:
            results = self.walk.run(op)
        self._other.finish(twin, [wanted])
        self.walk.finish(op, results)
        return True

    def _fits(self, op: Op, place: int) -> bool:
        """Whether an op and its counterpart are of a form that can be corrected."""
        twin = self._other.graph.ops[place]
        return (
            self._other.is_before(place)
            and op.is_linear
            and twin.kind == op.kind
            and twin.is_weighted
            and twin.weights.shape == op.weights.shape
            and twin.result.shape == op.result.shape
            and op.weights.dtype == INT8.name
            and op.source.scales.size == 1
            and op.result.scales.size == 1
        )

    def _rounded(self, op: Op, twin: Op, inputs: Array) -> Array:
        """Put rounded weights into a layer and return their levels, by groups."""
        if inputs_of_an_output(op) > MOST_INPUTS or JOINT_ROUNDING in self._without:
            return grouped_weights(op)
        levels = round_weights(grouped_weights(twin), _covariance(inputs), _weight_scales(op))
        op.weights.values = ungrouped_weights(op, levels)
        return levels


def _counterparts(graph: Graph, reference: Graph) -> dict[Op, int]:
    """Return for each weighted op of a graph the place of its counterpart in the reference.

    Quantising keeps the names of results, but for a few that it numbers anew. The ops of these are
    paired in order, if they are alike.
    """
    named = {op.result.name: place for place, op in enumerate(reference.ops)}
    places, missing = {}, []
    for op in graph.ops:
        if op.is_weighted:
            place = named.pop(op.result.name, None)
            if place is None:
                missing.append(op)
            else:
                places[op] = place
    rest = sorted(place for place in named.values() if reference.ops[place].is_weighted)
    if [_form(op) for op in missing] == [_form(reference.ops[place]) for place in rest]:
        places |= dict(zip(missing, rest, strict=True))
    return places


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


def _sums(walk: GraphWalk, op: Op, images: int) -> Array:
    """Return a float layer's results before its activation, at the integer layer's rows."""
    rows = InputRows(op, images).inputs(walk.values[op.source])
    products = np.einsum("gri,goi->rgo", rows, grouped_weights(op), optimize=True)
    sums: Array = products.reshape(len(products), -1)
    return sums if op.bias is None else sums + op.bias.values


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


def _center(op: Op, levels: Array, inputs: Array, wanted: Array) -> None:
    """Set the bias so that the mean before the activation is that of the wanted values."""
    weights = levels * _weight_scales(op)[..., None]
    means = np.einsum("gi,goi->go", inputs.mean(axis=1, dtype=np.float64), weights).reshape(-1)
    _set_bias(op, (wanted.mean(axis=0, dtype=np.float64) - means) / _bias_scales(op))


def _bias_scales(op: Op) -> Array:
    scales: Array = op.source.scales[0] * _weight_scales(op).reshape(-1)
    return scales


def _set_bias(op: Op, bias: Array) -> None:
    assert op.bias is not None
    limits = np.iinfo(np.int32)
    op.bias.values = np.clip(np.rint(bias), limits.min, limits.max)


def _match_means(walk: GraphWalk, op: Op, rows: InputRows, wanted: Array) -> list[Array]:
    """Move each channel's bias so that its mean becomes that of the wanted values.

    A bias moves the mean of a channel by its own change times the part of the channel's values that
    no bound holds, neither the activation's nor the integers'. A change that brings a channel no
    nearer to the float graph's values is taken back.

    Returns:
        The op's results with the new biases.
    """
    assert op.bias is not None
    before = op.bias.values
    (results,) = walk.run(op)
    error, missing = _distance(op, rows.outputs(results), wanted)
    change = missing / np.maximum(_live(rows.outputs(results)), LEAST_LIVE)
    _set_bias(op, before + change / _bias_scales(op))
    (moved,) = walk.run(op)
    better = _distance(op, rows.outputs(moved), wanted)[0] < error
    _set_bias(op, np.where(better, op.bias.values, before))
    np.copyto(moved, results, where=~better)
    return [moved]


def _distance(op: Op, rows: Array, wanted: Array) -> tuple[Array, Array]:
    """Return the mean square and the mean of each channel's difference from the wanted values."""
    missing = wanted - op.result.dequantized(rows)
    return np.einsum("rc,rc->c", missing, missing) / len(missing), missing.mean(axis=0)


def _live(rows: Array) -> Array:
    """Return the part of each channel's values that are not at a bound."""
    inside = (rows > rows.min(axis=0)) & (rows < rows.max(axis=0))
    live: Array = inside.mean(axis=0)
    return live
