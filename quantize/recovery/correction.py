"""Layer by layer through an integer file: weights rounded together, biases that undo the drift.

The integer and the float file are walked op by op over a few dozen images. Each layer of the
integer file sees what the corrected layers before it make, and after its weights are rounded the
mean of each of its channels is made the float file's: errors that are the same everywhere are the
ones that grow from layer to layer (Nagel et al. 2019, "Data-Free Quantization Through Weight
Equalization and Bias Correction").
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edgecnn.quantize.recovery.inputs import (
    InputRows,
    grouped_weights,
    inputs_of_an_output,
    ungrouped_weights,
)
from edgecnn.quantize.recovery.rounding import round_weights
from edgecnn.quantize.recovery.walk import Walk
from edgecnn.tflite.operators import Array, OpenGraph

CORRECTABLE = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")

MOST_INPUTS = 2304
"""Outputs of more weights (3x3 of more than 256 channels) are rounded to the nearest: errors
average out over so many, and the time grows with the cube."""

LEAST_LIVE = 0.05
"""Part of a channel's values that must be off its bounds for its bias to move its mean."""


@dataclass(frozen=True)
class Corrected:
    """An integer file after correction.

    Args:
        content: Its bytes.
        layers: How many weighted ops were corrected.
        left: Names of the results of those that were left as they were.
    """

    content: bytes
    layers: int
    left: tuple[str, ...]


def correct(
    integer: bytes,
    reference: bytes,
    integer_images: Array,
    float_images: npt.NDArray[np.float32],
    threads: int,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
    *,
    in_halves: bool = False,
) -> Corrected:
    """Correct an integer file's weights and biases against the float file that it was made from.

    Args:
        integer: The integer file.
        reference: The float file, whose tensors have the same names.
        integer_images: What goes into the first, shape (images, *shape of its input).
        float_images: The same images as the second takes them.
        threads: For the runtime.
        on_progress: Told (ops done, ops in all).
        in_halves: Keep the float file's values as float16, for many images.

    Returns:
        The corrected file; layers that have no counterpart, or share their weights with another,
        are left as they are.
    """
    walk = Walk(OpenGraph(integer), integer_images, threads)
    other = Walk(OpenGraph(reference), float_images, threads, in_halves=in_halves)
    graph = walk.graph
    places = _counterparts(graph, other.graph)
    _separate_biases(graph)
    shared = graph.shared_constants()
    layers, left = 0, []
    for number, op in enumerate(graph.operators):
        if graph.is_weighted(op):
            place = places.get(number)
            if place is not None and not shared & set(op.inputs) and _fits(walk, op, other, place):
                _correct_layer(walk, op, other, place)
                layers += 1
            else:
                left.append(graph.name(op.outputs[0]))
        walk.run_before(number + 1)
        on_progress(number + 1, len(graph.operators))
    return Corrected(graph.content(), layers, tuple(left))


def _counterparts(graph: OpenGraph, other: OpenGraph) -> dict[int, int]:
    """Return for the place of each weighted op of a file that of its counterpart in another.

    Quantising keeps the names of results, but for a few that it numbers anew: those are taken in
    order, if they are alike.
    """
    named = {other.name(op.outputs[0]): place for place, op in enumerate(other.operators)}
    places, missing = {}, []
    for place, op in enumerate(graph.operators):
        if graph.is_weighted(op):
            found = named.pop(graph.name(op.outputs[0]), None)
            if found is None:
                missing.append(place)
            else:
                places[place] = found
    rest = sorted(place for place in named.values() if other.is_weighted(other.operators[place]))
    if [_form(graph, place) for place in missing] == [_form(other, place) for place in rest]:
        places |= dict(zip(missing, rest, strict=True))
    return places


def _form(graph: OpenGraph, place: int) -> tuple[str, tuple[int, ...]]:
    op = graph.operators[place]
    return graph.kind(op), graph.shape(int(op.inputs[1]))


def _separate_biases(graph: OpenGraph) -> None:
    """Give each layer a bias of its own: several without one may share a tensor of zeros."""
    shared = graph.shared_constants()
    for op in graph.operators:
        if graph.is_weighted(op) and len(op.inputs) > 2 and int(op.inputs[2]) in shared:
            own = graph.like(int(op.inputs[2]), graph.name(int(op.outputs[0])))
            if graph.scale(int(op.inputs[0])).size:
                graph.set_scales(own, _bias_scales(graph, op))
            graph.set_input(op, 2, own)


def _fits(walk: Walk, op: Any, other: Walk, place: int) -> bool:
    """Whether an op and its counterpart are of a form that is known here."""
    graph, twin = walk.graph, other.graph.operators[place]
    return (
        other.is_before(place)
        and graph.kind(op) in CORRECTABLE
        and other.graph.kind(twin) == graph.kind(op)
        and other.graph.is_weighted(twin)
        and other.graph.shape(int(twin.inputs[1])) == graph.shape(int(op.inputs[1]))
        and other.graph.shape(int(twin.outputs[0])) == graph.shape(int(op.outputs[0]))
        and graph.dtype(int(op.inputs[1])) == np.int8
        and graph.scale(int(op.inputs[0])).size == 1
        and graph.scale(int(op.outputs[0])).size == 1
    )


def _correct_layer(walk: Walk, op: Any, other: Walk, place: int) -> None:
    """Round a layer's weights, set its bias, and run it in both files."""
    other.run_before(place)
    twin = other.graph.operators[place]
    (wanted,) = other.run(twin)
    rows = InputRows(walk.graph, op, len(wanted))
    inputs = rows.inputs(walk.values[int(op.inputs[0])])
    levels = _rounded(walk.graph, op, grouped_weights(other.graph, twin), inputs)
    if walk.graph.has_bias(op):
        _center(walk.graph, op, levels, inputs, _sums(other, twin, len(wanted)))
        results = _match_means(walk, op, rows, rows.outputs(wanted))
    else:
        results = walk.run(op)
    other.finish(twin, [wanted])
    walk.finish(op, results)


def _sums(walk: Walk, op: Any, images: int) -> Array:
    """Return a float layer's results before its activation, where the integer layer's rows are."""
    rows = InputRows(walk.graph, op, images).inputs(walk.values[int(op.inputs[0])])
    products = np.einsum("gri,goi->rgo", rows, grouped_weights(walk.graph, op), optimize=True)
    sums: Array = products.reshape(len(products), -1)
    return sums + walk.graph.values(int(op.inputs[2])) if walk.graph.has_bias(op) else sums


def _rounded(graph: OpenGraph, op: Any, weights: Array, inputs: Array) -> Array:
    """Put rounded weights into a layer and return their levels, grouped."""
    if inputs_of_an_output(graph, op) > MOST_INPUTS:
        return grouped_weights(graph, op)
    levels = round_weights(weights, _covariance(inputs), _weight_scales(graph, op))
    graph.set_values(int(op.inputs[1]), ungrouped_weights(graph, op, levels))
    return levels


def _covariance(inputs: Array) -> Array:
    """Return the covariance of inputs, nearer to its diagonal the fewer rows it is known from.

    A pooled map has one row an image: to round hundreds of weights together by a few dozen of them
    would fit these images and no others.
    """
    _, rows, width = inputs.shape
    centered = inputs - inputs.mean(axis=1, keepdims=True)
    covariance: Array = centered.transpose(0, 2, 1) @ centered / rows
    diagonal = np.diagonal(covariance, axis1=1, axis2=2)
    covariance += width / rows * diagonal[:, None, :] * np.eye(width, dtype=np.float32)
    return covariance


def _weight_scales(graph: OpenGraph, op: Any) -> Array:
    """Return the weights' scales as (groups, outputs of a group)."""
    groups, outputs, _ = grouped_weights(graph, op).shape
    return np.broadcast_to(graph.scale(int(op.inputs[1])), groups * outputs).reshape(groups, -1)


def _center(graph: OpenGraph, op: Any, levels: Array, inputs: Array, wanted: Array) -> None:
    """Set the bias so that the mean before the activation is the wanted one."""
    weights = levels * _weight_scales(graph, op)[..., None]
    made = np.einsum("gi,goi->go", inputs.mean(axis=1, dtype=np.float64), weights).reshape(-1)
    bias = (wanted.mean(axis=0, dtype=np.float64) - made) / _bias_scales(graph, op)
    _set_bias(graph, op, bias)


def _bias_scales(graph: OpenGraph, op: Any) -> Array:
    scales: Array = graph.scale(int(op.inputs[0]))[0] * _weight_scales(graph, op).reshape(-1)
    return scales


def _set_bias(graph: OpenGraph, op: Any, bias: Array) -> None:
    tensor = int(op.inputs[2])
    limits = np.iinfo(np.int32)
    graph.set_values(tensor, np.clip(np.rint(bias), limits.min, limits.max))


def _match_means(walk: Walk, op: Any, rows: InputRows, wanted: Array) -> list[Array]:
    """Move the bias of each channel to where its mean is the wanted one; return the results.

    A bias moves the mean of a channel by its own change times the part of its values that are
    not held by a bound, of the activation or of the integers. A change that brings a channel no
    nearer to the float file's values is taken back.
    """
    graph, bias = walk.graph, int(op.inputs[2])
    before = graph.values(bias)
    (results,) = walk.run(op)
    error, missing = _distance(graph, op, rows.outputs(results), wanted)
    change = missing / np.maximum(_live(rows.outputs(results)), LEAST_LIVE)
    _set_bias(graph, op, before + change / _bias_scales(graph, op))
    (moved,) = walk.run(op)
    better = _distance(graph, op, rows.outputs(moved), wanted)[0] < error
    _set_bias(graph, op, np.where(better, graph.values(bias), before))
    np.copyto(moved, results, where=~better)
    return [moved]


def _distance(graph: OpenGraph, op: Any, rows: Array, wanted: Array) -> tuple[Array, Array]:
    """Return for each channel the mean square of what is missing, and its mean."""
    missing = wanted - graph.real(int(op.outputs[0]), rows)
    return np.einsum("rc,rc->c", missing, missing) / len(missing), missing.mean(axis=0)


def _live(rows: Array) -> Array:
    """Return the part of each channel's values that are not at a bound."""
    inside = (rows > rows.min(axis=0)) & (rows < rows.max(axis=0))
    live: Array = inside.mean(axis=0)
    return live
