"""Each op of a float file quantised alone, and what that does to the scores."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from edgecnn.importing.layer_names import TracedLayer
from edgecnn.quantize.ranges import Observed, Range, Values
from edgecnn.quantize.recovery.clipping import clipped_ranges
from edgecnn.quantize.recovery.equalization import equalized_tensors
from edgecnn.quantize.recovery.fidelity import fidelity, snr_db
from edgecnn.quantize.sensitivity.alone import OneAtATime
from edgecnn.quantize.sensitivity.result import LayerSensitivity
from edgecnn.quantize.sensitivity.rounding import FIXED_RANGES, rounded_weights
from edgecnn.quantize.usable import usable_ranges
from edgecnn.tflite.operators import Array

MOST = 0.999


@dataclass(frozen=True)
class Subject:
    """What is measured.

    Args:
        content: A float32 file.
        observed: Its activations over the calibration images.
        images: What goes in, shape (images, *shape of its input).
        layers: As ``naming.keep_layer_names`` gave them.
    """

    content: bytes
    observed: Observed
    images: Array
    layers: Mapping[str, TracedLayer]


class LayerByLayer:
    """Walks through a float file and quantises each op alone on the way.

    Args:
        subject: What is measured.
        wanted: The float file's scores, shape (images, classes).
        on_progress: Told (ops done, ops in all).
    """

    def __init__(
        self, subject: Subject, wanted: Array, on_progress: Callable[[int, int], None]
    ) -> None:
        self._one = OneAtATime(subject.content, subject.images)
        self._subject, self._wanted, self._on_progress = subject, wanted, on_progress
        self._equalized = set(equalized_tensors(self._one.graph))
        observed = subject.observed
        self._ranges = usable_ranges(subject.content, observed.ranges)
        self._clipped = clipped_ranges(subject.content, observed.ranges, observed.samples)

    def rows(self) -> Iterator[LayerSensitivity]:
        """Yield a row for each op that rounds, in the order of the network; shares are 0 yet."""
        total = len(self._one.graph.operators)
        for place, op in self._one.up_to_scores():
            if self._one.rounds(op):
                yield self._row(place, op)
            self._on_progress(place + 1, total)

    def _row(self, place: int, op: Any) -> LayerSensitivity:
        graph, kind, result = self._one.graph, self._one.graph.kind(op), int(op.outputs[0])
        extremes = self._ranges[result]
        weights = graph.values(int(op.inputs[1])) if graph.is_weighted(op) else None
        rounded = None if weights is None else rounded_weights(weights, kind)
        scores = self._one.changed(place, op, FIXED_RANGES.get(kind, extremes), rounded)
        both = fidelity(scores.get("both", scores["activation"]), self._wanted)
        return LayerSensitivity(
            layer=self._one.layer(op, self._subject.layers),
            kind=kind,
            place=place,
            weights_db=snr_db(scores["weights"], self._wanted) if "weights" in scores else None,
            activation_db=snr_db(scores["activation"], self._wanted),
            both_db=both.snr_db,
            agreement=both.agreement,
            share=0.0,
            low=extremes[0],
            high=extremes[1],
            most_within=_most_within(self._subject.observed.samples[result], extremes),
            weights_lost=None if weights is None else _lost(weights, kind),
            is_equalized=result in self._equalized,
            is_clipped=self._clipped[result] != self._subject.observed.ranges[result],
        )


def _lost(weights: Array, kind: str) -> float:
    """Return the part of weights that are not 0, but are when rounded."""
    return float(((weights != 0) & (rounded_weights(weights, kind) == 0)).mean())


def _most_within(samples: Values, extremes: Range) -> float:
    """Return the part of a range, from 0 on, in which most of the values are."""
    greatest = max(abs(extremes[0]), abs(extremes[1]))
    most = float(np.quantile(np.abs(np.clip(samples, *extremes)), MOST))
    return min(most / greatest, 1.0) if greatest else 1.0
