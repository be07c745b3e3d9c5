"""From a float graph to the integer graph that keeps its answers: steps in order, and the proof.

Before the integers, channels and ranges of the float graph are changed; after them, weights and
biases are corrected layer by layer, and softmax leaves the integers. ``steps.py`` names the steps.
Whatever comes out is compared with the plain file on images that nothing was fitted to, and the
better one is taken.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from edgecnn.core.errors import ConversionError
from edgecnn.quantize.calibration.ranges import Observed
from edgecnn.quantize.latencies import Latencies
from edgecnn.quantize.recovery.channel_groups import channel_groups, equalize_groups
from edgecnn.quantize.recovery.clipping import clipped_ranges
from edgecnn.quantize.recovery.correction import Corrections, correct
from edgecnn.quantize.recovery.dead_channels import use_dead_channels
from edgecnn.quantize.recovery.fidelity import Fidelity, fidelity
from edgecnn.quantize.recovery.float_front import FloatFront, noisy_front, worth_its_cost
from edgecnn.quantize.recovery.float_softmax import soften_in_float
from edgecnn.quantize.recovery.steps import (
    BIAS_CORRECTION,
    CHANNEL_GROUPS,
    CLIPPING,
    DEAD_CHANNELS,
    FLOAT_FRONT,
    FLOAT_SOFTMAX,
    JOINT_ROUNDING,
    Without,
)
from edgecnn.quantize.scores import scores
from edgecnn.tflite.graph import Array, Graph

NOISE_IMAGES = 4
"""Images on which the channels of a chain of layers are judged."""
FRONT_IMAGES = 8
"""Images on which the first layers are judged: some make three times the noise of others."""

SMALL_NETWORK = 1 << 19
"""Values of all activations together up to which a network is small: it is corrected in a second,
so a second way is tried (a CIFAR-10 ResNet has 150,000, MobileNet v1 0.25 at 224 pixels a
million)."""
SMALL_TIMES = 4
"""As many times more images correct a small network: its maps have few positions to learn from."""

FRONT_DB = {"fast": 27.0, "full": 33.0}
"""SQNR of the scores, by level, that the first layers' rounding alone must leave:
below 27 dB they are most of what an int8 file loses, and one image in twenty is answered
otherwise."""

MAKING_FAILS = (
    ConversionError,
    RuntimeError,
    ValueError,
    ArithmeticError,
    np.linalg.LinAlgError,
)
"""What the quantiser, the corrector and the runtime raise for a graph that they can't take."""

Images = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Quantized:
    """An integer graph and the float graph that its quantiser was given."""

    reference: Graph
    graph: Graph


@dataclass(frozen=True)
class Quantizer:
    """How integers are made, and what an integer file takes.

    Args:
        quantize: Makes an integer graph of a calibrated float graph, which stays as it is; the
            results named stay float32.
        keeps_float: Whether it can leave layers in float32.
        fit_images: Images that a graph is corrected with, but for the last try of ``"full"``;
            small networks with more.
        takes_pixels: Whether the integer file takes uint8 pixels instead of the float file's input.
    """

    quantize: Callable[[Graph, Sequence[str]], Quantized]
    keeps_float: bool
    fit_images: int
    takes_pixels: bool


@dataclass(frozen=True)
class RecoveryData:
    """Images, and how they go in.

    Args:
        fit: Images for ranges and correction, uint8, shape (images, height, width, channels).
        held_out: Images for the proof alone, of the same form.
        outputs: For each held-out image the output that is its label; None without labels.
        normalize: Makes the float graph's input of pixels.
    """

    fit: Images
    held_out: Images
    outputs: Sequence[int] | None
    normalize: Callable[[Images], npt.NDArray[np.float32]]


@dataclass(frozen=True)
class Recovered:
    """The integer graph that was taken.

    Args:
        graph: The graph.
        before: The plain file's fidelity.
        after: This graph's fidelity.
        reference: The float graph that its quantiser was given.
        is_plain: Whether nothing better than the plain file was found; its softmax is float.
        layers: How many layers were corrected.
        left: Names of the results of those that were not.
        in_float: Names of the results of those that stayed float32.
        float_front: The first layers that stayed float32, where there are such.
        without: Steps that were left out.
    """

    graph: Graph
    before: Fidelity
    after: Fidelity
    reference: Graph
    is_plain: bool = False
    layers: int = 0
    left: tuple[str, ...] = ()
    in_float: tuple[str, ...] = ()
    float_front: FloatFront | None = None
    without: Without = frozenset()


class Recovery:
    """One float graph on its way to integer graphs that keep its answers.

    Args:
        graph: The float graph.
        observed: Its activations over ``data.fit``.
        data: Images.
        level: ``"off"``, ``"fast"`` or ``"full"``.
        latencies: Where the latencies of files come from.
        on_progress: Told (ops done, ops in all).
        without: Steps that are left out.
    """

    def __init__(
        self,
        graph: Graph,
        observed: Observed,
        data: RecoveryData,
        level: str,
        latencies: Latencies,
        on_progress: Callable[[int, int], None],
        without: Without = frozenset(),
    ) -> None:
        self._graph, self._observed, self._data = graph, observed, data
        self._level, self._latencies = level, latencies
        self._on_progress = on_progress
        self._without = without
        self._prepared: dict[Without, Graph] = {}
        self._wanted = scores(graph, _Batches(data.held_out, data.normalize))

    @property
    def wanted(self) -> npt.NDArray[np.float32]:
        """The float graph's scores for the held-out images, shape (images, classes)."""
        return self._wanted

    def prove(self, graph: Graph, takes_pixels: bool) -> Fidelity:
        """Compare a graph of the same model with the float graph on the held-out images."""
        images = _Batches(self._data.held_out, None if takes_pixels else self._data.normalize)
        return fidelity(scores(graph, images), self._wanted, self._data.outputs)

    def inputs(self, count: int) -> Array:
        """Return the last images that ranges were taken from, as the float graph takes them.

        The fast level corrects with the first of them.
        """
        return _batched(self._data.normalize(self._data.fit[-count:]))

    def recover(self, quantizer: Quantizer, plain: Quantized) -> Recovered:
        """Make a better graph than the plain one, or return that."""
        before = self.prove(plain.graph, quantizer.takes_pixels)
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
        softened = plain.graph.copy()
        self._soften(softened)
        return Recovered(softened, before, before, plain.reference, is_plain=True)

    def _ways(self) -> list[Without]:
        """Return what is left out in each way of equalising that the level tries."""
        is_full = self._level == "full"
        has_groups = (is_full or self._is_small) and self._has_groups
        ways = [self._without | {CHANNEL_GROUPS}]
        return list(dict.fromkeys(ways + [self._without] * has_groups))

    def again(self, quantizer: Quantizer, found: Recovered, in_float: Sequence[str]) -> Recovered:
        """Make a graph as one was made, but for the results named, which stay float32."""
        if not found.is_plain:
            return self._corrected(quantizer, found.before, found.without, in_float)
        calibrated = self._graph.copy()
        calibrated.set_ranges(self._observed.ranges)
        made = quantizer.quantize(calibrated, in_float)
        if self._level != "off":
            self._soften(made.graph)
        after = self.prove(made.graph, quantizer.takes_pixels)
        return Recovered(
            made.graph, found.before, after, made.reference, is_plain=True,
            in_float=tuple(in_float),
        )  # fmt: skip

    def _soften(self, graph: Graph) -> None:
        if FLOAT_SOFTMAX not in self._without:
            soften_in_float(graph)

    def _float_front(self, quantizer: Quantizer, plain: Graph) -> FloatFront | None:
        """Return the first layers if float32 makes them much better for what it costs."""
        if not quantizer.keeps_float or FLOAT_FRONT in self._without:
            return None
        prepared = self._prepare(self._without | {CHANNEL_GROUPS})
        images = _batched(self._data.normalize(self._data.fit[:FRONT_IMAGES]))
        names = noisy_front(prepared, images, FRONT_DB[self._level])
        if not names:
            return None
        mixed = quantizer.quantize(prepared, names).graph
        return worth_its_cost(names, mixed, plain, self._latencies)

    def _corrected(
        self,
        quantizer: Quantizer,
        before: Fidelity,
        without: Without,
        in_float: Sequence[str] = (),
        most_images: int = 0,
    ) -> Recovered:
        made = quantizer.quantize(self._prepare(without), in_float)
        most = max(most_images, quantizer.fit_images * (SMALL_TIMES if self._is_small else 1))
        images = self._data.fit[:most]
        normalized = self._data.normalize(images)
        corrected = correct(
            made.graph,
            made.reference,
            _batched(images if quantizer.takes_pixels else normalized),
            _batched(normalized),
            self._on_progress,
            in_halves=most > quantizer.fit_images,
            corrections=Corrections(
                rounds_jointly=JOINT_ROUNDING not in without,
                corrects_biases=BIAS_CORRECTION not in without,
            ),
        )
        self._soften(made.graph)
        return Recovered(
            made.graph,
            before,
            self.prove(made.graph, quantizer.takes_pixels),
            made.reference,
            layers=corrected.layers,
            left=tuple(name for name in corrected.left if name not in in_float),
            in_float=tuple(in_float),
            without=without,
        )

    def _prepare(self, without: Without) -> Graph:
        """Return the float graph changed where its answers stay and its integers get finer."""
        if without not in self._prepared:
            graph, observed = self._graph.copy(), self._observed
            if CHANNEL_GROUPS not in without:
                observed = equalize_groups(graph, observed)
            graph.set_ranges(observed.ranges)
            if CLIPPING not in without:
                graph.set_ranges(clipped_ranges(graph, observed))
            if DEAD_CHANNELS not in without:
                images = _batched(self._data.normalize(self._data.fit[:NOISE_IMAGES]))
                use_dead_channels(graph, images)
            self._prepared[without] = graph
        return self._prepared[without]

    @cached_property
    def _has_groups(self) -> bool:
        return bool(channel_groups(self._graph))

    @cached_property
    def _is_small(self) -> bool:
        return sum(op.result.elements for op in self._graph.ops) <= SMALL_NETWORK


class _Batches(Sequence[Array]):
    """Images given one by one with a batch of one, normalised on the way."""

    def __init__(
        self, images: Images, normalize: Callable[[Images], npt.NDArray[np.float32]] | None
    ) -> None:
        self._images, self._normalize = images, normalize

    def __len__(self) -> int:
        return len(self._images)

    def __getitem__(self, number: Any) -> Any:
        image = self._images[number]
        return (image if self._normalize is None else self._normalize(image))[None]


def _divergence(found: Recovered) -> float:
    return found.after.divergence


def _batched(images: Any) -> Array:
    """Give each image a batch of one."""
    return np.asarray(images)[:, None]
