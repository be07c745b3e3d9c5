"""How near a file's answers are to the float file's, on images that nothing was fitted to.

The module needs no numpy: what it holds travels from the child that measures to its parent.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any

from edgecnn.core.json_writing import json_values
from edgecnn.core.text import sample_noun
from edgecnn.records.interval import LatencyRatio
from edgecnn.tflite.output_kinds import OutputKind


@dataclass(frozen=True)
class OutputFidelity:
    """One output of a file beside the float file's, judged as what it is.

    Args:
        name: Name of the output.
        kind: What the output is, which says what the other figures are of.
        divergence: The loss by which graphs are compared; ``fidelity_kinds`` has that of each kind.
        sqnr_db: Signal-to-quantisation-noise ratio (SQNR) in decibels; infinite for equal values.
        agreement: Part of the decisions that are the float file's: of the best classes of images,
            steps or positions, or of probabilities that are above or below a half. Of an unknown
            output the part of the rows whose largest number stands in the same place.
        mean_iou: Intersection over union of the positions that both files give to a class, mean
            over the classes.
        largest_error: The largest difference of a number, in its own unit.
        least_db: SQNR of the number of the lowest, where there are several.
        cosine: Cosine of the angle to the float file's vector, mean over the samples.
        least_cosine: The least such cosine.
        psnr_db: Peak signal-to-noise ratio in decibels; the peak is the span of the float file's
            values.
        ssim: Structural similarity (Wang et al. 2004), mean over the images.
        parts_db: SQNR of each part of a joined output, in decibels.
    """

    name: str
    kind: OutputKind
    divergence: float
    sqnr_db: float
    agreement: float | None = None
    mean_iou: float | None = None
    largest_error: float | None = None
    least_db: float | None = None
    cosine: float | None = None
    least_cosine: float | None = None
    psnr_db: float | None = None
    ssim: float | None = None
    parts_db: tuple[float, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON, without the figures of other kinds."""
        found = {**dataclasses.asdict(self), "kind": self.kind.value}
        values: dict[str, Any] = json_values(
            {name: value for name, value in found.items() if value is not None and value != ()}
        )
        return values


@dataclass(frozen=True)
class Fidelity:
    """A file's answers beside the float file's.

    Args:
        images: How many images were answered; none of them was used to fit anything.
        agreement: Part of the decisions that are the float file's: of a classifier, the part of the
            images for which both files have the same best class. None where no output decides;
            of several outputs the least.
        sqnr_db: Signal-to-quantisation-noise ratio (SQNR) in decibels; of a classifier that of the
            scores before softmax: the variance of the float file's scores over the mean square of
            the difference. Infinite for equal scores; of several outputs the least.
        divergence: The loss by which graphs are compared, the sum over the outputs; of a classifier
            the Kullback-Leibler divergence of the softmax of the scores from the float file's, mean
            over the images, in nats. Errors in answers that stay sure hardly count.
        top1_percent: Top-1 accuracy of the file, where labels are known.
        top5_percent: Top-5 accuracy of the file, where labels are known and there are more than
            five classes.
        float_top1_percent: Top-1 accuracy of the float file.
        float_top5_percent: Top-5 accuracy of the float file.
        ties: Images for which the file's answer has several best classes, as it is of integers;
            None for answers in float.
        outputs: Each output by itself, in the model's own order.
        are_images: Whether what was answered were images, and not arrays.
    """

    images: int
    agreement: float | None
    sqnr_db: float
    divergence: float
    top1_percent: float | None = None
    top5_percent: float | None = None
    float_top1_percent: float | None = None
    float_top5_percent: float | None = None
    ties: int | None = None
    outputs: tuple[OutputFidelity, ...] = ()
    are_images: bool = True

    @property
    def samples_text(self) -> str:
        """How many samples were answered, and what they are: ``"100 images"``."""
        return f"{self.images} {sample_noun(are_images=self.are_images)}s"

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON, which has no infinity: an infinite ratio is None."""
        values: dict[str, Any] = json_values(
            {**vars(self), "outputs": [output.to_dict() for output in self.outputs]}
        )
        return values


def decibels_of(noise: float) -> float:
    """Return the ratio in decibels for noise over signal; undoes :func:`noise_of`.

    Example:
        >>> decibels_of(0.01)
        20.0
    """
    if noise == 0.0:
        return math.inf
    return -10.0 * math.log10(noise) if math.isfinite(noise) else -math.inf


def noise_of(ratio_db: float) -> float:
    """Return noise over signal for a ratio in decibels.

    Example:
        >>> noise_of(20.0)
        0.01
    """
    return float(10.0 ** (-ratio_db / 10.0))


@dataclass(frozen=True)
class FloatFront:
    """First layers that stay in float32.

    Args:
        results: Names of the layers' results.
        latency_ratio: Latency of the file with the layers in float32 over the plain integer file's.
        latency_ratio_low: Lower end of the ratio's 99 % interval; the ratio itself of an estimate.
        latency_ratio_high: Upper end of that interval.
        latency_source: Where the latencies are from: ``"estimated for arm64"``.
    """

    results: tuple[str, ...]
    latency_ratio: float
    latency_ratio_low: float
    latency_ratio_high: float
    latency_source: str

    @property
    def latency_text(self) -> str:
        """The ratio as far as it is known: ``"1.04x"``, or ``"1.02x to 1.07x"``."""
        ends = self.latency_ratio_low, self.latency_ratio_high
        return LatencyRatio(self.latency_ratio, *ends).text()


@dataclass(frozen=True)
class Proof:
    """What recovery did to a file, and how near the file's answers are to the float file's.

    Args:
        recovery: Level of recovery; ``"none"`` where nothing beat the plain file.
        before: Fidelity of the plain file.
        after: Fidelity of the file.
        layers_corrected: How many layers were corrected.
        layers_left: Names of the results of layers that were not corrected.
        layers_in_float: Names of the results of layers that stay in float32.
        float_front: The first layers, where they stay in float32.
        without: Names of the steps that were left out.
        reason: Why recovery failed; empty where it did not.
    """

    recovery: str
    before: Fidelity
    after: Fidelity
    layers_corrected: int
    layers_left: tuple[str, ...]
    layers_in_float: tuple[str, ...]
    float_front: FloatFront | None
    without: tuple[str, ...]
    reason: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON; ``reason`` is there only where recovery failed."""
        compared = {"before": self.before.to_dict(), "after": self.after.to_dict()}
        values: dict[str, Any] = json_values({**dataclasses.asdict(self), **compared})
        if not self.reason:
            del values["reason"]
        return values
