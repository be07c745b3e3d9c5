"""What each op of an int8 file costs in accuracy, and what it would cost to leave it in float32."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from edgecnn.importing.layer_names import TracedLayer
from edgecnn.quantize.integer_values import FIXED_RANGES, real_weights, rounded_weights
from edgecnn.quantize.recovery.fidelity import sqnr_db
from edgecnn.quantize.scores import scores
from edgecnn.quantize.sensitivity.one_at_a_time import OneAtATime, layer_name, rounds
from edgecnn.quantize.sensitivity.result import noise_of
from edgecnn.tflite.graph import Array, Graph, Op, Range

MODEL_INPUT = -1
"""Stands for the maker of the image."""
FLOAT_BYTES_MORE = 3
"""Extra bytes that a float32 weight takes over an int8 one."""


@dataclass(frozen=True)
class OpCost:
    """What one op of the float graph that an int8 file was made of costs.

    Args:
        name: Name of its result, by which it can be left in float32.
        layer: The Keras name of its layer.
        is_layer: Whether it computes; others pass on what they read.
        weights_noise: Noise over signal in the scores when its weights alone are the int8 file's.
        result_noise: Noise over signal in the scores when its result alone has 256 levels.
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
class OpNoise:
    """What an op's weights and its result add to the scores' noise, over the signal."""

    weights: float = 0.0
    result: float = 0.0


NO_NOISE = OpNoise()


def op_costs(
    int8: Graph,
    reference: Graph,
    images: Array,
    layers: Mapping[str, TracedLayer],
    *,
    centered: bool,
    on_progress: Callable[[int, int], None],
) -> list[OpCost]:
    """Measure each op of an int8 graph alone.

    Args:
        int8: The int8 graph.
        reference: The float graph that it was made of.
        images: What goes into the float graph, shape (images, *shape of its input).
        layers: As ``layer_names.keep_layer_names`` gave them.
        centered: Whether biases take up what the int8 graph's weights move a mean by.
        on_progress: Told (ops done, ops in all).

    Returns:
        The costs of the float graph's ops, in its order.
    """
    noise = _noises(int8, reference, images, centered=centered, on_progress=on_progress)
    places = {tensor: place for place, op in enumerate(reference.ops) for tensor in op.outputs}
    readers: dict[int, set[int]] = {}
    for place, op in enumerate(reference.ops):
        for tensor in op.moving_inputs:
            readers.setdefault(places.get(tensor, MODEL_INPUT), set()).add(place)
    return [
        OpCost(
            name=op.result.name,
            layer=layer_name(op, layers),
            is_layer=place in noise,
            weights_noise=noise.get(place, NO_NOISE).weights,
            result_noise=noise.get(place, NO_NOISE).result,
            more_bytes=FLOAT_BYTES_MORE * _weights(op),
            # A kernel is applied once at each position.
            macs=math.prod(op.result.shape[:-1]) * _weights(op),
            elements=op.result.elements,
            sources=tuple(sorted(places.get(tensor, MODEL_INPUT) for tensor in op.moving_inputs)),
            readers=tuple(sorted(readers.get(place, ()))),
        )
        for place, op in enumerate(reference.ops)
    ]


def _noises(
    int8: Graph,
    reference: Graph,
    images: Array,
    *,
    centered: bool,
    on_progress: Callable[[int, int], None],
) -> dict[int, OpNoise]:
    one, wanted = OneAtATime(reference, images), scores(reference, images)
    weights, noises = weights_by_result(int8), {}
    for place, op in one.up_to_scores():
        if rounds(op):
            found = one.changed(
                place,
                op,
                _range(op),
                _weights_of(op, weights),
                parts=("weights", "activation"),
                centered=centered,
            )
            ratios = {part: noise_of(sqnr_db(values, wanted)) for part, values in found.items()}
            noises[place] = OpNoise(ratios.get("weights", 0.0), ratios["activation"])
        on_progress(place + 1, len(reference.ops))
    return noises


def _range(op: Op) -> Range:
    found = FIXED_RANGES.get(op.kind) or op.result.range
    assert found is not None
    return found


def _weights_of(op: Op, known: Mapping[str, Array]) -> Array | None:
    """Return the weights that an op has in the int8 graph; those of unknown name are rounded."""
    if not op.is_weighted:
        return None
    own, found = op.weights.values, known.get(op.result.name)
    if found is not None and found.shape == own.shape:
        return found
    return rounded_weights(own, op.kind)


def weights_by_result(int8: Graph) -> dict[str, Array]:
    """Return the int8 weights of a graph as real numbers, by the names of their ops' results."""
    return {
        op.result.name: real_weights(op)
        for op in int8.ops
        if op.is_weighted and op.weights.dtype == "int8"
    }


def _weights(op: Op) -> int:
    return op.weights.elements if op.is_weighted else 0
