"""What is compared of an output of each kind: the loss, the ratio of signal to noise, the figures.

A row of :data:`MEASURES` is a kind. Values have the shape (samples, *shape of the output without
the batch); what a file gives is compared with what the float file gives for the same samples. The
losses have no unit, so that those of several outputs can be added.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edgecnn.quantize.recovery.proof import decibels_of
from edgecnn.tflite.output_kinds import OutputKind

Values = npt.NDArray[Any]
Widths = Sequence[int]
"""Columns of each part of an output whose last side is joined of several; none for one part."""

LEAST_PROBABILITY = 1e-6
"""What probabilities are kept away from 0 and 1 by, where scores are made of them."""

SSIM_WINDOW, SSIM_DEVIATION, SSIM_K = 11, 1.5, (0.01, 0.03)
"""Window of structural similarity, and its constants (Wang et al. 2004, "Image Quality Assessment:
From Error Visibility to Structural Similarity")."""
MOST_SSIM_IMAGES = 16
"""Most images on which structural similarity is computed, which takes a second of a few dozen."""


@dataclass(frozen=True)
class OutputMeasure:
    """How outputs of one kind are compared.

    Args:
        loss: The loss by which graphs are compared; 0 for equal values.
        noise: Noise over signal; 0 for equal values, infinite without a signal.
        figures: Fields of ``OutputFidelity`` that are the kind's own.
    """

    loss: Callable[[Values, Values, Widths], float]
    noise: Callable[[Values, Values, Widths], float]
    figures: Callable[[Values, Values, Widths], dict[str, Any]]


def class_noise(found: Values, wanted: Values, widths: Widths = ()) -> float:
    """Return noise over signal of scores of classes, which lie on the last axis.

    A change that is the same for all classes of a row does not count, as softmax takes it out.
    """
    differs, signal = np.subtract(found, wanted, dtype=np.float64), wanted.astype(np.float64)
    if wanted.shape[-1] > 1:
        differs -= differs.mean(axis=-1, keepdims=True)
        signal -= signal.mean(axis=-1, keepdims=True)
    return _over((differs**2).mean(), (signal**2).mean())


def class_divergence(found: Values, wanted: Values, widths: Widths = ()) -> float:
    """Return the Kullback-Leibler divergence of the softmax of scores, in nats, mean over the rows.

    Example:
        >>> class_divergence(np.array([[0.0, 0.0]]), np.array([[0.0, 0.0]]))
        0.0
    """
    logs, wanted_logs = _log_softmax(found), _log_softmax(wanted)
    return float((np.exp(wanted_logs) * (wanted_logs - logs)).sum(axis=-1).mean())


def binary_divergence(found: Values, wanted: Values, widths: Widths = ()) -> float:
    """Return the Kullback-Leibler divergence of the sigmoid of scores, in nats, mean over all."""
    ours, theirs = _binary_scores(found, wanted), _binary_scores(wanted, wanted)
    share = np.exp(_log_sigmoid(theirs))
    for_it = share * (_log_sigmoid(theirs) - _log_sigmoid(ours))
    against = (1.0 - share) * (_log_sigmoid(-theirs) - _log_sigmoid(-ours))
    return float((for_it + against).mean())


def spread_noise(found: Values, wanted: Values, widths: Widths = ()) -> float:
    """Return noise over the variance of numbers, each about its own mean over the samples."""
    return _over(_power(found, wanted), _power(wanted, _mean_sample(wanted)))


def _log_softmax(scores: Values) -> Values:
    shifted = scores.astype(np.float64) - scores.max(axis=-1, keepdims=True)
    logs: Values = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    return logs


def _log_sigmoid(scores: Values) -> Values:
    logs: Values = -np.logaddexp(0.0, -scores)
    return logs


def _binary_scores(values: Values, wanted: Values) -> Values:
    """Return scores before sigmoid, where the float file's values are probabilities already."""
    if wanted.min() < 0.0 or wanted.max() > 1.0:
        return values.astype(np.float64)
    shares = np.clip(values.astype(np.float64), LEAST_PROBABILITY, 1.0 - LEAST_PROBABILITY)
    scores: Values = np.log(shares / (1.0 - shares))
    return scores


def _binary_noise(found: Values, wanted: Values, widths: Widths) -> float:
    ours, theirs = _binary_scores(found, wanted), _binary_scores(wanted, wanted)
    return _over(_power(ours, theirs), (theirs**2).mean())


def _binary_figures(found: Values, wanted: Values, widths: Widths) -> dict[str, Any]:
    ours, theirs = _binary_scores(found, wanted), _binary_scores(wanted, wanted)
    return {"agreement": float(((ours > 0) == (theirs > 0)).mean())}


def _class_figures(found: Values, wanted: Values, widths: Widths) -> dict[str, Any]:
    same = found.argmax(axis=-1) == wanted.argmax(axis=-1)
    return {"agreement": float(same.mean())}


def _number_figures(found: Values, wanted: Values, widths: Widths) -> dict[str, Any]:
    figures: dict[str, Any] = {"largest_error": float(np.abs(found - wanted).max())}
    columns = wanted.reshape(len(wanted), -1)
    if columns.shape[1] > 1:
        pairs = zip(found.reshape(columns.shape).T, columns.T, strict=True)
        noises = [spread_noise(ours, theirs) for ours, theirs in pairs if np.ptp(theirs)]
        figures["least_db"] = decibels_of(max(noises, default=0.0))
    return figures


def _embedding_loss(found: Values, wanted: Values, widths: Widths) -> float:
    return max(0.0, 1.0 - float(_cosines(found, wanted).mean()))


def _embedding_noise(found: Values, wanted: Values, widths: Widths) -> float:
    return _power(_unit(found), _unit(wanted)) * math.prod(wanted.shape[1:])


def _embedding_figures(found: Values, wanted: Values, widths: Widths) -> dict[str, Any]:
    cosines = _cosines(found, wanted)
    return {"cosine": float(cosines.mean()), "least_cosine": float(cosines.min())}


def _cosines(found: Values, wanted: Values) -> Values:
    cosines: Values = (_unit(found) * _unit(wanted)).sum(axis=-1)
    return cosines


def _unit(vectors: Values) -> Values:
    flat = vectors.reshape(len(vectors), -1).astype(np.float64)
    length = np.linalg.norm(flat, axis=-1, keepdims=True)
    unit: Values = np.divide(flat, length, out=np.zeros_like(flat), where=length > 0)
    return unit


def _map_loss(found: Values, wanted: Values, widths: Widths) -> float:
    if _holds_indices(wanted):
        return float((_classes(found, wanted) != _classes(wanted, wanted)).mean())
    loss = binary_divergence if wanted.shape[-1] == 1 else class_divergence
    return _mean(loss(found[place], wanted[place]) for place in _places(wanted))


def _map_noise(found: Values, wanted: Values, widths: Widths) -> float:
    if _holds_indices(wanted):
        return _map_loss(found, wanted, widths)
    if wanted.shape[-1] == 1:
        return _binary_noise(found, wanted, widths)
    # A mean over the maps of the noise of each would give an empty map the weight of a full one.
    powers = np.array([_centred_powers(found[place], wanted[place]) for place in _places(wanted)])
    return _over(*powers.mean(axis=0))


def _centred_powers(found: Values, wanted: Values) -> tuple[float, float]:
    differs = np.subtract(found, wanted, dtype=np.float32)
    differs -= differs.mean(axis=-1, keepdims=True)
    signal = wanted - wanted.mean(axis=-1, keepdims=True)
    return float((differs**2).mean()), float((signal**2).mean())


def _map_figures(found: Values, wanted: Values, widths: Widths) -> dict[str, Any]:
    ours, theirs = _classes(found, wanted), _classes(wanted, wanted)
    shares = []
    for number in np.union1d(ours, theirs):
        both = np.count_nonzero((ours == number) & (theirs == number))
        shares.append(both / np.count_nonzero((ours == number) | (theirs == number)))
    return {"agreement": float((ours == theirs).mean()), "mean_iou": float(np.mean(shares))}


def _holds_indices(wanted: Values) -> bool:
    """Whether a map holds the numbers of classes instead of their scores."""
    return wanted.ndim < 4


def _classes(values: Values, wanted: Values) -> Values:
    """Return the class of each position."""
    if _holds_indices(wanted):
        return np.rint(values).astype(np.int32)
    if wanted.shape[-1] > 1:
        return np.stack([each.argmax(axis=-1).astype(np.int32) for each in values])
    return (_binary_scores(values, wanted) > 0)[..., 0].astype(np.int32)


def _image_noise(found: Values, wanted: Values, widths: Widths) -> float:
    axes = tuple(range(wanted.ndim - 1))
    return _over(_power(found, wanted), _power(wanted, wanted.mean(axis=axes, dtype=np.float64)))


def _image_figures(found: Values, wanted: Values, widths: Widths) -> dict[str, Any]:
    span = float(np.ptp(wanted))
    noise = _over(_power(found, wanted), span**2)
    pairs = list(zip(found, wanted, strict=True))[:MOST_SSIM_IMAGES]
    likeness = [structural_similarity(one, other, span) for one, other in pairs]
    return {"psnr_db": decibels_of(noise), "ssim": float(np.mean(likeness))}


def structural_similarity(found: Values, wanted: Values, span: float) -> float:
    """Return the structural similarity of two images, mean over positions and channels.

    Args:
        found: An image, shape (height, width, channels).
        wanted: The image that it is compared with.
        span: Difference of the greatest and the least value that images have.

    Example:
        >>> structural_similarity(image, image, 1.0)
        1.0
    """
    one, other = found.astype(np.float32), wanted.astype(np.float32)
    mean, other_mean = _blurred(one), _blurred(other)
    variance = _blurred(one * one) - mean**2
    other_variance = _blurred(other * other) - other_mean**2
    covariance = _blurred(one * other) - mean * other_mean
    first, second = ((factor * (span or 1.0)) ** 2 for factor in SSIM_K)
    light = (2 * mean * other_mean + first) / (mean**2 + other_mean**2 + first)
    structure = (2 * covariance + second) / (variance + other_variance + second)
    return float((light * structure).mean(dtype=np.float64))


def _blurred(image: Values) -> Values:
    """Return the mean of the window about each position, weighted as a bell is."""
    for axis in (0, 1):
        size = min(SSIM_WINDOW, image.shape[axis])
        places = np.arange(size) - (size - 1) / 2
        weights = np.exp(-(places**2) / (2 * SSIM_DEVIATION**2))
        weights = (weights / weights.sum()).astype(np.float32)
        left = image.shape[axis] - size + 1
        shifted = (np.take(image, range(n, n + left), axis) * weights[n] for n in range(size))
        image = np.sum(list(shifted), axis=0)
    return image


def _part_noises(found: Values, wanted: Values, widths: Widths) -> list[float]:
    """Return noise over variance of each part, about the mean of each column over the rows."""
    ends = np.cumsum(widths or (wanted.shape[-1],))[:-1]
    parts = zip(np.split(found, ends, axis=-1), np.split(wanted, ends, axis=-1), strict=True)
    return [_noise_of_samples(ours, theirs) for ours, theirs in parts]


def _noise_of_samples(found: Values, wanted: Values) -> float:
    """Return noise over the variance within a sample, mean over the samples.

    Raw scores of a rare image may be a hundred times as large as those of others: of the noise and
    the variance of all samples together, that image would be all.
    """
    pairs = list(zip(found, wanted, strict=True))
    if any(np.ptp(theirs) == 0 for _, theirs in pairs):
        return _image_noise(found, wanted, ())
    return _mean([_image_noise(ours[None], theirs[None], ()) for ours, theirs in pairs])


def _detection_noise(found: Values, wanted: Values, widths: Widths) -> float:
    return _mean(_part_noises(found, wanted, widths))


def _detection_figures(found: Values, wanted: Values, widths: Widths) -> dict[str, Any]:
    noises = _part_noises(found, wanted, widths)
    return {"parts_db": tuple(map(decibels_of, noises))} if len(noises) > 1 else {}


def _plain_noise(found: Values, wanted: Values, widths: Widths) -> float:
    return _over(_power(found, wanted), _power(wanted, 0.0))


def _unknown_figures(found: Values, wanted: Values, widths: Widths) -> dict[str, Any]:
    is_row = wanted.ndim == 2 and wanted.shape[1] > 1
    return _class_figures(found, wanted, widths) if is_row else {}


def _no_figures(found: Values, wanted: Values, widths: Widths) -> dict[str, Any]:
    return {}


def _power(values: Values, others: Values | float) -> float:
    """Return the mean square of a difference."""
    total = sum(
        float(np.square(np.subtract(value, other, dtype=np.float64)).sum())
        for value, other in zip(values, _for_each(values, others), strict=True)
    )
    return total / values.size


def _for_each(values: Values, others: Values | float) -> Iterator[Any]:
    """Yield what is subtracted from each sample: its own values, or the same from all."""
    if isinstance(others, np.ndarray) and others.shape == values.shape:
        return iter(others)
    return (others for _ in values)


def _mean_sample(wanted: Values) -> Values | float:
    """Return the mean over the samples; 0 for a single sample, which has no variance."""
    if len(wanted) < 2:
        return 0.0
    mean: Values = wanted.mean(axis=0, dtype=np.float64)
    return mean


def _over(noise: float, signal: float) -> float:
    """Return noise over signal, infinite where there is noise and no signal."""
    if not noise:
        return 0.0
    return float(noise / signal) if signal else math.inf


def _mean(numbers: Iterator[float] | Sequence[float]) -> float:
    return float(np.mean(list(numbers)))


def _places(values: Values) -> Iterator[slice]:
    """Yield the samples one by one: all maps at once in double precision fill the memory."""
    return (slice(number, number + 1) for number in range(len(values)))


def _finite(noise: Callable[[Values, Values, Widths], float]) -> Callable[..., float]:
    """Return noise over signal as a loss, which is finite also without a signal."""

    def loss(found: Values, wanted: Values, widths: Widths) -> float:
        ratio = noise(found, wanted, widths)
        return ratio if math.isfinite(ratio) else _power(found, wanted)

    return loss


_CLASSES = OutputMeasure(class_divergence, class_noise, _class_figures)
_BINARY = OutputMeasure(binary_divergence, _binary_noise, _binary_figures)

MEASURES: dict[OutputKind, OutputMeasure] = {
    OutputKind.CLASSES: _CLASSES,
    OutputKind.LABELS: _BINARY,
    OutputKind.PROBABILITY: _BINARY,
    OutputKind.NUMBERS: OutputMeasure(_finite(spread_noise), spread_noise, _number_figures),
    OutputKind.EMBEDDING: OutputMeasure(_embedding_loss, _embedding_noise, _embedding_figures),
    OutputKind.MAP: OutputMeasure(_map_loss, _map_noise, _map_figures),
    OutputKind.IMAGE: OutputMeasure(_finite(_image_noise), _image_noise, _image_figures),
    OutputKind.DETECTIONS: OutputMeasure(
        _finite(_detection_noise), _detection_noise, _detection_figures
    ),
    OutputKind.SEQUENCE: _CLASSES,
    OutputKind.UNKNOWN: OutputMeasure(_finite(_plain_noise), _plain_noise, _unknown_figures),
}
"""The kinds of outputs, and how each is compared."""
