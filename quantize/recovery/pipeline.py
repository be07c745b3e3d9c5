"""From a float graph to the integer graph that keeps its answers: steps in order, and the proof.

Before quantising, channels and ranges of the float graph are changed; softmax and the like stay in
float32. After it, weights and biases are corrected layer by layer. ``steps.py`` names the steps.
The result is compared with the plain file on held-out samples, and the better one is taken.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from edgecnn.core.errors import ConversionError
from edgecnn.data.inputspec import InputSpec
from edgecnn.quantize.calibration.ranges import ObservedActivations
from edgecnn.quantize.integers.schemes import QuantizedGraph
from edgecnn.quantize.recovery.channel_groups import channel_groups, equalize_groups
from edgecnn.quantize.recovery.clipping import clipped_ranges
from edgecnn.quantize.recovery.correction import correct_layers
from edgecnn.quantize.recovery.dead_channels import use_dead_channels
from edgecnn.quantize.recovery.fidelity import OutputComparison
from edgecnn.quantize.recovery.float_front import noisy_front, worth_its_cost
from edgecnn.quantize.recovery.float_softmax import ops_in_float
from edgecnn.quantize.recovery.graph_inputs import TakenOneByOne, all_as_taken
from edgecnn.quantize.recovery.proof import Fidelity, FloatFront, Proof
from edgecnn.quantize.recovery.steps import (
    CHANNEL_GROUPS,
    CLIPPING,
    DEAD_CHANNELS,
    FLOAT_FRONT,
    FLOAT_SOFTMAX,
    StepsLeftOut,
)
from edgecnn.quantize.timing.latencies import Latencies
from edgecnn.tflite.graph import Graph
from edgecnn.tflite.output_kinds import JudgedOutput, OutputKind
from edgecnn.tflite.scores import (
    DECIDING_KINDS,
    real_scores,
    score_levels,
    tied_answers,
)
from edgecnn.tflite.tensors_and_ops import Array

NOISE_IMAGES = 4
"""Number of images on which the channels of a chain of layers are judged."""
FRONT_IMAGES = 8
"""Number of images on which the first layers are judged: some images make three times the noise of
others."""

SMALL_NETWORK = 1 << 19
"""Number of values of all activations together up to which a network is small: correcting it takes
a second, so a second way is tried (a CIFAR-10 ResNet has 150,000 values, MobileNet v1 0.25 at 224
pixels a million)."""
SMALL_TIMES = 4
"""Times more images that correct a small network, whose maps have few positions to learn from."""

FRONT_DB = {"fast": 27.0, "full": 33.0}
"""SQNR of the scores in decibels, by level, below which the first layers' rounding alone is too
noisy: below 27 dB it is most of what an int8 file loses, and one image in twenty gets another
answer."""

MAYBE_CLASSES = (OutputKind.CLASSES, OutputKind.UNKNOWN)
"""Kinds of outputs whose rows may be scores of classes."""

MAKING_FAILS = (
    ConversionError,
    RuntimeError,
    ValueError,
    ArithmeticError,
    np.linalg.LinAlgError,
)
"""Errors that the quantiser, the corrector and the runtime raise for an unsuitable graph."""

MOST_SCORES = 1 << 25
"""Most numbers of the scores of all held-out samples, 128 MB of them: a map of scores has a million
numbers, and tells of a thousand places."""
FEWEST_HELD_OUT = 8
"""Held-out samples that are compared however many numbers their scores have."""


@dataclass(frozen=True)
class Quantizer:
    """How an integer graph is made and corrected.

    Args:
        quantize: Makes an integer graph of a calibrated float graph, which stays as it is; the
            results of the given names stay in float32.
        keeps_float: Whether layers can stay in float32.
        fit_images: Number of images that a graph is corrected with; small networks, and the last
            try of ``"full"``, take more.
        softens: Whether softmax and the like are computed in float32 behind the integers.
    """

    quantize: Callable[[Graph, Sequence[str]], QuantizedGraph]
    keeps_float: bool
    fit_images: int
    softens: bool = True


@dataclass(frozen=True)
class RecoveryData:
    """The samples that recovery works with, how they become input, and what the answers are.

    Args:
        fit: For each input its samples for ranges and correction: uint8 pixels, shape (samples,
            height, width, channels), of a model that takes images, else what the input takes.
        held_out: Samples for the proof alone, as ``fit``.
        outputs: For each held-out image the output that is its label; None without labels.
        normalization: Makes the float graph's input of pixels; None for samples that go in as they
            are.
        judged: What each output of the model is; without them each is taken for scores of classes.
    """

    fit: Sequence[Array]
    held_out: Sequence[Array]
    outputs: Sequence[int] | None
    normalization: InputSpec | None
    judged: Sequence[JudgedOutput] = ()


@dataclass(frozen=True)
class RecoveredGraph:
    """The integer graph that recovery came to.

    Args:
        graph: The integer graph.
        before: Fidelity of the plain file.
        after: Fidelity of the integer graph.
        reference: The float graph that the integer graph was made of.
        is_plain: Whether nothing better than the plain file was found; its softmax is float.
        layers: How many layers were corrected.
        uncorrected: Names of the results of layers that were not corrected.
        in_float: Names of the results of layers that stayed in float32.
        float_front: The first layers, where they stayed in float32.
        without: Steps that were left out.
    """

    graph: Graph
    before: Fidelity
    after: Fidelity
    reference: Graph
    is_plain: bool = False
    layers: int = 0
    uncorrected: tuple[str, ...] = ()
    in_float: tuple[str, ...] = ()
    float_front: FloatFront | None = None
    without: StepsLeftOut = frozenset()

    def proof(self, level: str, reason: str = "") -> Proof:
        """Return what is told of the graph's file.

        Args:
            level: Level of recovery that was asked for.
            reason: Why recovery failed; empty where it did not.
        """
        return Proof(
            recovery="none" if self.is_plain and level != "off" else level,
            before=self.before,
            after=self.after,
            layers_corrected=self.layers,
            layers_left=self.uncorrected,
            layers_in_float=self.in_float,
            float_front=self.float_front,
            without=tuple(sorted(step.name for step in self.without)),
            reason=reason,
        )


class Recovery:
    """One float graph on its way to integer graphs that keep its answers.

    Args:
        graph: The float graph.
        observed: The float graph's activations over ``data.fit``.
        data: The images.
        level: Level of recovery: ``"off"``, ``"fast"`` or ``"full"``.
        latencies: Where the latencies of files come from.
        on_progress: Called with (ops done, ops in all).
        without: Steps that are left out.
    """

    def __init__(
        self,
        graph: Graph,
        observed: ObservedActivations,
        data: RecoveryData,
        level: str,
        latencies: Latencies,
        on_progress: Callable[[int, int], None],
        without: StepsLeftOut = frozenset(),
    ) -> None:
        self._graph, self._observed, self._data = graph, observed, data
        self._level, self._latencies = level, latencies
        self._on_progress = on_progress
        self._without = without
        self._prepared: dict[StepsLeftOut, Graph] = {}
        self.comparison = OutputComparison.of(
            graph, data.judged, are_images=data.normalization is not None
        )
        """How the outputs of graphs are compared."""
        self._compared = compared_samples(self.comparison, graph, len(data.held_out[0]))
        kinds = self.comparison.kinds
        self.float_scores = real_scores(graph, self._levels(graph), kinds)
        """The float graph's scores of each output for the held-out samples."""

    @property
    def class_scores(self) -> Array | None:
        """The scores of the only output, shape (samples, classes); None for other outputs."""
        scores, kinds = self.float_scores, self.comparison.kinds
        is_row = len(scores) == 1 and scores[0].ndim == 2
        return scores[0] if is_row and kinds[0] in MAYBE_CLASSES else None

    def prove(self, graph: Graph) -> Fidelity:
        """Compare a graph of the same model with the float graph on the held-out samples."""
        labels = self._data.outputs
        labels = None if labels is None else labels[: self._compared]
        levels, kinds = self._levels(graph), self.comparison.kinds
        found = real_scores(graph, levels, kinds)
        compared = self.comparison.fidelity(found, self.float_scores, labels)
        return dataclasses.replace(compared, ties=tied_answers(graph, levels, kinds))

    def _levels(self, graph: Graph) -> list[Array]:
        """Return the scores of a graph of the same model for the held-out samples, as computed."""
        samples = [
            TakenOneByOne(each[: self._compared], self._data.normalization, tensor)
            for each, tensor in zip(self._data.held_out, graph.inputs, strict=True)
        ]
        return score_levels(graph, samples, self.comparison.kinds)

    def inputs(self, count: int) -> list[Array]:
        """Return the last samples that ranges were taken from, as the float graph takes them.

        They are the last ones, as the fast level corrects with the first ones.
        """
        return self._taken_by(self._graph, [each[-count:] for each in self._data.fit])

    def _first(self, graph: Graph, count: int) -> list[Array]:
        """Return the first samples that ranges were taken from, as a graph takes them."""
        return self._taken_by(graph, [each[:count] for each in self._data.fit])

    def _taken_by(self, graph: Graph, samples: Sequence[Array]) -> list[Array]:
        return all_as_taken(graph, samples, self._data.normalization)

    def recover(self, quantizer: Quantizer, plain: QuantizedGraph) -> RecoveredGraph:
        """Make a better graph than the plain one; return the plain one where none is better."""
        before = self.prove(plain.graph)
        front = self._float_front(quantizer, plain.graph)
        in_float = front.results if front else ()
        ways = [self._without | {CHANNEL_GROUPS}] if in_float else self._ways()
        tried = [self._corrected(quantizer, before, way, in_float) for way in ways]
        best = min(tried, key=_divergence)
        if self._level == "full" and not self._is_small:
            most = 3 * quantizer.fit_images // 2
            again = self._corrected(quantizer, before, best.without, in_float, most)
            best = min(best, again, key=_divergence)
        if _divergence(best) < before.divergence:
            return dataclasses.replace(best, float_front=front)
        softened = self._quantized_plainly(quantizer)
        after = self._if_changed(softened, before)
        return RecoveredGraph(softened.graph, before, after, softened.reference, is_plain=True)

    def _quantized_plainly(
        self, quantizer: Quantizer, in_float: Sequence[str] = ()
    ) -> QuantizedGraph:
        """Return an integer graph of the ranges as they were observed."""
        calibrated = self._graph.copy()
        calibrated.set_ranges(self._observed.ranges)
        return self._softened(quantizer, calibrated, in_float)

    def _if_changed(self, softened: QuantizedGraph, before: Fidelity) -> Fidelity:
        """Prove a graph unless leaving softmax in float changed nothing of the scores before it."""
        decides = all(kind in DECIDING_KINDS for kind in self.comparison.kinds)
        return before if decides else self.prove(softened.graph)

    def _ways(self) -> list[StepsLeftOut]:
        """Return the steps to leave out, for each of the ways that the level tries."""
        is_full = self._level == "full"
        has_groups = (is_full or self._is_small) and self._has_groups
        ways = [self._without | {CHANNEL_GROUPS}]
        return list(dict.fromkeys(ways + [self._without] * has_groups))

    def remake(
        self, quantizer: Quantizer, recovered: RecoveredGraph, in_float: Sequence[str]
    ) -> RecoveredGraph:
        """Make a recovered graph again, with the results of the given names in float32."""
        if not recovered.is_plain:
            return self._corrected(quantizer, recovered.before, recovered.without, in_float)
        if self._level == "off":
            calibrated = self._graph.copy()
            calibrated.set_ranges(self._observed.ranges)
            quantized = quantizer.quantize(calibrated, in_float)
        else:
            quantized = self._quantized_plainly(quantizer, in_float)
        return RecoveredGraph(
            quantized.graph,
            recovered.before,
            self.prove(quantized.graph),
            quantized.reference,
            is_plain=True,
            in_float=tuple(in_float),
        )

    def _softened(
        self, quantizer: Quantizer, calibrated: Graph, in_float: Sequence[str]
    ) -> QuantizedGraph:
        """Return an integer graph whose softmax and the like are in float."""
        ends: tuple[str, ...] = ()
        if quantizer.softens and FLOAT_SOFTMAX not in self._without:
            ends = ops_in_float(calibrated, self.comparison.kinds)
        return quantizer.quantize(calibrated, [*in_float, *ends])

    def _float_front(self, quantizer: Quantizer, plain: Graph) -> FloatFront | None:
        """Return the first layers if leaving them in float32 is worth its cost."""
        if not quantizer.keeps_float or FLOAT_FRONT in self._without:
            return None
        prepared = self._prepare(self._without | {CHANNEL_GROUPS})
        samples = self._first(prepared, FRONT_IMAGES)
        names = noisy_front(prepared, samples, self.comparison, FRONT_DB[self._level])
        if not names:
            return None
        mixed = quantizer.quantize(prepared, names).graph
        return worth_its_cost(names, mixed, plain, self._latencies)

    def _corrected(
        self,
        quantizer: Quantizer,
        before: Fidelity,
        without: StepsLeftOut,
        in_float: Sequence[str] = (),
        most_images: int = 0,
    ) -> RecoveredGraph:
        quantized = self._softened(quantizer, self._prepare(without), in_float)
        most = max(most_images, quantizer.fit_images * (SMALL_TIMES if self._is_small else 1))
        corrected = correct_layers(
            quantized.graph,
            quantized.reference,
            self._first(quantized.graph, most),
            self._first(quantized.reference, most),
            self._on_progress,
            without=without,
        )
        return RecoveredGraph(
            quantized.graph,
            before,
            self.prove(quantized.graph),
            quantized.reference,
            layers=corrected.layers,
            uncorrected=tuple(name for name in corrected.uncorrected if name not in in_float),
            in_float=tuple(in_float),
            without=without,
        )

    def _prepare(self, without: StepsLeftOut) -> Graph:
        """Return a float graph of the same answers, changed so that its integers get finer."""
        if without not in self._prepared:
            graph, observed = self._graph.copy(), self._observed
            if CHANNEL_GROUPS not in without:
                observed = equalize_groups(graph, observed)
            graph.set_ranges(observed.ranges)
            if CLIPPING not in without:
                graph.set_ranges(clipped_ranges(graph, observed))
            if DEAD_CHANNELS not in without:
                use_dead_channels(graph, self._first(graph, NOISE_IMAGES))
            self._prepared[without] = graph
        return self._prepared[without]

    @cached_property
    def _has_groups(self) -> bool:
        return bool(channel_groups(self._graph))

    @cached_property
    def _is_small(self) -> bool:
        return sum(op.result.elements for op in self._graph.ops) <= SMALL_NETWORK


def compared_samples(comparison: OutputComparison, graph: Graph, count: int) -> int:
    """Return on how many samples graphs are compared, so that their scores fill no memory.

    Args:
        comparison: How the scores are compared.
        graph: The float graph.
        count: How many samples there are.
    """
    numbers = sum(tensor.elements for tensor in comparison.tensors(graph))
    return min(count, max(FEWEST_HELD_OUT, MOST_SCORES // max(numbers, 1)))


def _divergence(graph: RecoveredGraph) -> float:
    return graph.after.divergence
