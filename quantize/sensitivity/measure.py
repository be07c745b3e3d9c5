"""Each op of a float file quantised alone, and what that does to the scores."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from edgecnn.importing.layer_names import TracedLayer
from edgecnn.quantize.calibration.ranges import ObservedActivations, Values
from edgecnn.quantize.recovery.channel_groups import watched_tensors
from edgecnn.quantize.recovery.clipping import clipped_ranges
from edgecnn.quantize.recovery.fidelity import OutputComparison
from edgecnn.quantize.recovery.proof import decibels_of
from edgecnn.quantize.rewriting.kernel_ranges import kernel_ranges
from edgecnn.quantize.sensitivity.one_at_a_time import OneOpAtATime, layer_name, rounds_result
from edgecnn.quantize.sensitivity.result import LayerSensitivity
from edgecnn.tflite.graph import Graph
from edgecnn.tflite.integer_values import rounded_weights
from edgecnn.tflite.scores import Scores
from edgecnn.tflite.tensors_and_ops import Array, Op, Range

MOST_OF_VALUES = 0.999
"""Part of an activation's values without its long tail."""


@dataclass(frozen=True)
class MeasuredModel:
    """The model whose layers are measured, and what is known of it.

    Args:
        graph: The model as a float32 graph.
        observed: The graph's activations over the calibration images.
        samples: For each input its samples as the graph takes them, shape (samples, *shape of the
            input).
        comparison: How the scores are compared.
        layers: The traced layers by name, from ``layer_names.traced_layers``.
    """

    graph: Graph
    observed: ObservedActivations
    samples: Sequence[Array]
    comparison: OutputComparison
    layers: Mapping[str, TracedLayer]


class LayerByLayer:
    """Walks through a float graph and quantises each op alone on the way.

    Args:
        model: The model.
        float_scores: The float graph's scores of each output.
        on_progress: Called with (ops done, ops in all).
    """

    def __init__(
        self, model: MeasuredModel, float_scores: Scores, on_progress: Callable[[int, int], None]
    ) -> None:
        graph, observed = model.graph, model.observed
        self._walk = OneOpAtATime(graph, model.samples, model.comparison.tensors(graph))
        self._model, self._float_scores = model, float_scores
        self._on_progress = on_progress
        self._equalized = watched_tensors(graph)
        self._ranges = observed.ranges | kernel_ranges(graph, observed.ranges)
        self._clipped = clipped_ranges(graph, observed)

    def rows(self) -> Iterator[LayerSensitivity]:
        """Yield a row for each op that rounds, in the order of the network; shares are not set."""
        total = len(self._model.graph.ops)
        for place, op in self._walk.up_to_scores():
            if rounds_result(op):
                yield self._row(place, op)
            self._on_progress(place + 1, total)

    def _row(self, place: int, op: Op) -> LayerSensitivity:
        observed, index = self._model.observed, op.result.index
        extremes = self._ranges[index]
        weights = op.weights.values if op.is_weighted else None
        rounded = None if weights is None else rounded_weights(weights, op.kind)
        scores = self._walk.rounded_scores(place, op, op.traits.fixed_range or extremes, rounded)
        wanted, comparison = self._float_scores, self._model.comparison
        noises = {part: comparison.noise(found, wanted) for part, found in scores.items()}
        both = comparison.fidelity(scores.get("both", scores["activation"]), wanted)
        return LayerSensitivity(
            layer=layer_name(op, self._model.layers),
            kind=op.kind,
            place=place,
            weights_db=decibels_of(noises["weights"]) if "weights" in noises else None,
            activation_db=decibels_of(noises["activation"]),
            both_db=decibels_of(noises.get("both", noises["activation"])),
            agreement=both.agreement,
            share=0.0,
            low=extremes[0],
            high=extremes[1],
            most_within=_most_within(observed.samples[index], extremes),
            weights_lost=None if weights is None or rounded is None else _lost(weights, rounded),
            is_equalized=op.result in self._equalized,
            is_clipped=self._clipped.get(index, observed.ranges[index]) != observed.ranges[index],
        )


def _lost(weights: Array, rounded: Array) -> float:
    """Return the part of the weights that rounding turns into 0."""
    return float(((weights != 0) & (rounded == 0)).mean())


def _most_within(samples: Values, extremes: Range) -> float:
    """Return the part of a range, from 0 on, in which most of the values are."""
    greatest = max(abs(extremes[0]), abs(extremes[1]))
    most = float(np.quantile(np.abs(np.clip(samples, *extremes)), MOST_OF_VALUES))
    return min(most / greatest, 1.0) if greatest else 1.0
