"""Whether answers are those of the golden sample: identical, close, or different and where."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgecnn.golden.sample import GoldenAnswer, Values, sha256_of_array
from edgecnn.tflite.schemes import INTEGER_TOLERANCE, SCHEMES, AnswerTolerance

IDENTICAL, CLOSE, DIFFERENT = "identical", "close", "different"
VERDICTS = (IDENTICAL, CLOSE, DIFFERENT)
"""The best first."""


def tolerance_of(scheme: str) -> AnswerTolerance:
    """Return what may differ for a file of a scheme, as ``TfliteModel.scheme`` has it.

    Example:
        >>> tolerance_of("float32").score
        0.001
    """
    return SCHEMES[scheme].tolerance if scheme in SCHEMES else INTEGER_TOLERANCE


@dataclass(frozen=True)
class GoldenComparison:
    """One answer beside the golden one.

    Args:
        pattern: Of the picture.
        verdict: ``"identical"``, ``"close"`` or ``"different"``.
        largest_difference: Of a score; None where the answer is not finite.
        at: The class that differs the most; None where none does, or the answer is not finite.
        golden_top1: The best class when the file was made.
        golden_score: Its score then.
        top1: The best class here.
        score: Its score here.
    """

    pattern: str
    verdict: str
    largest_difference: float | None
    at: int | None
    golden_top1: int
    golden_score: float
    top1: int
    score: float

    @property
    def same_top1(self) -> bool:
        """Whether the best class is the same."""
        return self.top1 == self.golden_top1


def compare(golden: GoldenAnswer, found: Values, tolerance: AnswerTolerance) -> GoldenComparison:
    """Compare an answer with the golden one of the same picture.

    Args:
        golden: From the file.
        found: float32, the whole answer.
        tolerance: What may differ.

    Example:
        >>> compare(golden, answer, tolerance_of("int8")).verdict
        'close'
    """
    top1 = int(np.where(np.isnan(found), -np.inf, found).argmax())
    differences = _differences(golden, found) if np.isfinite(found).all() else None
    largest = None if differences is None else float(differences.max())
    if sha256_of_array(found) == golden.output_sha256:
        verdict = IDENTICAL
    else:
        verdict = CLOSE if _is_close(golden, top1, largest, tolerance) else DIFFERENT
    return GoldenComparison(
        pattern=golden.pattern,
        verdict=verdict,
        largest_difference=largest,
        at=int(differences.argmax()) if differences is not None and largest else None,
        golden_top1=golden.top1,
        golden_score=float(golden.values[0]),
        top1=top1,
        score=float(found[top1]),
    )


def _differences(golden: GoldenAnswer, found: Values) -> npt.NDArray[np.float64]:
    """Return how much each score differs; one that is not kept, by how much it is too high."""
    lowest = float(golden.values[-1])
    differences = np.maximum(found.astype(np.float64) - lowest, 0.0)
    differences[golden.classes] = np.abs(found[golden.classes].astype(np.float64) - golden.values)
    return differences


def _is_close(
    golden: GoldenAnswer, top1: int, largest: float | None, tolerance: AnswerTolerance
) -> bool:
    unit = max(1.0, float(np.abs(golden.values).max()))
    if largest is None or largest > tolerance.score * unit:
        return False
    if top1 == golden.top1:
        return True
    # Nearly equal classes may change places, as those of a model with random weights do.
    place = np.flatnonzero(golden.classes == top1)
    was = float(golden.values[place[0] if len(place) else -1])
    return float(golden.values[0]) - was <= tolerance.lead * unit
