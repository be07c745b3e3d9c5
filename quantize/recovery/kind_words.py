"""What is said of an output's fidelity in the words of its kind; needs no numpy.

A row of :data:`KIND_WORDS` is a kind: the figures of a good file, what a user is warned of, and
what a file loses by which unit.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from edgecnn.quantize.recovery.proof import OutputFidelity, noise_of
from edgecnn.tflite.output_kinds import OutputKind

LEAST_AGREEMENT = 0.95
"""Agreement with the float model below which a user is warned."""
LEAST_MAP_AGREEMENT = 0.97
"""Part of a map's positions below which a user is warned: most of them are far from any edge."""
MOST_VARIANCE = 0.02
"""Part of the variance of numbers that they may be off by before a user is warned: of a network
that explains nine tenths of what it measures, it takes a fiftieth more."""
LEAST_COSINE = 0.98
LEAST_PSNR_DB = 28.0
"""PSNR below which a difference from the float model's image is seen."""


@dataclass(frozen=True)
class KindWords:
    """What is said of the outputs of one kind.

    Args:
        figures: The figures of an output, each with its value as text: ``("cosine", "0.998")``.
        warning: What differs from the float model, as a clause after "its answer"; None where that
            is little.
        loss: What a file loses, in percent of what :attr:`unit` names.
        unit: What a budget counts: a key of ``budget.verdict.BUDGET_UNITS``.
    """

    figures: Callable[[OutputFidelity], list[tuple[str, str]]]
    warning: Callable[[OutputFidelity, str], str | None]
    loss: Callable[[OutputFidelity], float]
    unit: str


def decibel_text(ratio: float) -> str:
    """Show a ratio of signal to noise.

    Example:
        >>> decibel_text(24.06)
        '24.1 dB'
    """
    if math.isfinite(ratio):
        return f"{ratio:.1f} dB"
    return "equal" if ratio > 0 else "no signal"


def _percent(share: float | None) -> str:
    return f"{100 * (share or 0.0):.1f} %"


def _decides(what: str, scores: str) -> Callable[[OutputFidelity], list[tuple[str, str]]]:
    """Return the figures of outputs that decide: agreement, and the ratio of their scores."""
    return lambda found: [
        (f"agrees with float on {{}} of {what}", _percent(found.agreement)),
        (scores, decibel_text(found.sqnr_db)),
    ]


def _map_figures(found: OutputFidelity) -> list[tuple[str, str]]:
    return [
        ("agrees with float on {} of the pixels of {samples}", _percent(found.agreement)),
        ("mIoU against float", _percent(found.mean_iou)),
        ("scores", decibel_text(found.sqnr_db)),
    ]


def _number_figures(found: OutputFidelity) -> list[tuple[str, str]]:
    least = [] if found.least_db is None else [("the worst number", decibel_text(found.least_db))]
    return [
        ("{} against the variance of {samples}", decibel_text(found.sqnr_db)),
        *least,
        ("off by at most", f"{found.largest_error or 0.0:.3g}"),
    ]


def _embedding_figures(found: OutputFidelity) -> list[tuple[str, str]]:
    return [
        ("cosine to float {} (mean of {samples})", f"{found.cosine or 0.0:.4f}"),
        ("least", f"{found.least_cosine or 0.0:.4f}"),
    ]


def _image_figures(found: OutputFidelity) -> list[tuple[str, str]]:
    return [
        ("PSNR {} against float's {samples}", decibel_text(found.psnr_db or math.inf)),
        ("SSIM", f"{found.ssim or 0.0:.3f}"),
    ]


def _detection_figures(found: OutputFidelity) -> list[tuple[str, str]]:
    if not found.parts_db:
        return [("{} against the variance on {samples}", decibel_text(found.sqnr_db))]
    parts = " and ".join(map(decibel_text, found.parts_db))
    return [("{} against the variance, part by part, on {samples}", parts)]


def _unknown_figures(found: OutputFidelity) -> list[tuple[str, str]]:
    values = ("values {} on {samples}", decibel_text(found.sqnr_db))
    if found.agreement is None:
        return [values]
    return [values, ("the largest number in the same place for", _percent(found.agreement))]


def _differs(what: str, least: float) -> Callable[[OutputFidelity, str], str | None]:
    def warning(found: OutputFidelity, samples: str) -> str | None:
        if found.agreement is None or found.agreement >= least:
            return None
        return f"differs from the float model's for {_percent(1 - found.agreement)} of " + (
            what.format(samples=samples)
        )

    return warning


def _is_off(found: OutputFidelity, samples: str) -> str | None:
    part = noise_of(found.sqnr_db)
    if part <= MOST_VARIANCE:
        return None
    how = "more than its variance" if part >= 1 else f"{_percent(part)} of its variance"
    return f"is off the float model's by {how} on {samples}"


def _turns(found: OutputFidelity, samples: str) -> str | None:
    if found.cosine is None or found.cosine >= LEAST_COSINE:
        return None
    return f"points elsewhere than the float model's: a cosine of {found.cosine:.3f}"


def _is_seen(found: OutputFidelity, samples: str) -> str | None:
    if found.psnr_db is None or found.psnr_db >= LEAST_PSNR_DB:
        return None
    return f"is an image {decibel_text(found.psnr_db)} (PSNR) from the float model's"


def _may_differ(found: OutputFidelity, samples: str) -> str | None:
    if found.agreement is None or found.agreement >= LEAST_AGREEMENT:
        return None
    return (
        f"has its largest number in another place than the float model's for "
        f"{_percent(1 - found.agreement)} of {samples}, which matters if the numbers are "
        "scores of classes (--task says what they are)"
    )


def _disagreement(found: OutputFidelity) -> float:
    return 100.0 * (1.0 - (1.0 if found.agreement is None else found.agreement))


def _noise(found: OutputFidelity) -> float:
    return 100.0 * noise_of(found.sqnr_db)


def _angle(found: OutputFidelity) -> float:
    return 100.0 * (1.0 - (found.cosine or 0.0))


KIND_WORDS: dict[OutputKind, KindWords] = {
    OutputKind.CLASSES: KindWords(
        _decides("{samples}", "scores"),
        _differs("{samples}", LEAST_AGREEMENT),
        _disagreement,
        "agreement",
    ),
    OutputKind.LABELS: KindWords(
        _decides("the labels of {samples}", "scores"),
        _differs("the labels of {samples}", LEAST_AGREEMENT),
        _disagreement,
        "decisions",
    ),
    OutputKind.PROBABILITY: KindWords(
        _decides("{samples}, decided at 0.5", "scores"),
        _differs("{samples}, decided at 0.5", LEAST_AGREEMENT),
        _disagreement,
        "agreement",
    ),
    OutputKind.NUMBERS: KindWords(_number_figures, _is_off, _noise, "variance"),
    OutputKind.EMBEDDING: KindWords(_embedding_figures, _turns, _angle, "cosine"),
    OutputKind.MAP: KindWords(
        _map_figures,
        _differs("the pixels of {samples}", LEAST_MAP_AGREEMENT),
        _disagreement,
        "pixels",
    ),
    OutputKind.IMAGE: KindWords(_image_figures, _is_seen, _noise, "variance"),
    OutputKind.DETECTIONS: KindWords(_detection_figures, _is_off, _noise, "variance"),
    OutputKind.SEQUENCE: KindWords(
        _decides("the steps of {samples}", "scores"),
        _differs("the steps of {samples}", LEAST_AGREEMENT),
        _disagreement,
        "steps",
    ),
    OutputKind.UNKNOWN: KindWords(_unknown_figures, _may_differ, _noise, "variance"),
}
"""The kinds of outputs, and what is said of each."""


def describe_output(found: OutputFidelity, plain: OutputFidelity | None, samples: str) -> str:
    """Say in a line how near an output is to the float file's.

    Args:
        found: The output.
        plain: The output of the plain file, told beside it; None where nothing is told of that.
        samples: How many samples were compared, and what they are: ``"100 images"``.

    Example:
        >>> describe_output(after.outputs[0], before.outputs[0], "100 images")
        'agrees with float on 98.0 % of 100 images (plain 96.0 %), scores 24.1 dB (plain 16.3 dB)'
    """
    figures = KIND_WORDS[found.kind].figures
    beside = figures(plain) if plain is not None else [("", "")] * len(figures(found))
    parts = []
    for (words, value), (_, other) in zip(figures(found), beside, strict=False):
        text = words if "{}" in words else f"{words} {{}}"
        text = text.replace("{samples}", samples).replace("{}", value)
        parts.append(f"{text} (plain {other})" if plain is not None else text)
    return ", ".join(parts)
