"""From a float file to the integer file that keeps its answers: the steps in order, and the proof.

Before the integers: channels are equalised, spare ones put to use, and ranges chosen by error.
After: weights and biases are corrected layer by layer, and softmax leaves the integers. Whatever
comes out is compared with the plain file on images that nothing was fitted to, and the better
one is taken.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from edgecnn.core.errors import ConversionError
from edgecnn.quantize.latencies import Latencies
from edgecnn.quantize.ranges import Observed, Range, threads
from edgecnn.quantize.recovery.channel_groups import (
    ChannelGroup,
    channel_groups,
    equalize_groups,
)
from edgecnn.quantize.recovery.clipping import clipped_ranges
from edgecnn.quantize.recovery.correction import correct
from edgecnn.quantize.recovery.equalization import (
    equalize,
    equalized_ranges,
    equalized_tensors,
    tail_bounds,
)
from edgecnn.quantize.recovery.fidelity import Fidelity, fidelity
from edgecnn.quantize.recovery.front import FloatFront, noisy_front, worth_its_cost
from edgecnn.quantize.recovery.head import with_float_softmax
from edgecnn.quantize.recovery.spares import use_spare_channels
from edgecnn.tflite.operators import Array, OpenGraph, run_model, scores_tensor
from edgecnn.tflite.writing import with_ranges

NOISE_IMAGES = 4
"""Images on which the channels of a chain are judged."""
FRONT_IMAGES = 8
"""Images on which the first layers are: some images make three times the noise of others."""

NONE, ALONE, GROUPS = "none", "alone", "groups"
"""Which channels are equalised: none; those of tensors that have one reader and a bound; and those
that residual additions tie. The last gains or loses from network to network."""

SMALL = 1 << 19
"""Values of all activations together. So few are corrected in a second, so a second way is tried
(a CIFAR-10 ResNet has 150,000, MobileNet v1 0.25 at 224 pixels a million)."""
SMALL_TIMES = 4
"""As many times more images correct a small network: its maps have few positions to learn from."""

FRONT_DB = {"fast": 27.0, "full": 33.0}
"""Signal-to-noise ratio that the first layers' rounding alone must leave the scores. Below 27 dB
they are most of what an int8 file loses, and one image in twenty gets another answer."""

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
    """An integer file and the float file that its quantiser was given."""

    reference: bytes
    content: bytes


@dataclass(frozen=True)
class Scheme:
    """How a scheme makes integers, and what its files take.

    Args:
        quantize: Makes an integer file of a float file with ranges; the results named stay float32.
        keeps_float: Whether it can leave layers in float32.
        fit_images: Images that a file is corrected with, but for the last try of ``"full"``;
            small networks with more.
        takes_pixels: Whether the integer file takes uint8 pixels instead of the float file's input.
    """

    quantize: Callable[[bytes, Sequence[str]], Quantized]
    keeps_float: bool
    fit_images: int
    takes_pixels: bool


@dataclass(frozen=True)
class Data:
    """Images, and how they go in.

    Args:
        fit: uint8, shape (images, height, width, channels): for ranges and correction.
        held_out: The same, for the proof alone.
        outputs: Of each held-out image the output that is its label; None without labels.
        normalize: Makes the float file's input of pixels.
    """

    fit: Images
    held_out: Images
    outputs: Sequence[int] | None
    normalize: Callable[[Images], npt.NDArray[np.float32]]


@dataclass(frozen=True)
class Recovered:
    """The file that was taken.

    Args:
        content: Its bytes.
        before: The plain file's fidelity.
        after: This file's.
        is_plain: Whether nothing better than the plain file was found; its softmax is float.
        layers: How many layers were corrected.
        left: Names of the results of those that were not.
        in_float: Names of the results of those that stayed float32.
        float_front: The first layers that stayed float32, where there are such.
        reference: The float file that the quantiser was given; empty for the plain file.
        equalization: Which channels were equalised.
    """

    content: bytes
    before: Fidelity
    after: Fidelity
    is_plain: bool = False
    layers: int = 0
    left: tuple[str, ...] = ()
    in_float: tuple[str, ...] = ()
    float_front: FloatFront | None = None
    reference: bytes = b""
    equalization: str = ALONE


class Recovery:
    """One float file on its way to integer files that keep its answers.

    Args:
        content: The float file.
        observed: Its activations over ``data.fit``.
        data: Images.
        level: ``"off"``, ``"fast"`` or ``"full"``.
        latencies: Where the latencies of files come from.
        on_progress: Told (ops done, ops in all).
    """

    def __init__(
        self,
        content: bytes,
        observed: Observed,
        data: Data,
        level: str,
        latencies: Latencies,
        on_progress: Callable[[int, int], None],
    ) -> None:
        self._content = content
        self._observed = observed
        self._data = data
        self._level = level
        self._latencies = latencies
        self._on_progress = on_progress
        self._prepared: dict[str, tuple[bytes, dict[int, Range]]] = {}
        self._wanted = scores(content, _Prepared(data.held_out, data.normalize))

    @property
    def wanted(self) -> npt.NDArray[np.float32]:
        """The float file's scores for the held-out images, shape (images, classes)."""
        return self._wanted

    def prove(self, content: bytes, takes_pixels: bool) -> Fidelity:
        """Compare a file of the same model with the float file on the held-out images."""
        images = _Prepared(self._data.held_out, None if takes_pixels else self._data.normalize)
        return fidelity(scores(content, images), self._wanted, self._data.outputs)

    def inputs(self, count: int) -> Array:
        """Return the last images that ranges were taken from, as the float file takes them.

        The fast level corrects with the first of them.
        """
        return _batched(self._data.normalize(self._data.fit[-count:]))

    def recover(self, scheme: Scheme, plain: bytes) -> Recovered:
        """Make a better file than the plain one, or return that."""
        before = self.prove(plain, scheme.takes_pixels)
        front = self._float_front(scheme, plain)
        in_float = front.results if front else ()
        # Equalising is for the first layers above all.
        ways = [ALONE] if in_float else self._ways()
        tried = [self._corrected(scheme, before, way, in_float) for way in ways]
        best = min(tried, key=_divergence)
        if self._level == "full" and not self._is_small:
            way, most = best.equalization, 3 * scheme.fit_images // 2
            best = min(best, self._corrected(scheme, before, way, in_float, most), key=_divergence)
        if _divergence(best) < before.divergence:
            return dataclasses.replace(best, float_front=front)
        return Recovered(with_float_softmax(plain), before, before, is_plain=True)

    def _ways(self) -> list[str]:
        """Return the ways of equalising that the level tries: one, of small networks two."""
        is_full = self._level == "full"
        has_groups = (is_full or self._is_small) and bool(self._groups)
        return [ALONE] + [GROUPS] * has_groups + [NONE] * is_full

    def again(self, scheme: Scheme, found: Recovered, in_float: Sequence[str]) -> Recovered:
        """Make a file as one was made, but for the results named, which stay float32."""
        if not found.is_plain:
            return self._corrected(scheme, found.before, found.equalization, in_float)
        made = scheme.quantize(with_ranges(self._content, self._observed.ranges), in_float)
        content = made.content if self._level == "off" else with_float_softmax(made.content)
        after = self.prove(content, scheme.takes_pixels)
        return Recovered(content, found.before, after, is_plain=True, in_float=tuple(in_float))

    def _float_front(self, scheme: Scheme, plain: bytes) -> FloatFront | None:
        """Return the first layers if float32 makes them much better for what it costs."""
        if not scheme.keeps_float:
            return None
        prepared, ranges = self._prepare(ALONE)
        images = _batched(self._data.normalize(self._data.fit[:FRONT_IMAGES]))
        names = noisy_front(prepared, ranges, images, threads(), FRONT_DB[self._level])
        if not names:
            return None
        mixed = scheme.quantize(with_ranges(prepared, ranges), names).content
        return worth_its_cost(names, mixed, plain, self._latencies)

    def _corrected(
        self,
        scheme: Scheme,
        before: Fidelity,
        equalization: str,
        in_float: Sequence[str] = (),
        most_images: int = 0,
    ) -> Recovered:
        prepared, ranges = self._prepare(equalization)
        made = scheme.quantize(with_ranges(prepared, ranges), in_float)
        most = max(most_images, scheme.fit_images * (SMALL_TIMES if self._is_small else 1))
        images = self._data.fit[:most]
        normalized = self._data.normalize(images)
        corrected = correct(
            made.content,
            made.reference,
            _batched(images if scheme.takes_pixels else normalized),
            _batched(normalized),
            threads(),
            self._on_progress,
            in_halves=most > scheme.fit_images,
        )
        content = with_float_softmax(corrected.content)
        return Recovered(
            content,
            before,
            self.prove(content, scheme.takes_pixels),
            layers=corrected.layers,
            left=tuple(name for name in corrected.left if name not in in_float),
            in_float=tuple(in_float),
            reference=made.reference,
            equalization=equalization,
        )

    def _prepare(self, equalization: str) -> tuple[bytes, dict[int, Range]]:
        """Change the float file where its answers stay the same and its integers get finer."""
        if equalization not in self._prepared:
            content, observed = self._content, self._observed
            alone = [] if equalization == NONE else equalized_tensors(OpenGraph(content))
            if equalization == GROUPS:
                content, observed = equalize_groups(content, observed, alone)
            ranges = clipped_ranges(content, observed.ranges, observed.samples)
            bounds = tail_bounds({tensor: observed.peaks(tensor) for tensor in alone})
            content = equalize(content, bounds)
            ranges |= equalized_ranges(bounds, observed.ranges)
            images = _batched(self._data.normalize(self._data.fit[:NOISE_IMAGES]))
            content, _ = use_spare_channels(content, ranges, images, threads())
            self._prepared[equalization] = content, ranges
        return self._prepared[equalization]

    @cached_property
    def _groups(self) -> list[ChannelGroup]:
        graph = OpenGraph(self._content)
        return channel_groups(graph, equalized_tensors(graph))

    @cached_property
    def _is_small(self) -> bool:
        graph = OpenGraph(self._content)
        results = (graph.shape(int(op.outputs[0])) for op in graph.operators)
        return sum(map(math.prod, results)) <= SMALL


class _Prepared(Sequence[Array]):
    """Images in batches of one, normalised one by one: floats of hundreds take much memory."""

    def __init__(self, images: Images, normalize: Callable[[Images], Any] | None) -> None:
        self._images, self._normalize = images, normalize

    def __len__(self) -> int:
        return len(self._images)

    def __getitem__(self, number: Any) -> Any:
        image = self._images[number]
        return (image if self._normalize is None else self._normalize(image))[None]


def _divergence(found: Recovered) -> float:
    return found.after.divergence


def scores(content: bytes, images: Sequence[Array] | Array) -> npt.NDArray[np.float32]:
    """Return a file's scores before softmax as real numbers, shape (images, classes).

    Args:
        content: A ``.tflite`` file's bytes.
        images: What goes in, shape (images, *shape of its input).
    """
    graph = OpenGraph(content)
    tensor = scores_tensor(graph)
    part = graph.part(graph.input, tensor)
    assert part is not None
    (values,) = run_model(part, [images], threads())
    return graph.real(tensor, values).reshape(len(images), -1)


def _batched(images: Any) -> Array:
    """Give each image a batch of one."""
    return np.asarray(images)[:, None]
