"""What each op of an int8 file costs in accuracy, and what it would cost to leave it in float32."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from edgecnn.quantize.ranges import Range
from edgecnn.quantize.recovery.fidelity import snr_db
from edgecnn.quantize.recovery.recover import Quantized, scores
from edgecnn.quantize.sensitivity.alone import OneAtATime
from edgecnn.quantize.sensitivity.result import noise_of
from edgecnn.quantize.sensitivity.rounding import FIXED_RANGES, rounded_weights
from edgecnn.tflite.operators import Array, OpenGraph

INPUT = -1
"""Stands for the maker of the image."""
FLOAT_BYTES_MORE = 3
"""Of a weight, over int8's one."""


@dataclass(frozen=True)
class Op:
    """One op of the float file that an int8 file was made of.

    Args:
        name: Of its result, by which it can be left in float32.
        layer: The Keras name of its layer.
        is_layer: Whether it computes; others pass on what they read.
        weights_noise: Noise over signal in the scores when its weights alone are the int8 file's.
        result_noise: The same when its result alone has 256 levels.
        more_bytes: What its weights take more in float32.
        macs: Multiply-adds of one image.
        elements: Number of values in its result.
        sources: Places of the ops that make what it reads.
        readers: Places of the ops that read its result.
    """

    name: str
    layer: str
    is_layer: bool
    weights_noise: float
    result_noise: float
    more_bytes: int
    macs: int
    elements: int
    sources: tuple[int, ...]
    readers: tuple[int, ...]


@dataclass(frozen=True)
class Noise:
    """What an op's weights and its result add to the scores' noise, over the signal."""

    weights: float = 0.0
    result: float = 0.0


def ops_of(
    made: Quantized,
    images: Array,
    layers: Mapping[str, Any],
    *,
    centered: bool,
    on_progress: Callable[[int, int], None],
) -> list[Op]:
    """Measure each op of an int8 file alone.

    Args:
        made: The int8 file and the float file that it was made of.
        images: What goes into the float file, shape (images, *shape of its input).
        layers: As ``naming.keep_layer_names`` gave them.
        centered: Whether biases take up what the int8 file's weights move a mean by.
        on_progress: Told (ops done, ops in all).

    Returns:
        The ops in the file's order.
    """
    one = OneAtATime(made.reference, images)
    noise = _noises(one, made, images, centered=centered, on_progress=on_progress)
    graph = one.graph
    makers = {int(t): place for place, op in enumerate(graph.operators) for t in op.outputs}
    readers: dict[int, set[int]] = {}
    for place, op in enumerate(graph.operators):
        for tensor in graph.moving_inputs(op):
            readers.setdefault(makers.get(tensor, INPUT), set()).add(place)
    return [
        Op(
            name=graph.name(int(op.outputs[0])),
            layer=one.layer(op, layers),
            is_layer=place in noise,
            weights_noise=noise.get(place, Noise()).weights,
            result_noise=noise.get(place, Noise()).result,
            more_bytes=FLOAT_BYTES_MORE * _weights(graph, op),
            macs=_macs(graph, op),
            elements=_elements(graph, op),
            sources=tuple(sorted(makers.get(t, INPUT) for t in graph.moving_inputs(op))),
            readers=tuple(sorted(readers.get(place, ()))),
        )
        for place, op in enumerate(graph.operators)
    ]


def _noises(
    one: OneAtATime,
    made: Quantized,
    images: Array,
    *,
    centered: bool,
    on_progress: Callable[[int, int], None],
) -> dict[int, Noise]:
    wanted, weights = scores(made.reference, images), real_weights(made.content)
    noises, total = {}, len(one.graph.operators)
    for place, op in one.up_to_scores():
        if one.rounds(op):
            found = one.changed(
                place,
                op,
                _bounds(one.graph, op),
                _weights_of(one.graph, op, weights),
                parts=("weights", "activation"),
                centered=centered,
            )
            ratios = {part: noise_of(snr_db(values, wanted)) for part, values in found.items()}
            noises[place] = Noise(ratios.get("weights", 0.0), ratios["activation"])
        on_progress(place + 1, total)
    return noises


def _bounds(graph: OpenGraph, op: Any) -> Range:
    return FIXED_RANGES.get(graph.kind(op)) or graph.range(int(op.outputs[0]))


def _weights_of(graph: OpenGraph, op: Any, known: Mapping[str, Array]) -> Array | None:
    """Return the weights that an op has in the int8 file; those of unknown name are rounded."""
    if not graph.is_weighted(op):
        return None
    own = graph.values(int(op.inputs[1]))
    found = known.get(graph.name(int(op.outputs[0])))
    if found is not None and found.shape == own.shape:
        return found
    return rounded_weights(own, graph.kind(op))


def real_weights(content: bytes) -> dict[str, Array]:
    """Return the weights of an int8 file as real numbers, by the names of their ops' results.

    Args:
        content: A ``.tflite`` file's bytes.
    """
    graph, found = OpenGraph(content), {}
    for op in graph.operators:
        if graph.is_weighted(op) and graph.dtype(int(op.inputs[1])) == np.int8:
            tensor = int(op.inputs[1])
            levels, scales = graph.values(tensor), graph.scale(tensor)
            axis = int(graph.tensors[tensor].quantization.quantizedDimension)
            shape = [-1 if number == axis else 1 for number in range(levels.ndim)]
            real = levels * (scales.reshape(shape) if scales.size > 1 else scales)
            found[graph.name(int(op.outputs[0]))] = real.astype(np.float32)
    return found


def _elements(graph: OpenGraph, op: Any) -> int:
    return math.prod(graph.shape(int(op.outputs[0])))


def _weights(graph: OpenGraph, op: Any) -> int:
    return math.prod(graph.shape(int(op.inputs[1]))) if graph.is_weighted(op) else 0


def _macs(graph: OpenGraph, op: Any) -> int:
    # A kernel is applied once at each position.
    positions = math.prod(graph.shape(int(op.outputs[0]))[:-1])
    return positions * _weights(graph, op)
