"""What each op of an int8 file costs in accuracy, and what it would cost to leave it in float32."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from edgecnn.importing.layer_names import TracedLayer
from edgecnn.quantize.recovery.fidelity import OutputComparison
from edgecnn.quantize.sensitivity.one_at_a_time import OneOpAtATime, layer_name, rounds_result
from edgecnn.tflite.graph import Graph
from edgecnn.tflite.integer_values import real_weights, rounded_weights
from edgecnn.tflite.numbers import INT8
from edgecnn.tflite.tensors_and_ops import Array, Op, Range

MODEL_INPUT = -1
"""Stands for the place of the maker of the model's input."""
EXTRA_FLOAT_BYTES = 3
"""Extra bytes that a float32 weight takes over an int8 one."""


@dataclass(frozen=True)
class OpCost:
    """What one op of the float graph that an int8 file was made of costs.

    Args:
        name: Name of the op's result, by which the op can be left in float32.
        layer: The Keras name of the op's layer.
        is_layer: Whether the op computes; others pass on what they read.
        weights_noise: Noise over signal in the scores when the op's weights alone are the int8
            file's.
        result_noise: Noise over signal in the scores when the op's result alone has 256 levels.
        extra_bytes: Additional bytes of the op's weights in float32.
        macs: Multiply-adds of the op for one image.
        elements: Number of values in the op's result.
        sources: Places of the ops that make what this op reads.
        readers: Places of the ops that read this op's result.
    """

    name: str
    layer: str
    is_layer: bool
    weights_noise: float
    result_noise: float
    extra_bytes: int
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
    samples: Sequence[Array],
    comparison: OutputComparison,
    layers: Mapping[str, TracedLayer],
    *,
    centered: bool,
    on_progress: Callable[[int, int], None],
) -> list[OpCost]:
    """Measure each op of an int8 graph alone.

    Args:
        int8: The int8 graph.
        reference: The float graph that it was made of.
        samples: For each input its samples as the float graph takes them, shape (samples, *shape of
            the input).
        comparison: How the scores are compared.
        layers: The traced layers by name, from ``layer_names.traced_layers``.
        centered: Whether biases undo the shift of means that rounded weights cause.
        on_progress: Called with (ops done, ops in all).

    Returns:
        The costs of the float graph's ops, in its order.
    """
    noise = _noises(
        int8, reference, samples, comparison, centered=centered, on_progress=on_progress
    )
    places = {tensor: place for place, op in enumerate(reference.ops) for tensor in op.outputs}
    readers: dict[int, set[int]] = {}
    for place, op in enumerate(reference.ops):
        for tensor in op.activation_inputs:
            readers.setdefault(places.get(tensor, MODEL_INPUT), set()).add(place)
    return [
        OpCost(
            name=op.result.name,
            layer=layer_name(op, layers),
            is_layer=place in noise,
            weights_noise=noise.get(place, NO_NOISE).weights,
            result_noise=noise.get(place, NO_NOISE).result,
            extra_bytes=EXTRA_FLOAT_BYTES * _weights(op),
            macs=macs_of(op),
            elements=op.result.elements,
            sources=tuple(
                sorted(places.get(tensor, MODEL_INPUT) for tensor in op.activation_inputs)
            ),
            readers=tuple(sorted(readers.get(place, ()))),
        )
        for place, op in enumerate(reference.ops)
    ]


def macs_of(op: Op) -> int:
    """Return an op's multiply-adds of one image: its kernel is applied once at each position."""
    return math.prod(op.result.shape[:-1]) * _weights(op)


def _noises(
    int8: Graph,
    reference: Graph,
    samples: Sequence[Array],
    comparison: OutputComparison,
    *,
    centered: bool,
    on_progress: Callable[[int, int], None],
) -> dict[int, OpNoise]:
    walk = OneOpAtATime(reference, samples, comparison.tensors(reference))
    wanted = comparison.scores(reference, samples)
    weights, noises = weights_by_result(int8), {}
    for place, op in walk.up_to_scores():
        if rounds_result(op):
            rounded = walk.rounded_scores(
                place,
                op,
                _range(op),
                _weights_of(op, weights),
                parts=("weights", "activation"),
                centered=centered,
            )
            ratios = {part: comparison.noise(found, wanted) for part, found in rounded.items()}
            noises[place] = OpNoise(ratios.get("weights", 0.0), ratios["activation"])
        on_progress(place + 1, len(reference.ops))
    return noises


def _range(op: Op) -> Range:
    extremes = op.traits.fixed_range or op.result.range
    assert extremes is not None
    return extremes


def _weights_of(op: Op, int8_weights: Mapping[str, Array]) -> Array | None:
    """Return an op's weights in the int8 graph; where its name is not there, rounded ones."""
    if not op.is_weighted:
        return None
    own, int8 = op.weights.values, int8_weights.get(op.result.name)
    if int8 is not None and int8.shape == own.shape:
        return int8
    return rounded_weights(own, op.kind)


def weights_by_result(int8: Graph) -> dict[str, Array]:
    """Return the int8 weights of a graph as real numbers, by the names of their ops' results."""
    return {
        op.result.name: real_weights(op)
        for op in int8.ops
        if op.is_weighted and op.weights.dtype == INT8.name
    }


def _weights(op: Op) -> int:
    return op.weights.elements if op.is_weighted else 0
